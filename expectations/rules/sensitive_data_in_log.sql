-- One row an attempt whose free texts hold its own card number in full: as many digits as a card number has, beginning and
-- ending as its mask does. The number itself is never repeated.
WITH attempt_said AS (
    SELECT * FROM life WHERE pan_masked IS NOT NULL AND (length(order_ref) >= 13 OR length(operator_no) >= 13) AND in_scope(business_date)
),
said AS (
    SELECT *, order_ref AS said, 'order_ref' AS place FROM attempt_said
    UNION ALL
    SELECT *, operator_no, 'operator_no' FROM attempt_said
)
SELECT concat_ws('|', id, place) AS key, 1 AS numbers_in_clear, [id] AS subjects,
       merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, place AS in_field
FROM said
WHERE regexp_matches(said, '(^|[^0-9])' || left(pan_masked, 6) || '[0-9]{3,9}' || right(pan_masked, 4) || '([^0-9]|$)')

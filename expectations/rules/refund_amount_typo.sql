-- One row a refund that stands, with its sale: whether its amount is the sale's with the point moved (x10, x100,
-- /10) or with two neighbouring digits exchanged. Less than the sale may as well be a part refund.
WITH refund AS (
    SELECT r.id, r.merchant, r.terminal, r.business_date, r.amount_fen, r.linked_by, o.id AS sale_id, o.amount_fen AS sale_fen,
           r.amount_fen::VARCHAR AS typed, o.amount_fen::VARCHAR AS meant
    FROM life r
    JOIN origin o ON o.id = r.original
    WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.stands AND r.linked_by <> 'card' AND r.amount_fen <> o.amount_fen
      AND r.amount_fen > 0 AND o.amount_fen > 0 AND in_scope(r.business_date)
),
weighed AS (
    SELECT *, amount_fen IN (sale_fen * 10, sale_fen * 100) OR amount_fen * 10 = sale_fen AS point_moved,
           length(typed) = length(meant)
           AND list_contains(list_transform(generate_series(1, length(meant) - 1), lambda i: left(meant, i::INT - 1) || substr(meant, i::INT + 1, 1)
                             || substr(meant, i::INT, 1) || substr(meant, i::INT + 2)), typed) AS digits_exchanged
    FROM refund
)
SELECT id AS key, CASE WHEN point_moved OR digits_exchanged THEN 1 ELSE 0 END AS slips_of_the_finger, [id, sale_id] AS subjects,
       merchant, terminal, business_date, abs(amount_fen - sale_fen) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN amount_fen > sale_fen THEN 'clear' ELSE 'review' END AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       amount_fen AS refund_fen, sale_fen, point_moved, digits_exchanged
FROM weighed

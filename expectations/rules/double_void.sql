-- One row an approved void that stands: the how-manieth of its sale it is.
-- A void that was reversed and made again is one void.
WITH void AS (
    SELECT *, row_number() OVER (PARTITION BY original ORDER BY nth) AS voids_of_this_sale,
           first_value(id) OVER (PARTITION BY original ORDER BY nth) AS first_id,
           first_value(moment) OVER (PARTITION BY original ORDER BY nth) AS first_at
    FROM life WHERE kind = 'VOID' AND stands AND original IS NOT NULL
)
SELECT id AS key, voids_of_this_sale,
       CASE WHEN first_id = id THEN [id, original] ELSE [id, first_id, original] END AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       date_diff('second', first_at, moment) AS seconds_apart
FROM void
WHERE in_scope(business_date)

-- One row a sale whose void was declined, got no answer or was itself taken back, the last such void accused: whether the clearing day
-- ended with the sale as it was. The customer may have changed her mind. A gap lowers that only while the acquirer's files
-- do not tell what became of the sale (`vouched`).
WITH failed AS (
    SELECT v.*, o.id AS sale_id, o.moment AS sale_at, o.act_by AS sale_act_by, o.gap_later AND w.id IS NULL AS sale_gap,
           o.live AND o.refunded_fen = 0 AS as_it_was,
           (SELECT max(known_until) FROM merchant) > (v.clearing_day + to_seconds(m.cutoff_s)) AT TIME ZONE shop.zone AS day_over
    FROM life v
    CROSS JOIN shop
    JOIN merchant m ON m.merchant = v.merchant
    JOIN origin o ON o.id = v.original
    LEFT JOIN vouched w ON w.id = o.id
    WHERE v.kind = 'VOID' AND NOT v.stands
    QUALIFY row_number() OVER (PARTITION BY o.id ORDER BY v.nth DESC) = 1
)
SELECT id AS key, CASE WHEN as_it_was AND day_over THEN 1 ELSE 0 END AS voids_not_made, [id, sale_id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN sale_gap THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN sale_gap THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       state AS void_outcome, response_code AS void_response_code
FROM failed
WHERE in_scope(business_date)

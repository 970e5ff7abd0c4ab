-- One row a refund that stands, with its sale: whether the sale had been undone by a void that stands.
SELECT r.id AS key,
       CASE WHEN o.first_void_nth < r.nth THEN 1 ELSE 0 END AS undone_before_refund,
       [r.id, o.id] || CASE WHEN o.first_void_nth < r.nth THEN [o.first_void] ELSE [] END AS subjects,
       r.merchant, r.terminal, r.business_date, r.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN v.gap_later THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN v.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out
FROM life r
JOIN origin o ON o.id = r.original
LEFT JOIN life v ON v.id = o.first_void
WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.stands AND in_scope(r.business_date)

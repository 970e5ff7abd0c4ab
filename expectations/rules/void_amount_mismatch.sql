-- One row an approved void with its sale: both amounts. A void is always of the full amount; a sale
-- adjusted by a tip is compared as adjusted.
SELECT v.id AS key, v.amount_fen AS void_fen, o.amount_fen AS sale_fen,
       [v.id, o.id] AS subjects,
       v.merchant, v.terminal, v.business_date, abs(v.amount_fen - o.amount_fen) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN o.gap_later THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN o.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing,
       []::VARCHAR[] AS also_ruled_out
FROM life v
JOIN origin o ON o.id = v.original
WHERE v.kind = 'VOID' AND v.stands
  AND in_scope(v.business_date)

-- One row a large sale (5000 yuan, and the merchant's 99th percentile, at least) that states no PIN, at a terminal that
-- sends signatures: how many of it there are when its batch was settled.
WITH price AS (
    SELECT merchant, quantile_disc(amount_fen, 0.99) AS p99_fen FROM life WHERE kind = 'SALE' AND state = 'approved' GROUP BY merchant
)
SELECT l.id AS key, CASE WHEN s.signs IS NULL THEN 0 ELSE 1 END AS signatures, [l.id] AS subjects,
       l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN l.gap_later THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN l.gap_later THEN ['stan_gap'] ELSE ['slip'] END AS missing, []::VARCHAR[] AS also_ruled_out,
       l.entry_mode AS entry, price.p99_fen
FROM life l
JOIN parameter p USING (merchant)
JOIN price USING (merchant)
LEFT JOIN (SELECT DISTINCT signs FROM signature) s ON s.signs = l.id
WHERE l.kind = 'SALE' AND l.live AND right(l.entry_mode, 1) = '2' AND l.settled_at IS NOT NULL
  AND l.amount_fen >= greatest(p.least_fen, price.p99_fen) AND (l.merchant, l.terminal) IN (SELECT merchant, terminal FROM signature)
  AND in_scope(l.business_date)

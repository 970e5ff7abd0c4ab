-- One row a sale far above the merchant's prices (ten times the 99th percentile, of at least 100 sales) that still counts and
-- is followed within half an hour by the same card's sale of a tenth or a hundredth: the first was a slip of the
-- finger and was not undone. One that was voided or refunded has been put right.
WITH price AS (
    SELECT merchant, quantile_disc(amount_fen, 0.99) AS p99_fen, count(*) AS sales
    FROM life WHERE kind = 'SALE' AND state = 'approved' GROUP BY merchant HAVING count(*) >= 100
),
large AS (
    SELECT l.*, price.p99_fen
    FROM life l JOIN price USING (merchant)
    WHERE l.kind = 'SALE' AND l.exposed AND l.card IS NOT NULL AND l.amount_fen >= 10 * price.p99_fen AND in_scope(l.business_date)
)
SELECT g.id AS key, count(s.id) AS right_amounts_since, list_concat([any_value(g.id)], list(s.id ORDER BY s.nth)) AS subjects,
       g.merchant, g.terminal, g.business_date, g.amount_fen AS amount_at_risk_fen, g.act_by,
       CASE WHEN g.gap_later THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN g.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out, g.p99_fen
FROM large g
JOIN life s ON s.merchant = g.merchant AND s.card = g.card AND s.kind = 'SALE' AND s.state = 'approved' AND s.nth > g.nth
           AND s.moment <= g.moment + INTERVAL 30 MINUTE AND (s.amount_fen * 10 = g.amount_fen OR s.amount_fen * 100 = g.amount_fen)
GROUP BY ALL

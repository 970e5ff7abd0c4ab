-- One row a sale far above the merchant's prices (ten times the 99th percentile, of at least 100 sales) that was a slip of
-- the finger: it still counts and is followed within half an hour by the same card's sale of a tenth or a hundredth; or
-- it was voided or refunded within half an hour. The latter has been put right (`undone`): nothing is left to do.
WITH price AS (
    SELECT merchant, quantile_disc(amount_fen, 0.99) AS p99_fen, count(*) AS sales
    FROM life WHERE kind = 'SALE' AND state = 'approved' GROUP BY merchant HAVING count(*) >= 100
),
large AS (
    SELECT l.*, price.p99_fen
    FROM life l JOIN price USING (merchant)
    WHERE l.kind = 'SALE' AND l.stands AND l.amount_fen >= 10 * price.p99_fen AND in_scope(l.business_date)
),
undone AS (
    SELECT g.id, arg_min(u.id, u.nth) AS by_id, min(date_diff('second', g.moment, u.moment)) AS undone_s
    FROM large g
    JOIN life u ON u.original = g.id AND u.kind IN ('VOID', 'REFUND') AND u.stands AND u.moment <= g.moment + INTERVAL 30 MINUTE
    WHERE NOT g.exposed
    GROUP BY g.id
),
followed AS (
    SELECT g.id, list(s.id ORDER BY s.nth) AS right_ids
    FROM large g
    JOIN life s ON s.merchant = g.merchant AND s.card = g.card AND s.kind = 'SALE' AND s.state = 'approved' AND s.nth > g.nth
               AND s.moment <= g.moment + INTERVAL 30 MINUTE AND (s.amount_fen * 10 = g.amount_fen OR s.amount_fen * 100 = g.amount_fen)
    WHERE g.exposed
    GROUP BY g.id
)
SELECT g.id AS key, 1 AS slips_of_the_finger, [g.id] || coalesce(f.right_ids, [u.by_id]) AS subjects,
       g.merchant, g.terminal, g.business_date, CASE WHEN u.id IS NULL THEN g.amount_fen ELSE 0 END AS amount_at_risk_fen,
       CASE WHEN u.id IS NULL THEN g.act_by END AS act_by,
       CASE WHEN u.id IS NOT NULL THEN 'undone' WHEN g.gap_later THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN g.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing,
       CASE WHEN u.id IS NULL THEN ['reversed', 'voided', 'refunded'] ELSE ['reversed'] END AS also_ruled_out, g.p99_fen, u.undone_s
FROM large g
LEFT JOIN undone u ON u.id = g.id
LEFT JOIN followed f ON f.id = g.id
WHERE u.id IS NOT NULL OR f.id IS NOT NULL

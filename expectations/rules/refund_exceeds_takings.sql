-- One row a refund of an earlier day's sale where refunds are paid out of the day's takings: it, and what the
-- merchant had taken less refunded by then. Of a day with records missing nothing is said.
WITH day AS (
    SELECT l.merchant, l.business_date, l.id, l.nth, l.kind, l.stands, l.amount_fen,
           CASE WHEN l.kind IN ('SALE', 'OFFLINE_SALE', 'QR_SALE', 'COMPLETION') AND l.live THEN l.amount_fen
                WHEN l.kind IN ('REFUND', 'QR_REFUND') AND l.stands THEN -l.amount_fen ELSE 0 END AS worth_fen
    FROM life l
    JOIN parameter p ON p.merchant = l.merchant AND p.from_takings
),
until AS (
    SELECT *, coalesce((sum(worth_fen) OVER (PARTITION BY merchant, business_date ORDER BY nth
                                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)), 0)::BIGINT AS takings_fen
    FROM day
)
SELECT r.id AS key, r.amount_fen AS refund_fen, greatest(u.takings_fen, 0) AS takings_fen,
       CASE WHEN r.original IS NULL THEN [r.id] ELSE [r.id, r.original] END AS subjects,
       r.merchant, r.terminal, r.business_date, r.amount_fen - greatest(u.takings_fen, 0) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, ['acquirer_file'] AS missing, []::VARCHAR[] AS also_ruled_out
FROM until u
JOIN life r USING (id)
LEFT JOIN origin o ON o.id = r.original
WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.state <> 'declined' AND coalesce(o.business_date, r.orig_date) < r.business_date
  AND in_scope(r.business_date)
  AND NOT EXISTS (SELECT 1 FROM terminal_day t WHERE t.merchant = r.merchant AND t.business_date = r.business_date)

-- Batch uploads that began on the days asked for, and the transactions that their rows may be: same terminal and batch.
WITH sent AS (
    SELECT *, coalesce(requested_at, responded_at) AS seen
      FROM around
     WHERE operation = 'BATCH_UPLOAD' AND request_seq IS NOT NULL AND seen_date IN (SELECT unnest($days::DATE[]))
)
SELECT s.id AS upload, t.id, t.stan, t.amount_fen, t.rrn, t.outcome, t.event_at
  FROM around t
  JOIN sent s
    ON t.terminal_id = s.terminal_id AND t.batch_no = s.batch_no
   AND t.seen_date BETWEEN s.seen_date - $reach AND s.seen_date
   AND coalesce(t.requested_at <= s.seen, true)
 WHERE t.kind = 'financial' AND t.txn_type IS DISTINCT FROM 'REVERSAL'

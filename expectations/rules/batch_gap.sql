-- One row a batch with the one before it on its terminal: batch numbers skipped in between. A host gives a batch its
-- number at sign-in, and a key or parameter download may start anew. What only an upload or an echo names is no batch of
-- money: neither it nor the step from it is judged. Where two devices bear a terminal's number (they speak by turns on two
-- lines), their batches are no sequence.
WITH of_money AS (
    SELECT DISTINCT merchant, terminal, batch, epoch FROM used WHERE source <> 'event' AND batch IS NOT NULL
),
step AS (
    SELECT b.*, m.batch IS NOT NULL AS is_of_money, lag(m.batch) OVER w AS batch_before, lag(last_moment) OVER w AS ended_at,
           lag(last_id) OVER w AS id_before
    FROM batch b
    LEFT JOIN of_money m USING (merchant, terminal, batch, epoch)
    WINDOW w AS (PARTITION BY merchant, terminal ORDER BY b.first_moment, b.batch)
),
skipped AS (
    SELECT s.*, (batch - batch_before + 999999) % 999999 - 1 AS batches_skipped
    FROM step s
    WHERE batch_before IS NOT NULL AND is_of_money AND in_scope(business_date) AND start <> 'signed_in'
      AND (batch - batch_before + 999999) % 999999 < 500000
      AND NOT EXISTS (SELECT 1 FROM event e WHERE e.merchant = s.merchant AND e.terminal = s.terminal
                        AND e.operation IN ('SIGN_IN', 'KEY_DOWNLOAD', 'PARAMETERS')
                        AND e.moment BETWEEN s.ended_at - INTERVAL 1 MINUTE AND s.first_moment + INTERVAL 1 MINUTE)
),
heard AS (
    SELECT s.first_id, a.line, min(a.moment) AS first_at, max(a.moment) AS last_at
    FROM skipped s
    JOIN attempt a ON a.terminal = s.terminal AND a.moment BETWEEN s.first_moment - INTERVAL 7 DAY AND s.first_moment + INTERVAL 1 DAY
    WHERE s.batches_skipped > 0 AND a.line IS NOT NULL
    GROUP BY s.first_id, a.line
),
two_devices AS (
    SELECT DISTINCT a.first_id FROM heard a
    JOIN heard b ON b.first_id = a.first_id AND b.line <> a.line AND b.first_at < a.last_at AND a.first_at < b.last_at
)
SELECT first_id AS key, greatest(batches_skipped, 0) AS batches_skipped, [first_id, id_before] AS subjects,
       merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, batch_before AS batch_no_before, batch AS batch_no
FROM skipped
WHERE first_id NOT IN (SELECT first_id FROM two_devices)

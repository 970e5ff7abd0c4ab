-- One row an attempt whose trace number follows another's in its batch while its terminal's clock stands more than a minute
-- earlier: by how many seconds. A clock that was set nearer to the host's was put right.
WITH clocked AS (
    SELECT nth, stan, terminal_dt, (trace // 10000000)::BIGINT AS batch_number
    FROM attempt
    WHERE stan IS NOT NULL AND batch IS NOT NULL AND terminal_dt IS NOT NULL AND kind NOT IN ('OFFLINE_SALE', 'REVERSAL') AND NOT only_in_journal
),
-- In most batches the clock never turns back in the order of their numbers: these need not be put in order row by row. The
-- attempts of the others are, by numbers alone; what they are called is asked of the few that turn back.
turning AS (
    SELECT batch_number FROM clocked
    GROUP BY batch_number
    HAVING list_reduce(list_sort(list(stan * 100000000000 + epoch_us(terminal_dt) // 1000000)),
                       lambda before, told: CASE WHEN before < 0 OR told % 100000000000 < before % 100000000000 THEN -1 ELSE told END, 0::BIGINT) < 0
),
step AS (
    SELECT nth, stan, terminal_dt, lag(terminal_dt) OVER w AS before_dt, lag(nth) OVER w AS before_nth, lag(stan) OVER w AS before_stan
    FROM clocked SEMI JOIN turning USING (batch_number)
    WINDOW w AS (PARTITION BY batch_number ORDER BY stan, nth)
),
turned AS (
    SELECT * FROM step WHERE date_diff('second', terminal_dt, before_dt) > 0 AND stan > before_stan AND stan - before_stan < 1000
)
SELECT l.id AS key, date_diff('second', l.terminal_dt, b.terminal_dt) AS seconds_back, [l.id, b.id] AS subjects,
       l.merchant, l.terminal, l.business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, CASE WHEN l.host_dt IS NULL OR b.host_dt IS NULL THEN ['host_clock'] ELSE []::VARCHAR[] END AS missing,
       ['clock_put_right'] AS also_ruled_out, l.terminal_dt AS clock_says, b.terminal_dt AS clock_said_before
FROM turned t
JOIN life l ON l.nth = t.nth
JOIN life b ON b.nth = t.before_nth
WHERE in_scope(l.business_date)
  AND NOT coalesce(abs(epoch(l.terminal_dt) - epoch(l.host_dt)) < abs(epoch(b.terminal_dt) - epoch(b.host_dt)), false)

-- One row an attempt whose trace number follows another's in its batch while its terminal's clock stands more than a minute
-- earlier: by how many seconds. A clock that was set nearer to the host's was put right.
WITH step AS (
    SELECT id, stan, terminal_dt, host_dt, lag(terminal_dt) OVER w AS before_dt, lag(host_dt) OVER w AS before_host,
           lag(id) OVER w AS before_id, lag(stan) OVER w AS before_stan
    FROM attempt
    WHERE stan IS NOT NULL AND batch IS NOT NULL AND terminal_dt IS NOT NULL AND kind NOT IN ('OFFLINE_SALE', 'REVERSAL') AND NOT only_in_journal
    WINDOW w AS (PARTITION BY trace // 10000000 ORDER BY stan, nth)
)
SELECT id AS key, date_diff('second', s.terminal_dt, before_dt) AS seconds_back, [id, before_id] AS subjects,
       merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, CASE WHEN s.host_dt IS NULL OR before_host IS NULL THEN ['host_clock'] ELSE []::VARCHAR[] END AS missing,
       ['clock_put_right'] AS also_ruled_out, s.terminal_dt AS clock_says, before_dt AS clock_said_before
FROM step s
JOIN life USING (id)
WHERE before_dt > s.terminal_dt AND s.stan > before_stan AND s.stan - before_stan < 1000 AND in_scope(business_date)
  AND NOT coalesce(abs(epoch(s.terminal_dt) - epoch(s.host_dt)) < abs(epoch(before_dt) - epoch(before_host)), false)

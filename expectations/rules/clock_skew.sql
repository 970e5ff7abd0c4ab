-- One row a terminal's day: the median of its clock against the host's, in seconds, over at least three answers.
WITH day AS (
    SELECT terminal, business_date, arg_min(merchant, nth) AS merchant, arg_min(id, nth) AS id
    FROM attempt WHERE host_dt IS NOT NULL AND terminal_dt IS NOT NULL
    GROUP BY terminal, business_date
)
SELECT concat_ws('|', c.terminal_id, c.business_date) AS key, abs(c.ahead_us) // 1000000 AS seconds_off, p.seconds AS seconds_allowed,
       [d.id] AS subjects, d.merchant, d.terminal, d.business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN abs(c.ahead_us) // 1000000 > p.grave_seconds THEN 'grave' ELSE 'clear' END AS grade,
       []::VARCHAR[] AS missing, ['late_row'] AS also_ruled_out, c.ahead_us // 1000000 AS seconds_ahead, c.readings
FROM clock c
JOIN day d ON d.terminal = c.terminal_id AND d.business_date = c.business_date
JOIN parameter p ON p.merchant = d.merchant
WHERE c.readings >= 3 AND in_scope(c.business_date)

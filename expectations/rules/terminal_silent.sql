-- One row a terminal's day on which its shop went on trading without it: how long it was silent at the end, against twice
-- its usual longest pause (19 of 20 of its days in the 30 before, at least ten days known).
WITH day AS (
    SELECT merchant, terminal, business_date, min(moment) AS first_at, max(moment) AS last_at, arg_max(id, moment) AS last_id
    FROM used WHERE source = 'attempt' GROUP BY merchant, terminal, business_date
),
shop_day AS (SELECT merchant, business_date, max(last_at) AS shop_until, count(*) AS terminals FROM day GROUP BY merchant, business_date),
tail AS (
    SELECT d.*, date_diff('second', d.last_at, s.shop_until) AS silent_s, s.terminals FROM day d JOIN shop_day s USING (merchant, business_date)
),
usual AS (
    SELECT *, quantile_disc(silent_s, 0.95) OVER w AS usual_s, count(*) OVER w AS days_known
    FROM tail
    WINDOW w AS (PARTITION BY merchant, terminal ORDER BY business_date RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING)
)
SELECT concat_ws('|', u.merchant, u.terminal, u.business_date) AS key, u.silent_s, greatest(2 * u.usual_s, p.least_s) AS silence_allowed_s,
       [u.last_id] AS subjects, u.merchant, u.terminal, u.business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, ['opening_hours'] AS missing, []::VARCHAR[] AS also_ruled_out, u.usual_s, u.last_at
FROM usual u JOIN parameter p USING (merchant)
WHERE u.days_known >= 10 AND u.terminals > 1 AND in_scope(u.business_date)

-- One row a terminal and day: how long it was silent at the day's end, or all day, against twice its usual silence there
-- (19 of 20 of its days in the 30 before, at least ten days known). The day ends with the last message of the shop's
-- other terminals; where none spoke, when the shop usually closes (half of its days in the 30 before), if records reach
-- past it. A day on which nobody spoke is a closed one where this weekday mostly was, and on public holidays. A silence
-- of days is told on the first.
-- And one row a terminal and day with its longest pause before a message, in the hours in which the shop is usually open,
-- against twice its usual longest pause; pauses under ten minutes are none.
WITH day AS (
    SELECT merchant, terminal, business_date, min(moment) AS first_at, max(moment) AS last_at, arg_max(id, moment) AS last_id
    FROM attempt GROUP BY merchant, terminal, business_date
),
shop_day AS (
    SELECT merchant, business_date, max(last_at) AS shop_until, count(*) AS terminals,
           epoch(min(first_at) AT TIME ZONE any_value(zone) - business_date::TIMESTAMP)::BIGINT AS opens_s,
           epoch(max(last_at) AT TIME ZONE any_value(zone) - business_date::TIMESTAMP)::BIGINT AS closes_s
    FROM day CROSS JOIN shop GROUP BY merchant, business_date
),
asked AS (
    SELECT d.day::DATE AS business_date
    FROM (SELECT unnest(generate_series(min(business_date), max(business_date), INTERVAL 1 DAY)) AS day FROM day) d
),
habit AS (
    SELECT a.business_date, s.merchant, quantile_disc(s.opens_s, 0.5) AS opens_s, quantile_disc(s.closes_s, 0.5) AS closes_s,
           count(*) FILTER (dayofweek(s.business_date) = dayofweek(a.business_date)) * 2 >= date_diff('day', min(s.business_date), a.business_date) // 7
               AS open_weekday
    FROM asked a JOIN shop_day s ON s.business_date BETWEEN a.business_date - 30 AND a.business_date - 1
    GROUP BY a.business_date, s.merchant
),
holiday AS (
    SELECT a.day FROM calendar a JOIN calendar b ON b.day = a.day - 1 WHERE a.worked = b.worked AND dayofweek(a.day) BETWEEN 1 AND 5
),
tail AS (
    SELECT t.merchant, t.terminal, h.business_date, d.last_at, d.last_id, coalesce(s.terminals, 0) AS terminals,
           CASE WHEN s.terminals > (d.last_at IS NOT NULL)::INT THEN s.shop_until
                ELSE (h.business_date::TIMESTAMP + to_seconds(h.closes_s)) AT TIME ZONE shop.zone END AS ends_at,
           (h.business_date::TIMESTAMP + to_seconds(h.opens_s)) AT TIME ZONE shop.zone AS opens_at, h.open_weekday
    FROM (SELECT merchant, terminal, min(business_date) AS since FROM day GROUP BY merchant, terminal) t
    JOIN habit h ON h.merchant = t.merchant AND h.business_date > t.since
    CROSS JOIN shop
    LEFT JOIN day d ON d.merchant = t.merchant AND d.terminal = t.terminal AND d.business_date = h.business_date
    LEFT JOIN shop_day s ON s.merchant = t.merchant AND s.business_date = h.business_date
),
measured AS (
    SELECT *, greatest(date_diff('second', coalesce(last_at, opens_at), ends_at), 0) AS silent_s, last_at IS NOT NULL AS spoke FROM tail
),
usual AS (
    SELECT *, quantile_disc(silent_s, 0.95) FILTER (spoke) OVER w AS usual_s, count(*) FILTER (spoke) OVER w AS days_known,
           arg_max(last_id, last_at) OVER before AS last_known
    FROM measured
    WINDOW w AS (PARTITION BY merchant, terminal ORDER BY business_date RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING),
           before AS (PARTITION BY merchant, terminal ORDER BY business_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- The longest pause of each terminal's day, the first of several. Its messages are in seconds from opening to closing;
-- one number carries the pause, the second on which it began, and that of the message before, six digits each.
hours AS (
    SELECT business_date, merchant, epoch_us((business_date::TIMESTAMP + to_seconds(opens_s)) AT TIME ZONE shop.zone) // 1000000 AS opens,
           epoch_us((business_date::TIMESTAMP + to_seconds(closes_s)) AT TIME ZONE shop.zone) // 1000000 AS closes
    FROM habit CROSS JOIN shop
),
heard AS (
    SELECT merchant, terminal, business_date, list_sort(list(epoch_us(moment) // 1000000) FILTER (moment IS NOT NULL)) AS seconds
    FROM attempt
    WHERE business_date >= (SELECT min(business_date) FROM day WHERE in_scope(business_date)) - 30
    GROUP BY merchant, terminal, business_date
),
pause AS (
    SELECT h.merchant, h.terminal, h.business_date,
           list_reduce(list_transform(h.seconds, lambda second: greatest(least(second, c.closes) - c.opens, 0)),
                       lambda known, second: CASE WHEN second - known % 1000000 > known // 1000000000000
                           THEN (second - known % 1000000) * 1000000000000 + known % 1000000 * 1000000 + second
                           ELSE known - known % 1000000 + second END, 0::BIGINT) AS longest
    FROM heard h JOIN hours c ON c.merchant = h.merchant AND c.business_date = h.business_date
),
paused AS (
    SELECT d.merchant, d.terminal, d.business_date, c.opens + p.longest // 1000000 % 1000000 AS since,
           CASE WHEN p.longest // 1000000000000 >= 600 THEN p.longest // 1000000000000 ELSE 0 END AS pause_s,
           quantile_disc(CASE WHEN p.longest // 1000000000000 >= 600 THEN p.longest // 1000000000000 ELSE 0 END, 0.95) OVER w AS usual_s,
           count(*) OVER w AS days_known
    FROM (SELECT merchant, terminal, business_date FROM day) d
    JOIN hours c ON c.merchant = d.merchant AND c.business_date = d.business_date
    LEFT JOIN pause p ON p.merchant = d.merchant AND p.terminal = d.terminal AND p.business_date = d.business_date
    WINDOW w AS (PARTITION BY d.merchant, d.terminal ORDER BY d.business_date RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING)
),
told AS (
    SELECT u.merchant, u.terminal, u.business_date, u.pause_s, u.usual_s,
           max(a.moment) FILTER (epoch_us(a.moment) // 1000000 <= u.since) AS before_at,
           arg_max(a.id, a.nth) FILTER (epoch_us(a.moment) // 1000000 <= u.since) AS before_id,
           arg_min(a.id, a.nth) FILTER (epoch_us(a.moment) // 1000000 > u.since) AS id
    FROM paused u
    JOIN attempt a ON a.merchant = u.merchant AND a.terminal = u.terminal AND a.business_date = u.business_date
    WHERE u.days_known >= 10 AND u.pause_s > 0 AND in_scope(u.business_date) AND u.business_date NOT IN (SELECT day FROM holiday)
    GROUP BY u.merchant, u.terminal, u.business_date, u.pause_s, u.usual_s
)
SELECT concat_ws('|', u.merchant, u.terminal, u.business_date) AS key, u.silent_s, greatest(2 * u.usual_s, p.least_s) AS silence_allowed_s,
       [coalesce(u.last_id, u.last_known)] AS subjects, u.merchant, u.terminal, u.business_date, 0 AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, ['opening_hours'] AS missing, []::VARCHAR[] AS also_ruled_out, u.usual_s, u.last_at,
       CASE WHEN u.terminals <= u.spoke::INT THEN u.silent_s // 3600 END AS alone_h, NULL::BIGINT AS paused_min
FROM usual u JOIN parameter p USING (merchant)
WHERE u.days_known >= 10 AND in_scope(u.business_date) AND u.ends_at <= (SELECT max(moment) FROM used)
  AND (u.terminals > 0 OR u.open_weekday AND u.business_date NOT IN (SELECT day FROM holiday))
QUALIFY u.spoke OR row_number() OVER (PARTITION BY u.merchant, u.terminal, u.last_known, u.spoke ORDER BY u.business_date) = 1
UNION ALL
SELECT concat_ws('|', u.merchant, u.terminal, u.business_date, 'pause'), u.pause_s, greatest(2 * u.usual_s, p.least_s),
       CASE WHEN u.before_id IS NULL THEN [u.id] ELSE [u.id, u.before_id] END, u.merchant, u.terminal, u.business_date, 0,
       NULL::TIMESTAMPTZ, 'clear', ['opening_hours'], []::VARCHAR[], u.usual_s, u.before_at, NULL, u.pause_s // 60
FROM told u JOIN parameter p USING (merchant)

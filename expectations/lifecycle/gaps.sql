-- What was not seen: trace numbers that a terminal must have used and that are nowhere.
--
-- In:  used.
-- Out: gap (one row a run of missing numbers of a batch), batch (one row a batch), missing_run, terminal_day.

-- Numbers run 1 … 999999 and around. On that circle the widest hop (`widest` = 1) is the part a batch
-- never reached: it leads from the batch's last number to its first.
-- Most batches lack nothing: of them the first and the last number are enough.
CREATE TEMP TABLE hop AS
WITH spread AS (
    SELECT merchant, terminal, batch, epoch, min(stan) AS low, max(stan) AS high,
           list_reduce(list_sort(list(stan)), lambda last, stan: CASE WHEN last < 0 OR stan - last > 1 THEN -1 ELSE stan END, min(stan)) > 0
               AND max(stan) - min(stan) < 500000 AS whole
    FROM used
    WHERE batch IS NOT NULL AND stan BETWEEN 1 AND 999999
    GROUP BY merchant, terminal, batch, epoch
),
number AS (
    SELECT merchant, terminal, batch, epoch, stan, min(moment) AS moment, arg_min(id, moment) AS id,
           arg_min(what, moment) AS what, arg_min(business_date, moment) AS business_date, any_value(whole) AS whole
    FROM used JOIN spread USING (merchant, terminal, batch, epoch)
    WHERE stan BETWEEN 1 AND 999999 AND (NOT whole OR stan = low OR stan = high)
    GROUP BY merchant, terminal, batch, epoch, stan
),
step AS (
    SELECT *, coalesce(lead(stan) OVER w, first_value(stan) OVER w + 999999) - stan AS step,
           coalesce(lead(stan) OVER w, first_value(stan) OVER w) AS next_stan,
           coalesce(lead(id) OVER w, first_value(id) OVER w) AS next_id,
           coalesce(lead(what) OVER w, first_value(what) OVER w) AS next_what,
           coalesce(lead(moment) OVER w, first_value(moment) OVER w) AS next_moment,
           coalesce(lead(business_date) OVER w, first_value(business_date) OVER w) AS next_date,
           lead(stan) OVER w IS NULL AS wraps
    FROM number
    WINDOW w AS (PARTITION BY merchant, terminal, batch, epoch ORDER BY stan
                 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
SELECT *, row_number() OVER (PARTITION BY merchant, terminal, batch, epoch ORDER BY step DESC, wraps DESC, stan DESC) AS widest
FROM step
WHERE NOT whole OR wraps;

-- Every other hop over more than one number lies between numbers that were used. No batch has 20 000
-- attempts (a terminal's log holds 1000): a hop that wide is the part never reached, or a counter set anew. So is one
-- that leads back in time: a terminal that was replaced counts from 1 again, below the numbers that came before; or one
-- from high numbers to a sign-in with number 1, the first message of a device that is new.
CREATE TEMP TABLE gap AS
WITH
-- A number that the terminal spent in another batch, under another merchant number, or in a message without a
-- batch is not missing.
missing AS (
    SELECT *
    FROM (SELECT *, unnest(generate_series(1, step - 1)) AS k FROM hop
          WHERE step BETWEEN 2 AND 20000 AND next_moment >= moment - INTERVAL 5 MINUTE
            AND NOT (wraps AND next_stan = 1 AND next_what = 'SIGN_IN')) m
    WHERE NOT EXISTS (
        SELECT 1 FROM used u
        WHERE u.terminal = m.terminal AND u.stan = (m.stan + m.k - 1) % 999999 + 1
          AND u.moment BETWEEN least(m.moment, m.next_moment) - INTERVAL 1 DAY
                           AND greatest(m.moment, m.next_moment) + INTERVAL 1 DAY
    )
),
run AS (
    SELECT *, k - row_number() OVER (PARTITION BY merchant, terminal, batch, epoch, stan ORDER BY k) AS part FROM missing
)
SELECT merchant, terminal, batch, epoch,
       (stan + min(k) - 1) % 999999 + 1 AS first_stan, (stan + max(k) - 1) % 999999 + 1 AS last_stan,
       count(*) AS numbers,
       any_value(id) AS before_id, any_value(next_id) AS after_id,
       least(any_value(moment), any_value(next_moment)) AS opens_at,
       greatest(any_value(moment), any_value(next_moment)) AS closes_at,
       any_value(next_date) AS business_date
FROM run
GROUP BY merchant, terminal, batch, epoch, stan, part;

-- How a batch began. `seen`: its first number follows the last one of another batch, with nothing missing
-- in between. `signed_in`: it begins with a sign-in, which terminals also do in the middle of a batch.
-- `unknown`: collection may have begun after it. `end_lost`: numbers are missing between
-- its last and the first of the terminal's next batch in time.
CREATE TEMP TABLE batch AS
WITH edge AS (
    SELECT merchant, terminal, batch, epoch, next_stan AS first_stan, next_what AS first_what,
           next_moment AS first_moment, next_date AS business_date, stan AS last_stan, moment AS last_moment,
           next_id AS first_id, id AS last_id
    FROM hop WHERE widest = 1
),
unbatched AS (
    SELECT DISTINCT merchant, terminal, stan, what, moment FROM used WHERE batch IS NULL AND stan IS NOT NULL
),
before AS (
    SELECT b.merchant, b.terminal, b.batch, b.epoch, p.last_stan,
           (b.first_stan - p.last_stan + 999999) % 999999 - 1 AS between_them, p.last_moment, b.first_moment, b.first_stan
    FROM edge b
    JOIN edge p ON p.merchant = b.merchant AND p.terminal = b.terminal AND (p.batch, p.epoch) <> (b.batch, b.epoch)
               AND p.last_moment BETWEEN b.first_moment - INTERVAL 7 DAY AND b.first_moment + INTERVAL 1 HOUR
    QUALIFY row_number() OVER (PARTITION BY b.merchant, b.terminal, b.batch, b.epoch ORDER BY between_them) = 1
),
followed AS (
    SELECT o.merchant, o.terminal, o.batch, o.epoch
    FROM before o
    LEFT JOIN unbatched u
      ON u.merchant = o.merchant AND u.terminal = o.terminal
     AND (u.stan - o.last_stan + 999999) % 999999 BETWEEN 1 AND o.between_them
     AND u.moment BETWEEN o.last_moment - INTERVAL 1 DAY AND o.first_moment + INTERVAL 1 DAY
    GROUP BY o.merchant, o.terminal, o.batch, o.epoch, o.between_them
    HAVING count(DISTINCT u.stan) = o.between_them
),
signed AS (
    SELECT DISTINCT e.merchant, e.terminal, e.batch, e.epoch
    FROM edge e
    LEFT JOIN unbatched u
      ON u.merchant = e.merchant AND u.terminal = e.terminal AND u.what = 'SIGN_IN'
     AND (u.stan % 999999) + 1 = e.first_stan
     AND u.moment BETWEEN e.first_moment - INTERVAL 1 DAY AND e.first_moment
    WHERE e.first_what = 'SIGN_IN' OR u.stan IS NOT NULL
)
SELECT e.*,
       CASE WHEN (e.merchant, e.terminal, e.batch, e.epoch) IN (SELECT * FROM followed) THEN 'seen'
            WHEN (e.merchant, e.terminal, e.batch, e.epoch) IN (SELECT * FROM signed) THEN 'signed_in'
            ELSE 'unknown' END AS start,
       coalesce(g.numbers, 0) AS numbers_missing,
       lead((e.merchant, e.terminal, e.batch, e.epoch) NOT IN (SELECT * FROM followed)) OVER after
           AND (lead(e.first_stan) OVER after - e.last_stan + 999999) % 999999 BETWEEN 2 AND 20000 AS end_lost,
       lead(e.first_stan) OVER after AS next_stan, lead(e.first_moment) OVER after AS next_moment
FROM edge e
LEFT JOIN (
    SELECT merchant, terminal, batch, epoch, sum(numbers)::BIGINT AS numbers FROM gap GROUP BY ALL
) g USING (merchant, terminal, batch, epoch)
WINDOW after AS (PARTITION BY e.merchant, e.terminal ORDER BY e.first_moment, e.batch);

-- Every run of numbers that a lost record may have had: inside a batch, or (of no batch) between one and the next.
CREATE TEMP VIEW missing_run AS
SELECT merchant, terminal, batch, first_stan, last_stan, opens_at, closes_at FROM gap
UNION ALL
SELECT merchant, terminal, NULL, last_stan % 999999 + 1, (next_stan + 999997) % 999999 + 1, last_moment, next_moment
FROM batch WHERE end_lost;

-- The days of terminals on which numbers are missing.
CREATE TEMP TABLE terminal_day AS
SELECT merchant, terminal, business_date, sum(numbers)::BIGINT AS numbers_missing
FROM gap GROUP BY merchant, terminal, business_date;

-- What could not be read of a line on a day, named by the terminal that is heard most on that line.
CREATE TEMP TABLE unread_day AS
WITH lost AS (
    SELECT line, business_date,
           count(*) FILTER (kind = 'frame' AND coalesce(code, '') NOT LIKE 'unknown%')
               + CASE WHEN count(*) FILTER (kind = 'noise') >= 3 THEN count(*) FILTER (kind = 'noise') ELSE 0 END AS frames,
           count(*) FILTER (kind = 'gap') AS gaps,
           count(*) FILTER (kind = 'frame' AND code LIKE 'unknown%') AS unknown,
           arg_min(concat_ws(': ', layer, field, code), seen_at) AS first_error, min(seen_at) AS first_at
    FROM rejects WHERE line IS NOT NULL AND line <> ''
    GROUP BY line, business_date
),
heard AS (
    SELECT line, arg_max(merchant, records) AS merchant, arg_max(terminal, records) AS terminal
    FROM (SELECT line, merchant, terminal, count(*) AS records FROM attempt GROUP BY line, merchant, terminal)
    GROUP BY line
)
SELECT concat_ws('|', 'unread', l.line, l.business_date) AS id, l.*, coalesce(h.merchant, '') AS merchant, coalesce(h.terminal, l.line) AS terminal
FROM lost l LEFT JOIN heard h USING (line);

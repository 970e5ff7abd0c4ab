-- What was not seen: trace numbers that a terminal must have used and that are nowhere.
--
-- In:  used, attempt.
-- Out: gap (one row a run of missing numbers), batch (one row a batch), terminal_day.

-- Numbers run 1 … 999999 and around. On that circle the widest hop is the part the batch never
-- reached; every other hop over more than one number lies between numbers that were used.
CREATE TEMP TABLE gap AS
WITH number AS (
    SELECT merchant, terminal, batch, epoch, stan, min(moment) AS moment, arg_min(id, moment) AS id,
           arg_min(business_date, moment) AS business_date
    FROM used
    WHERE batch IS NOT NULL AND stan BETWEEN 1 AND 999999
    GROUP BY merchant, terminal, batch, epoch, stan
),
hop AS (
    SELECT *, coalesce(lead(stan) OVER w, first_value(stan) OVER w + 999999) - stan AS step,
           coalesce(lead(id) OVER w, first_value(id) OVER w) AS next_id,
           coalesce(lead(moment) OVER w, first_value(moment) OVER w) AS next_at,
           coalesce(lead(business_date) OVER w, first_value(business_date) OVER w) AS next_date,
           lead(stan) OVER w IS NULL AS wraps
    FROM number
    WINDOW w AS (PARTITION BY merchant, terminal, batch, epoch ORDER BY stan
                 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
),
inside AS (
    SELECT * FROM hop
    QUALIFY row_number() OVER (PARTITION BY merchant, terminal, batch, epoch ORDER BY step DESC, wraps DESC, stan DESC) > 1
        AND step > 1
),
-- A number that the terminal spent in another batch, or in a message without one, is not missing.
missing AS (
    SELECT merchant, terminal, batch, epoch, id, stan, moment, next_id, next_at, next_date, k
    FROM (SELECT *, unnest(generate_series(1, least(step - 1, 20000))) AS k FROM inside) m
    WHERE NOT EXISTS (
        SELECT 1 FROM used u
        WHERE u.merchant = m.merchant AND u.terminal = m.terminal AND u.stan = (m.stan + m.k - 1) % 999999 + 1
          AND u.moment BETWEEN least(m.moment, m.next_at) - INTERVAL 1 DAY AND greatest(m.moment, m.next_at) + INTERVAL 1 DAY
    )
),
run AS (
    SELECT *, k - row_number() OVER (PARTITION BY merchant, terminal, batch, epoch, stan ORDER BY k) AS part FROM missing
)
SELECT merchant, terminal, batch, epoch,
       (stan + min(k) - 1) % 999999 + 1 AS first_stan, (stan + max(k) - 1) % 999999 + 1 AS last_stan,
       count(*) AS numbers,
       any_value(id) AS before_id, any_value(next_id) AS after_id,
       least(any_value(moment), any_value(next_at)) AS opens_at, greatest(any_value(moment), any_value(next_at)) AS closes_at,
       any_value(next_date) AS business_date
FROM run
GROUP BY merchant, terminal, batch, epoch, stan, part;

-- A batch was seen from its start when the terminal signed in just before its first attempt, or when
-- the number before its first one was seen too.
CREATE TEMP TABLE batch AS
WITH first_attempt AS (
    SELECT merchant, terminal, batch, epoch, min(moment) AS first_at, max(moment) AS last_at, arg_min(stan, nth) AS first_stan
    FROM attempt
    WHERE batch IS NOT NULL AND stan IS NOT NULL
    GROUP BY merchant, terminal, batch, epoch
)
SELECT f.*,
       EXISTS (
           SELECT 1 FROM used u
           WHERE u.merchant = f.merchant AND u.terminal = f.terminal
             AND u.moment BETWEEN f.first_at - INTERVAL 7 DAY AND f.first_at
             AND (u.what = 'SIGN_IN' OR (u.stan = (f.first_stan + 999997) % 999999 + 1
                  AND (u.batch IS NULL OR u.batch <> f.batch OR u.source <> 'attempt')))
       ) AS start_seen,
       coalesce(g.numbers, 0) AS numbers_missing
FROM first_attempt f
LEFT JOIN (
    SELECT merchant, terminal, batch, epoch, sum(numbers)::BIGINT AS numbers FROM gap GROUP BY ALL
) g USING (merchant, terminal, batch, epoch);

CREATE TEMP TABLE terminal_day AS
SELECT r.*, coalesce(g.numbers_missing, 0) AS numbers_missing
FROM (
    SELECT merchant, terminal, business_date, count(*) AS records, count(DISTINCT stan) AS numbers_seen
    FROM used GROUP BY merchant, terminal, business_date
) r
LEFT JOIN (
    SELECT merchant, terminal, business_date, sum(numbers)::BIGINT AS numbers_missing
    FROM gap GROUP BY merchant, terminal, business_date
) g USING (merchant, terminal, business_date);

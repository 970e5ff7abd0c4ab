-- One row an approved void that stands: how many sales it may refer to.
-- That there was none is proven when the number it names was spent on something else, had not been issued yet, or is
-- outside the batch it names, whose first and last number are certain and between which none is missing. A number that
-- is nowhere, or is known only from what carries another's number (a reversal), or that another terminal of the shop
-- has just come to, may be a sale that was not collected: that proves nothing. Nor does a number never issued beside a
-- reference, where the reference may be that of another terminal's sale.
WITH void AS (
    SELECT *, coalesce(orig_batch_no, batch) AS named_batch FROM life
    WHERE kind = 'VOID' AND stands
      AND in_scope(business_date)
),
spent AS (
    SELECT v.id, arg_min(u.id, u.moment) FILTER (u.source = 'attempt') AS attempt_id, arg_min(u.what, u.moment) AS what
    FROM void v
    JOIN used u ON u.merchant = v.merchant AND u.terminal = v.terminal AND u.stan = v.orig_stan
               AND u.moment BETWEEN v.moment - INTERVAL 7 DAY AND v.moment + INTERVAL 7 DAY
    WHERE v.original IS NULL AND u.what NOT IN ('REVERSAL', 'ADJUST', 'SIGNATURE')
      AND (u.batch IS NULL OR u.batch = v.named_batch)
    GROUP BY v.id
),
-- Asked only of voids without a sale: each looks through all that its merchant has.
unissued AS (
    SELECT v.id,
           (coalesce(v.named_batch = v.batch AND (v.orig_stan - v.stan + 999999) % 999999 BETWEEN 1 AND 500000, false)
                AND NOT EXISTS (SELECT 1 FROM used u WHERE u.merchant = v.merchant AND u.terminal = v.terminal AND u.batch = v.batch
                                  AND u.epoch = v.epoch AND u.moment < v.moment AND u.stan <> v.stan
                                  AND (u.stan - v.stan + 999999) % 999999 BETWEEN 1 AND 500000)
            OR EXISTS (SELECT 1 FROM batch b JOIN batch n ON n.merchant = b.merchant AND n.terminal = b.terminal
                       WHERE b.merchant = v.merchant AND b.terminal = v.terminal AND b.batch = v.orig_batch_no
                         AND b.start = 'seen' AND b.numbers_missing = 0 AND b.first_stan <= b.last_stan
                         AND v.orig_stan NOT BETWEEN b.first_stan AND b.last_stan
                         AND n.first_stan = b.last_stan % 999999 + 1
                         AND n.first_moment BETWEEN b.last_moment AND b.last_moment + INTERVAL 7 DAY))
           AND NOT EXISTS (SELECT 1 FROM used u WHERE u.merchant = v.merchant AND u.terminal <> v.terminal
                             AND (v.orig_rrn IS NOT NULL OR abs(u.stan - v.orig_stan) <= 1000)
                             AND u.moment BETWEEN v.moment - INTERVAL 1 DAY AND v.moment + INTERVAL 1 DAY)
               AS number_not_issued
    FROM void v
    WHERE v.original IS NULL
),
judged AS (
    SELECT v.*, spent.attempt_id, spent.what AS number_spent_on, coalesce(unissued.number_not_issued, false) AS number_not_issued
    FROM void v LEFT JOIN spent USING (id) LEFT JOIN unissued USING (id)
)
SELECT id AS key,
       CASE WHEN original IS NULL THEN 0 ELSE 1 END AS originals,
       CASE WHEN attempt_id IS NULL OR attempt_id = id THEN [id] ELSE [id, attempt_id] END AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN number_spent_on IS NOT NULL OR number_not_issued THEN 'clear' ELSE 'gap' END AS grade,
       CASE WHEN orig_stan IS NULL THEN ['original_not_named']
            WHEN number_spent_on IS NOT NULL OR number_not_issued THEN []
            ELSE ['original_not_collected'] END AS missing,
       CASE WHEN number_spent_on IS NOT NULL OR number_not_issued THEN ['log_gap'] ELSE [] END AS also_ruled_out,
       named_batch AS original_batch_no, orig_stan AS original_stan, number_spent_on, number_not_issued
FROM judged

-- One row a refund that stands: how many sales it may refer to.
-- Its absence says something only for a day that was collected whole: the merchant has records on it,
-- was collected before it (or the number it names was spent on something else), and has no gap in it. A gap hides nothing
-- where the reference that it names was seen that day on what is no sale: a reference is a day's only one.
WITH refund AS (
    SELECT * FROM life
    WHERE kind IN ('REFUND', 'QR_REFUND') AND stands
      AND in_scope(business_date)
),
collected AS (
    SELECT DISTINCT merchant, business_date AS day FROM used
),
lost AS (
    SELECT r.id,
           r.orig_rrn IS NULL AND (r.card IS NULL OR r.orig_date IS NULL) AS unnamed,
           coalesce(date_diff('day', r.orig_date, r.business_date) > 335, false) AS too_old,
           EXISTS (SELECT 1 FROM collected c WHERE c.merchant = r.merchant AND c.day = r.orig_date)
           AND (EXISTS (SELECT 1 FROM collected c WHERE c.merchant = r.merchant AND c.day < r.orig_date
                          AND c.day >= r.business_date - 336)
                OR EXISTS (SELECT 1 FROM used u WHERE u.merchant = r.merchant AND u.business_date = r.orig_date
                             AND u.batch = r.orig_batch_no AND u.stan = r.orig_stan)) AS day_collected,
           EXISTS (SELECT 1 FROM missing_run g, shop WHERE g.merchant = r.merchant
                     AND r.orig_date BETWEEN (g.opens_at AT TIME ZONE shop.zone)::DATE
                                         AND (g.closes_at AT TIME ZONE shop.zone)::DATE)
           AND NOT EXISTS (SELECT 1 FROM life o WHERE o.merchant = r.merchant AND o.business_date = r.orig_date
                             AND o.rrn = r.orig_rrn AND o.id <> r.id AND family(o.kind) = 'other') AS day_has_gap
    FROM refund r
    WHERE r.original IS NULL
),
judged AS (
    SELECT *, unnamed OR too_old OR NOT day_collected OR day_has_gap AS cannot_tell FROM refund LEFT JOIN lost USING (id)
)
SELECT id AS key, CASE WHEN original IS NULL THEN 0 ELSE 1 END AS originals,
       [id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN cannot_tell THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN unnamed THEN ['original_not_named']
            WHEN too_old THEN ['older_than_335_days']
            WHEN NOT day_collected THEN ['original_day_not_collected']
            WHEN day_has_gap THEN ['stan_gap'] ELSE [] END AS missing,
       CASE WHEN cannot_tell THEN [] ELSE ['log_gap'] END AS also_ruled_out,
       orig_rrn AS original_rrn, orig_date AS original_date, orig_batch_no AS original_batch_no, orig_stan AS original_stan
FROM judged

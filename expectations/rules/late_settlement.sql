-- One row a batch with money in it, dated the day on which its term ended: hours from its first debit to its
-- settlement, to the next batch's beginning, or to the last message known; full hours, for a sale after the evening's
-- settlement waits for the next evening's, which is no day to the minute. A batch that is late is no
-- money lost: what waits in it is at risk only once it is so late that the acquirer may refuse it. So is an offline sale
-- that was not sent by its clearing cut-off, nor since, in a batch that is still open.
WITH opened AS (
    SELECT merchant, terminal, batch, epoch, min(moment) AS first_at, arg_min(id, nth) AS first_id, min(settled_at) AS settled_at,
           sum(amount_fen)::BIGINT AS unsettled_fen
    FROM life
    WHERE kind IN ('SALE', 'OFFLINE_SALE', 'COMPLETION') AND live AND batch IS NOT NULL
    GROUP BY merchant, terminal, batch, epoch
),
-- A batch whose number is used no longer may have been settled by a message that was lost: where numbers are missing
-- in it, or between it and the next one; or where it is the last that its terminal said, as then no number would show it.
spoke AS (
    SELECT DISTINCT b.merchant, b.terminal, b.batch, b.epoch
    FROM batch b
    JOIN used u ON u.merchant = b.merchant AND u.terminal = b.terminal AND u.batch IS NULL
               AND u.stan = b.last_stan % 999999 + 1 AND u.moment >= b.last_moment
    WHERE b.next_stan IS NULL
),
followed AS (
    SELECT o.*, lead(first_at) OVER (PARTITION BY merchant, terminal ORDER BY first_at) AS next_at, b.last_moment,
           coalesce(b.end_lost OR b.numbers_missing > 0, false) AS end_lost, b.next_stan IS NULL AND s.batch IS NULL AS is_last
    FROM opened o
    LEFT JOIN batch b USING (merchant, terminal, batch, epoch)
    LEFT JOIN spoke s USING (merchant, terminal, batch, epoch)
),
term AS (
    SELECT f.*, p.hours, p.grave_hours,
           CASE WHEN f.settled_at IS NOT NULL OR f.last_moment > f.first_at + to_hours(p.hours) THEN NULL
                WHEN f.end_lost THEN 'stan_gap'
                WHEN f.is_last AND f.next_at IS NULL THEN 'last_message' END AS unseen,
           date_diff('second', f.first_at, coalesce(f.settled_at, f.next_at, m.known_until)) // 3600 AS hours_open,
           ((f.first_at + to_hours(p.hours)) AT TIME ZONE shop.zone)::DATE AS business_date
    FROM followed f
    CROSS JOIN shop
    JOIN merchant m USING (merchant)
    JOIN parameter p USING (merchant)
),
unsent AS (
    SELECT o.*, p.hours, p.grave_hours, (o.clearing_day + to_seconds(m.cutoff_s)) AT TIME ZONE shop.zone AS cutoff_at, m.known_until,
           EXISTS (SELECT 1 FROM used u WHERE u.merchant = o.merchant AND u.terminal = o.terminal AND u.moment > o.moment) AS is_followed
    FROM life o
    CROSS JOIN shop
    JOIN merchant m USING (merchant)
    JOIN parameter p USING (merchant)
    WHERE o.kind = 'OFFLINE_SALE' AND (o.state <> 'approved' OR o.only_in_journal) AND NOT o.is_reversed AND o.voids = 0
      AND o.settled_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM attempt u WHERE u.merchant = o.merchant AND u.terminal = o.terminal AND u.kind IN ('OFFLINE_SALE', 'SALE')
                        AND u.state = 'approved' AND NOT u.only_in_journal AND u.id <> o.id AND u.amount_fen = o.amount_fen
                        AND u.card IS NOT DISTINCT FROM o.card AND u.moment >= o.moment - INTERVAL 1 MINUTE
                        AND (u.stan = o.stan OR u.atc = o.atc))
)
SELECT first_id AS key, hours_open, hours AS hours_allowed, [first_id] AS subjects,
       merchant, terminal, business_date, CASE WHEN hours_open > grave_hours THEN unsettled_fen ELSE 0 END AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN unseen = 'stan_gap' THEN 'gap' WHEN hours_open > grave_hours THEN 'grave' ELSE 'clear' END
           || CASE WHEN unseen = 'last_message' THEN '_last' ELSE '' END AS grade,
       CASE WHEN unseen IS NULL THEN []::VARCHAR[] ELSE [unseen] END AS missing, []::VARCHAR[] AS also_ruled_out, batch AS batch_no, settled_at, unsettled_fen, NULL::BIGINT AS offline_fen
FROM term
WHERE in_scope(business_date)
UNION ALL
-- Hours are full ones before the cut-off: every one of these is late.
SELECT id, (date_diff('minute', moment, known_until) + 59) // 60, date_diff('minute', moment, cutoff_at) // 60, [id], merchant, terminal,
       business_date, CASE WHEN known_until > moment + to_hours(grave_hours) THEN amount_fen ELSE 0 END, NULL::TIMESTAMPTZ,
       CASE WHEN only_in_journal THEN 'log'
            ELSE CASE WHEN known_until > moment + to_hours(grave_hours) THEN 'grave' ELSE 'clear' END
                 || CASE WHEN is_followed THEN '' ELSE '_last' END END,
       CASE WHEN is_followed OR only_in_journal THEN ['acquirer_file'] ELSE ['acquirer_file', 'last_message'] END, []::VARCHAR[], batch, NULL::TIMESTAMPTZ, NULL, amount_fen
FROM unsent
WHERE known_until > cutoff_at AND in_scope(business_date)

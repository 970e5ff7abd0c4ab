-- One row a batch with money in it, dated the day on which its term ended: hours from its first debit to its
-- settlement, to the next batch's beginning, or to the last message known. A batch that is late is no money lost: what waits
-- in it is at risk only once it is so late that the acquirer may refuse it.
WITH opened AS (
    SELECT merchant, terminal, batch, epoch, min(moment) AS first_at, arg_min(id, nth) AS first_id, min(settled_at) AS settled_at,
           sum(amount_fen)::BIGINT AS unsettled_fen
    FROM life
    WHERE kind IN ('SALE', 'OFFLINE_SALE', 'COMPLETION') AND live AND batch IS NOT NULL
    GROUP BY merchant, terminal, batch, epoch
),
followed AS (
    SELECT *, lead(first_at) OVER (PARTITION BY merchant, terminal ORDER BY first_at) AS next_at FROM opened
),
term AS (
    SELECT f.*, p.hours, p.grave_hours,
           date_diff('minute', f.first_at, coalesce(f.settled_at, f.next_at, m.known_until)) // 60 AS hours_open,
           ((f.first_at + to_hours(p.hours)) AT TIME ZONE shop.zone)::DATE AS business_date
    FROM followed f
    CROSS JOIN shop
    JOIN merchant m USING (merchant)
    JOIN parameter p USING (merchant)
)
SELECT first_id AS key, hours_open, hours AS hours_allowed, [first_id] AS subjects,
       merchant, terminal, business_date, CASE WHEN hours_open > grave_hours THEN unsettled_fen ELSE 0 END AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN hours_open > grave_hours THEN 'grave' ELSE 'clear' END AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, batch AS batch_no, settled_at, unsettled_fen
FROM term
WHERE in_scope(business_date)

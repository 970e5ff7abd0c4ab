-- One row a registered deposit that was applied for, whose terms are met and whose working days are over: the clock
-- starts with the later of the two. What came back is taken off: by the register (returned_on), or by payouts that name
-- the return, or pay just so much apart; a payout of a day's sales whose remark names it may hold all of it. The rest is
-- not asked for where a reason was given (kept_because, or 扣 in the remark). `termless`: the register says
-- no terms, and the application alone starts the clock. `open`: whether the terms are met is not known, since records begin
-- after it was signed. Told on the first day after its term.
WITH started AS (
    SELECT d.*, CASE WHEN d.met_on <= (m.known_until AT TIME ZONE shop.zone)::DATE THEN greatest(d.applied_on, d.met_on)
                     WHEN d.is_open THEN d.applied_on END AS start_day,
           coalesce(d.met_on <= (m.known_until AT TIME ZONE shop.zone)::DATE, false) AS is_met,
           (m.known_until AT TIME ZONE shop.zone)::DATE AS known_day
    FROM deposit_met d
    JOIN merchant m USING (merchant)
    CROSS JOIN shop
    WHERE d.applied_on IS NOT NULL AND NOT d.is_returned
),
due AS (
    SELECT s.*, e.late_on
    FROM started s
    JOIN calendar a ON a.day = s.start_day
    JOIN (SELECT worked, min(day) + 1 AS late_on FROM calendar GROUP BY worked) e ON e.worked = a.worked + s.working_days
),
payment AS (
    SELECT d.deposit, p.source, least(p.amount_fen, d.amount_fen) AS fen, contains(coalesce(p.remark, ''), '扣') AS has_reason
    FROM due d
    JOIN payout p ON p.merchant = d.merchant AND p.state = 'paid' AND coalesce(p.deducted_fen, 0) <= 0
    WHERE p.business_date >= d.signed_on AND regexp_matches(coalesce(p.remark, ''), '押金|保证金')
              AND regexp_matches(coalesce(p.remark, ''), '解冻|退|返|还')
       OR p.business_date >= d.applied_on AND p.amount_fen <= d.amount_fen
              AND regexp_matches(coalesce(p.remark, ''), '押金|解冻|保证金')
       OR p.business_date >= d.applied_on AND p.amount_fen = d.amount_fen AND NOT p.is_dated
),
returned AS (
    SELECT deposit, max(fen) AS fen, bool_or(has_reason) AS has_reason
    FROM (SELECT deposit, source, sum(fen)::BIGINT AS fen, bool_or(has_reason) AS has_reason FROM payment GROUP BY deposit, source)
    GROUP BY deposit
),
owed AS (
    SELECT d.*, CASE WHEN d.returned_on IS NULL THEN 0 ELSE coalesce(d.returned_fen, 0) END AS told_fen,
           coalesce(r.fen, 0) AS paid_fen, coalesce(r.has_reason, false) AS has_reason
    FROM due d
    LEFT JOIN returned r ON r.deposit = d.deposit
)
SELECT concat_ws('|', d.merchant, d.terminal, d.amount_fen, d.signed_on, CASE WHEN NOT d.is_met THEN 'open' END) AS key,
       1 AS deposits_overdue, []::VARCHAR[] AS subjects, d.merchant, coalesce(d.terminal, '') AS terminal, d.late_on AS business_date,
       d.amount_fen - greatest(d.told_fen, d.paid_fen) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN d.is_met THEN 'clear' WHEN coalesce(d.volume_fen, d.fees_fen, d.months) IS NULL THEN 'termless' ELSE 'open' END AS grade,
       CASE WHEN d.is_met THEN []::VARCHAR[] WHEN coalesce(d.volume_fen, d.fees_fen, d.months) IS NULL THEN ['deposit_terms']
            ELSE ['deposit_takings'] END AS missing, []::VARCHAR[] AS also_ruled_out,
       date_diff('day', d.late_on, d.known_day) + 1 AS days_late,
       d.applied_on, d.working_days, d.signed_on, CASE WHEN d.is_met THEN d.met_on END AS met_on,
       CASE WHEN d.is_met THEN d.met_volume_fen END AS met_volume_fen, CASE WHEN d.is_met THEN d.met_fees_fen END AS met_fees_fen,
       CASE WHEN d.is_met THEN d.met_months END AS met_months,
       d.volume_so_far_fen, d.fees_so_far_fen, nullif(greatest(d.told_fen, d.paid_fen), 0) AS returned_fen, d.signed_sha256, d.shown_sha256
FROM owed d
WHERE d.late_on <= d.known_day AND in_scope(d.late_on) AND NOT d.has_reason AND greatest(d.told_fen, d.paid_fen) < d.amount_fen

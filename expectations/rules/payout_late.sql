-- One row a clearing day whose takings, or a part of them, were paid out after their term, or not at all when the payouts that
-- are known reach past it. T1: the next working day of the People's Republic of China, until its end; T0: the same
-- day, or the first working day after it; D1: the next day; D0: two hours after the last sale, and what was sold from 22:00
-- on counts for the next day. Past the calendar's end nothing is judged. A payout that names no hour is held against its day.
WITH taken AS (
    SELECT l.merchant, l.acquirer, l.clearing_day, coalesce(l.settlement_cycle, c.cycle) AS cycle,
           coalesce(l.settled_fen, CASE l.family WHEN 'debit' THEN l.amount_fen - coalesce(l.fee_fen, 0)
                                   ELSE -l.amount_fen - coalesce(l.fee_fen, 0) END) AS fen, l.moment,
           coalesce(l.moment AT TIME ZONE shop.zone, l.clearing_day::TIMESTAMP) < l.clearing_day + INTERVAL 22 HOUR
               AND coalesce(l.moment AT TIME ZONE shop.zone, l.clearing_day::TIMESTAMP) >= l.clearing_day AS early
    FROM line l
    CROSS JOIN shop
    JOIN contract c ON c.merchant = l.merchant AND (c.acquirer IS NULL OR c.acquirer = l.acquirer)
                   AND l.business_date BETWEEN c.since AND coalesce(c.until, DATE '9999-12-31')
    WHERE l.status = 'settled' AND l.family IN ('debit', 'refund', 'void', 'reversal')
),
owed AS (
    SELECT merchant, acquirer, clearing_day, cycle, sum(fen)::BIGINT AS due_fen,
           coalesce(sum(fen) FILTER (early), 0)::BIGINT AS early_fen, max(moment) FILTER (early) + INTERVAL 2 HOUR AS due_at,
           coalesce(cycle = 'D0', false) AS at_once
    FROM taken GROUP BY ALL
),
term AS (
    SELECT t.*, CASE WHEN at_once THEN t.clearing_day + CASE WHEN due_at IS NULL OR early_fen <= 0 THEN 1 ELSE 0 END
                     WHEN t.cycle = 'D1' THEN t.clearing_day + 1
                     WHEN t.cycle = 'T0' THEN (SELECT min(d.day) FROM calendar b JOIN calendar d ON d.worked = b.worked + 1
                                               WHERE b.day = t.clearing_day - 1)
                     ELSE (SELECT min(d.day) FROM calendar b JOIN calendar d ON d.worked = b.worked + 1
                           WHERE b.day = t.clearing_day) END AS due_day
    FROM owed t
    WHERE t.due_fen > 0
),
paid AS (
    SELECT t.merchant, t.acquirer, t.clearing_day, t.cycle, t.due_at, t.early_fen, t.due_fen, p.id, p.state, p.business_date,
           p.first_day, p.last_day, CASE WHEN t.at_once THEN t.clearing_day + 1 ELSE t.due_day END AS whole_day,
           coalesce(p.paid_at, p.business_date::TIMESTAMP AT TIME ZONE (SELECT zone FROM shop)) AS paid_at,
           coalesce(p.planned_fen, p.amount_fen + coalesce(p.deducted_fen, 0) + coalesce(p.suspended_fen, 0) + coalesce(p.fee_fen, 0)) AS fen
    FROM term t
    JOIN payout p ON p.merchant = t.merchant AND p.acquirer = t.acquirer AND p.is_dated
                 AND t.clearing_day BETWEEN p.first_day AND p.last_day
                 AND (p.settlement_cycle IS NULL OR p.settlement_cycle = t.cycle)
),
-- Parts of one payout: what had come in time for the days it pays, and when the first part after that came. What is paid on top of
-- the whole is not late.
part AS (
    SELECT p.merchant, p.acquirer, p.clearing_day, p.cycle, p.first_day, p.last_day,
           coalesce(sum(p.fen) FILTER (p.business_date <= p.whole_day), 0)::BIGINT AS in_time_fen,
           min(p.business_date) FILTER (p.business_date > p.whole_day AND p.fen > 0) AS late_on
    FROM paid p
    WHERE p.state = 'paid'
    GROUP BY ALL
),
range_due AS (
    SELECT r.merchant, r.acquirer, r.cycle, r.first_day, r.last_day, sum(t.due_fen)::BIGINT AS due_fen
    FROM (SELECT DISTINCT merchant, acquirer, cycle, first_day, last_day FROM part) r
    JOIN term t ON t.merchant = r.merchant AND t.acquirer = r.acquirer AND t.cycle IS NOT DISTINCT FROM r.cycle
               AND t.clearing_day BETWEEN r.first_day AND r.last_day
    GROUP BY ALL
),
late_part AS (
    SELECT p.merchant, p.acquirer, p.clearing_day, p.cycle, max(p.late_on) AS late_on, min(r.due_fen - p.in_time_fen) AS late_fen
    FROM part p
    JOIN range_due r ON r.merchant = p.merchant AND r.acquirer = p.acquirer AND r.cycle IS NOT DISTINCT FROM p.cycle
                    AND r.first_day = p.first_day AND r.last_day = p.last_day
    GROUP BY p.merchant, p.acquirer, p.clearing_day, p.cycle
    HAVING sum(p.in_time_fen) > 0 AND bool_and(p.in_time_fen < r.due_fen) AND max(p.late_on) IS NOT NULL
),
come AS (
    SELECT merchant, acquirer, clearing_day, cycle, min(business_date) FILTER (state = 'paid') AS paid_on,
           list(id ORDER BY business_date, id) AS ids, bool_or(state IN ('failed', 'returned', 'frozen')) AS told,
           min(paid_at) FILTER (state = 'paid' AND paid_at > due_at) AS paid_after,
           coalesce(sum(fen) FILTER (state = 'paid' AND paid_at <= due_at), 0) < any_value(early_fen)
               AND coalesce(sum(fen) FILTER (state = 'paid' AND paid_at > due_at), 0) > any_value(due_fen - early_fen) AS too_late
    FROM paid GROUP BY merchant, acquirer, clearing_day, cycle
),
known AS (SELECT merchant, acquirer, max(business_date) AS until FROM payout GROUP BY ALL),
judged AS (
    SELECT t.*, c.ids, coalesce(q.late_on, c.paid_on) AS paid_on, least(q.late_fen, t.due_fen) AS late_fen,
           date_diff('day', CASE WHEN q.late_on IS NOT NULL AND t.at_once THEN t.clearing_day + 1 ELSE t.due_day END,
                     coalesce(q.late_on, c.paid_on, k.until)) AS days,
           CASE WHEN t.at_once AND c.too_late THEN (date_diff('second', t.due_at, c.paid_after) + 3599) // 3600 END AS hours
    FROM term t
    JOIN known k ON k.merchant = t.merchant AND k.acquirer = t.acquirer
    LEFT JOIN come c ON c.merchant = t.merchant AND c.acquirer = t.acquirer AND c.clearing_day = t.clearing_day AND c.cycle = t.cycle
    LEFT JOIN late_part q ON q.merchant = t.merchant AND q.acquirer = t.acquirer AND q.clearing_day = t.clearing_day AND q.cycle = t.cycle
    WHERE t.due_day IS NOT NULL AND in_scope(t.clearing_day) AND NOT coalesce(c.told, false)
)
SELECT concat_ws('|', merchant, acquirer, clearing_day, cycle) AS key, greatest(24 * days, coalesce(hours, 0)) AS overdue_h,
       coalesce(ids, []) AS subjects, merchant, '' AS terminal, clearing_day AS business_date, coalesce(late_fen, due_fen) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, CASE WHEN paid_on IS NULL THEN 'unpaid' ELSE 'late' END AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       due_fen, due_day, paid_on, cycle, CASE WHEN days > 0 THEN days END AS days_late,
       CASE WHEN days <= 0 AND hours > 0 THEN hours END AS hours_late
FROM judged

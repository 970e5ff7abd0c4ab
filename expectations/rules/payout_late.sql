-- One row a clearing day whose takings were paid out after their term, or not at all when the payouts that are known
-- reach past it. T1: the next working day of the People's Republic of China; D1: the next day; T0 and D0: the same day.
-- Past the calendar's end nothing is judged.
WITH taken AS (
    SELECT l.merchant, l.acquirer, l.clearing_day, coalesce(l.settlement_cycle, c.cycle) AS cycle,
           sum(coalesce(l.settled_fen, CASE l.family WHEN 'debit' THEN l.amount_fen - coalesce(l.fee_fen, 0)
                                       ELSE -l.amount_fen - coalesce(l.fee_fen, 0) END))::BIGINT AS due_fen
    FROM line l
    JOIN contract c ON c.merchant = l.merchant AND (c.acquirer IS NULL OR c.acquirer = l.acquirer)
                   AND l.business_date BETWEEN c.since AND coalesce(c.until, DATE '9999-12-31')
    WHERE l.status = 'settled' AND l.family IN ('debit', 'refund', 'void', 'reversal')
    GROUP BY ALL
),
term AS (
    SELECT t.*, CASE WHEN t.cycle IN ('T0', 'D0') THEN t.clearing_day WHEN t.cycle = 'D1' THEN t.clearing_day + 1
                     ELSE (SELECT min(d.day) FROM calendar b JOIN calendar d ON d.worked = b.worked + 1
                           WHERE b.day = t.clearing_day) END AS due_day
    FROM taken t
    WHERE t.due_fen > 0
),
come AS (
    SELECT t.merchant, t.acquirer, t.clearing_day, t.cycle, min(p.business_date) FILTER (p.state = 'paid') AS paid_on,
           list(p.id ORDER BY p.business_date, p.id) AS ids, bool_or(p.state IN ('failed', 'returned', 'frozen')) AS told
    FROM term t
    JOIN payout p ON p.merchant = t.merchant AND p.acquirer = t.acquirer AND p.is_dated
                 AND t.clearing_day BETWEEN p.first_day AND p.last_day
                 AND (p.settlement_cycle IS NULL OR p.settlement_cycle = t.cycle)
    GROUP BY ALL
),
known AS (SELECT merchant, acquirer, max(business_date) AS until FROM payout GROUP BY ALL)
SELECT concat_ws('|', t.merchant, t.acquirer, t.clearing_day, t.cycle) AS key,
       date_diff('day', t.due_day, coalesce(c.paid_on, k.until)) AS days_late, coalesce(c.ids, []) AS subjects, t.merchant,
       '' AS terminal, t.clearing_day AS business_date, t.due_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN c.paid_on IS NULL THEN 'unpaid' ELSE 'late' END AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       t.due_fen, t.due_day, c.paid_on, t.cycle
FROM term t
JOIN known k ON k.merchant = t.merchant AND k.acquirer = t.acquirer
LEFT JOIN come c ON c.merchant = t.merchant AND c.acquirer = t.acquirer AND c.clearing_day = t.clearing_day AND c.cycle = t.cycle
WHERE t.due_day IS NOT NULL AND in_scope(t.clearing_day) AND NOT coalesce(c.told, false)

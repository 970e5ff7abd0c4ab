-- One row the days that one payout or several pay for: what the statement's lines of these days come to, and what was
-- paid, is held back, was deducted by name or charged for the payout. Days without lines are not judged, nor are payouts
-- that are still under way, nor lines paid out apart at once (T0, D0) unless the payout is theirs.
WITH paid AS (
    SELECT merchant, acquirer, first_day, last_day, settlement_cycle, list(id ORDER BY id) AS ids, max(business_date) AS business_date,
           sum(amount_fen + coalesce(suspended_fen, 0) + coalesce(deducted_fen, 0) + coalesce(fee_fen, 0))::BIGINT AS paid_fen,
           sum(planned_fen)::BIGINT AS planned_fen, bool_or(state = 'in_progress') AS under_way
    FROM payout
    WHERE source IS DISTINCT FROM 'bank' AND state IN ('paid', 'in_progress') AND is_dated
    GROUP BY ALL
),
due AS (
    SELECT p.merchant, p.acquirer, p.first_day, p.last_day, p.settlement_cycle, count(*) AS lines,
           sum(coalesce(l.settled_fen, CASE l.family WHEN 'debit' THEN l.amount_fen - coalesce(l.fee_fen, 0)
                                       ELSE -l.amount_fen - coalesce(l.fee_fen, 0) END))::BIGINT AS due_fen
    FROM paid p
    JOIN line l ON l.merchant = p.merchant AND l.acquirer = p.acquirer AND l.clearing_day BETWEEN p.first_day AND p.last_day
               AND l.status = 'settled' AND l.family IN ('debit', 'refund', 'void', 'reversal')
               AND (p.settlement_cycle IS NULL OR l.settlement_cycle IS NULL OR l.settlement_cycle = p.settlement_cycle)
    GROUP BY ALL
)
SELECT concat_ws('|', p.merchant, p.acquirer, p.first_day, p.last_day, p.settlement_cycle) AS key,
       p.paid_fen - coalesce(d.due_fen, p.planned_fen) AS over_due_fen, p.ids AS subjects, p.merchant, '' AS terminal, p.business_date,
       coalesce(d.due_fen, p.planned_fen) - p.paid_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, coalesce(d.due_fen, p.planned_fen) AS due_fen, p.paid_fen, p.first_day, p.last_day, p.planned_fen, d.lines
FROM paid p
LEFT JOIN due d ON d.merchant = p.merchant AND d.acquirer = p.acquirer AND d.first_day = p.first_day AND d.last_day = p.last_day
               AND d.settlement_cycle IS NOT DISTINCT FROM p.settlement_cycle
WHERE NOT p.under_way AND (d.due_fen IS NOT NULL OR p.planned_fen IS NOT NULL) AND in_scope(p.business_date)

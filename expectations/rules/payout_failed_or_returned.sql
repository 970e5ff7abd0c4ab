-- One row a payout that failed or came back (退票) and was not made again: no payout names it as the one it replaces,
-- and none of the same amount for the same days succeeded later.
SELECT p.id AS key, 1 AS payouts_not_arrived, [p.id] AS subjects, p.merchant, '' AS terminal, p.business_date,
       coalesce(p.planned_fen, p.amount_fen, 0) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       p.state AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, p.payout_ref, p.last_day
FROM payout p
WHERE p.state IN ('failed', 'returned') AND in_scope(p.business_date)
  AND NOT EXISTS (
      SELECT 1 FROM payout n
      WHERE n.merchant = p.merchant AND n.acquirer = p.acquirer AND n.state IN ('paid', 'in_progress') AND n.id <> p.id
        AND (n.replaces_ref = p.payout_ref OR contains(coalesce(n.remark, ''), p.payout_ref)
             OR n.last_day = p.last_day AND n.first_day = p.first_day AND n.business_date >= p.business_date
                AND greatest(n.amount_fen, n.planned_fen) = greatest(p.amount_fen, p.planned_fen)))

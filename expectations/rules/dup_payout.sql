-- One row a payout that says the same as an earlier one under another number: days, amount, cycle and source. A payout
-- that is made again because the first came back (退票), and one that names what it replaces, are not counted; nor are
-- an acquirer's payout and the bank's line of it.
SELECT p.id AS key, 1 + count(*) AS payouts_of_the_same, [p.id] || list(e.id ORDER BY e.paid_at, e.id) AS subjects,
       p.merchant, '' AS terminal, p.business_date, p.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, p.payout_ref, p.first_day, p.last_day
FROM payout p
JOIN payout e
  ON e.merchant = p.merchant AND e.acquirer = p.acquirer AND e.source IS NOT DISTINCT FROM p.source
 AND e.settlement_cycle IS NOT DISTINCT FROM p.settlement_cycle AND e.first_day = p.first_day AND e.last_day = p.last_day
 AND e.amount_fen = p.amount_fen AND e.payout_ref <> p.payout_ref AND (e.paid_at, e.id) < (p.paid_at, p.id)
WHERE p.state = 'paid' AND e.state = 'paid' AND p.is_dated AND e.is_dated AND p.amount_fen > 0 AND in_scope(p.business_date)
  AND p.id NOT IN (SELECT id FROM accused WHERE rule = 'double_settlement')
  AND p.replaces_ref IS NULL AND NOT contains(coalesce(p.remark, ''), e.payout_ref)
  AND NOT EXISTS (SELECT 1 FROM payout r WHERE r.merchant = e.merchant AND r.payout_ref = e.payout_ref AND r.state IN ('returned', 'failed'))
GROUP BY p.id, p.merchant, p.business_date, p.amount_fen, p.payout_ref, p.first_day, p.last_day

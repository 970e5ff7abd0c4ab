-- One row a payout that the acquirer has frozen and did not release since.
SELECT p.id AS key, 1 AS payouts_frozen, [p.id] AS subjects, p.merchant, '' AS terminal, p.business_date,
       greatest(coalesce(p.planned_fen, 0), coalesce(p.amount_fen, 0), coalesce(p.suspended_fen, 0)) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       p.payout_ref, p.last_day
FROM payout p
WHERE p.state = 'frozen' AND in_scope(p.business_date)
  AND NOT EXISTS (SELECT 1 FROM payout n WHERE n.merchant = p.merchant AND n.acquirer = p.acquirer AND n.state = 'paid'
                  AND (n.payout_ref = p.payout_ref OR n.replaces_ref = p.payout_ref))

-- One row a payout with a deduction that is no transaction's and that the contract does not name in its deductions. A
-- deposit is no periodic fee: what names one is judged as such.
SELECT p.id AS key, p.deducted_fen AS not_agreed_fen, [p.id] AS subjects, p.merchant, '' AS terminal, p.business_date,
       p.deducted_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing,
       []::VARCHAR[] AS also_ruled_out, p.payout_ref
FROM payout p
JOIN contract c ON c.merchant = p.merchant AND (c.acquirer IS NULL OR c.acquirer = p.acquirer)
               AND p.business_date BETWEEN c.since AND coalesce(c.until, DATE '9999-12-31')
WHERE p.deducted_fen > 0 AND in_scope(p.business_date) AND NOT regexp_matches(coalesce(p.remark, ''), '押金|保证金|冻结')
  AND array_length(list_filter(c.deductions, lambda word: contains(coalesce(p.remark, ''), word))) = 0
QUALIFY row_number() OVER (PARTITION BY p.id ORDER BY c.contract) = 1

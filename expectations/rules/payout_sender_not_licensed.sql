-- One row a payer whose name is not in the register of licensed institutions (licensed_payers). Brackets, blanks and
-- what a bank puts behind a name (备付金, 待清算) make no difference.
WITH payer AS (
    SELECT p.*, regexp_replace(payer, '[\s()（）]', '', 'g') AS name FROM payout p WHERE payer IS NOT NULL AND state = 'paid'
)
SELECT concat_ws('|', p.merchant, p.name) AS key, 1 AS payouts_of_a_stranger, (list(p.id ORDER BY p.paid_at, p.id))[:5] AS subjects,
       p.merchant, '' AS terminal, min(p.business_date) AS business_date, sum(p.amount_fen)::BIGINT AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, count(*) AS payouts, p.name
FROM payer p
WHERE in_scope(p.business_date) AND (SELECT count(*) FROM licensed_payer) > 0
  AND NOT EXISTS (SELECT 1 FROM licensed_payer n WHERE starts_with(p.name, regexp_replace(n.name, '[\s()（）]', '', 'g')))
GROUP BY p.merchant, p.name

-- One row a line that bears a fee although nothing was sold: it failed, was reversed, or its reversal stands beside it
-- and did not give the fee back.
SELECT l.id AS key, l.fee_fen + coalesce(r.fee_fen, 0) AS fee_fen, [l.id] || CASE WHEN r.id IS NULL THEN [] ELSE [r.id] END AS subjects,
       l.merchant, coalesce(l.terminal, '') AS terminal, l.business_date, l.fee_fen + coalesce(r.fee_fen, 0) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, l.status
FROM line l
LEFT JOIN taken_back t ON t.id = l.id AND t.undone_as = 'reversal'
LEFT JOIN line r ON r.id = t.undone_by
WHERE l.family = 'debit' AND l.fee_fen > 0 AND (l.status IN ('failed', 'reversed') OR t.id IS NOT NULL) AND in_scope(l.business_date)

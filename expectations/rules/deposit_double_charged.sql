-- One row a deposit that was taken for a terminal that had one already: twice in the register, or a deduction that names
-- a deposit of a price already registered as paid.
SELECT concat_ws('|', d.merchant, d.terminal, d.amount_fen, d.signed_on) AS key, 1 + count(*) AS deposits_of_this_terminal,
       []::VARCHAR[] AS subjects, d.merchant, d.terminal, d.signed_on AS business_date, d.amount_fen AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, count(*) AS earlier, d.signed_on
FROM deposit d JOIN deposit e ON e.merchant = d.merchant AND e.terminal = d.terminal AND e.deposit <> d.deposit
                              AND (e.signed_on, e.deposit) < (d.signed_on, d.deposit)
                              AND (e.returned_on IS NULL OR e.returned_on > d.signed_on)
WHERE in_scope(d.signed_on)
GROUP BY ALL
UNION ALL
SELECT p.id, 2, [p.id], p.merchant, '', p.business_date, p.deducted_fen, NULL, 'clear', [], [], 1, NULL
FROM payout p
WHERE p.deducted_fen > 0 AND regexp_matches(coalesce(p.remark, ''), '押金|保证金') AND in_scope(p.business_date)
  AND EXISTS (SELECT 1 FROM deposit d WHERE d.merchant = p.merchant AND d.amount_fen = p.deducted_fen AND d.signed_on < p.business_date - 7)

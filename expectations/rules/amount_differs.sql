-- One row an attempt whose amount the acquirer posted otherwise than the terminal has it. A discount that the file
-- shows, a tip that is posted apart and a partial approval (code 10) are no difference. Where records
-- are missing after it, the tip's adjustment may be among them.
SELECT l.id AS key, p.posted_fen, l.amount_fen AS terminal_fen, [l.id, p.line_id] AS subjects,
       l.merchant, l.terminal, l.business_date, abs(p.posted_fen - l.amount_fen) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, CASE WHEN l.gap_later THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN l.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       p.posted_fen - l.amount_fen AS over_fen, p.discount_fen, p.matched_by, r.difference
FROM reconciled r
JOIN life l ON l.id = r.id
JOIN posting p ON p.id = r.id
WHERE r.difference IN ('amount_over', 'amount_under') AND in_scope(l.business_date)

-- One row an attempt that the terminal was refused and that the acquirer settled. Where an approval of the same card
-- and amount followed that day and has no line of its own, the line is the approval's.
SELECT l.id AS key, 1 AS postings_of_a_decline, [l.id, p.line_id] AS subjects, l.merchant, l.terminal, l.business_date,
       p.posted_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN p.matched_by = 'card' THEN 'card' ELSE 'clear' END AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, l.response_code AS declined_with, p.matched_by
FROM life l
JOIN posting p USING (id)
WHERE family(l.kind) = 'debit' AND l.state = 'declined' AND p.posting = 'posted' AND in_scope(l.business_date)

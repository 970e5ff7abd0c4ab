-- One row a debit that stands at the terminal and that the acquirer's statement lacks, or shows as failed or taken
-- back. It waits until two files have come for its clearing day. Codes (QR) are judged only at terminals whose codes
-- the statement shows: elsewhere they are paid under another number.
WITH coded AS (
    SELECT DISTINCT l.merchant, l.terminal FROM life l JOIN posting p USING (id)
    WHERE l.kind = 'QR_SALE' AND p.line_id IS NOT NULL
)
SELECT l.id AS key, 0 AS postings, [l.id] || CASE WHEN p.line_id IS NULL THEN [] ELSE [p.line_id] END AS subjects,
       l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN p.posting = 'undone' THEN 'undone' WHEN l.gap_later THEN 'gap'
            WHEN l.stan IS NULL AND l.rrn IS NULL THEN 'numberless' ELSE 'clear' END AS grade,
       CASE WHEN l.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       l.clearing_day, p.posting
FROM life l
JOIN posting p USING (id)
WHERE family(l.kind) = 'debit' AND l.exposed AND p.posting IN ('absent', 'undone')
  AND (l.kind <> 'QR_SALE' OR (l.merchant, l.terminal) IN (SELECT merchant, terminal FROM coded))
  AND in_scope(l.business_date)

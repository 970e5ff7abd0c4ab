-- One row an attempt that ended without a result at the terminal and was not taken back: whether its clearing day
-- has ended since. The host's approval was seen on the line while the terminal took it back (`approved`), or
-- nobody knows what the host did (`unknown`): then only the acquirer's statement can tell, which proves it (`posted`)
-- or acquits. Where records are missing after it, its answer or what undid it may be among them (`gap`).
WITH failed AS (
    SELECT l.*, p.posting, p.line_id, (SELECT max(known_until) FROM merchant) > (l.clearing_day + to_seconds(m.cutoff_s)) AT TIME ZONE shop.zone AS day_over
    FROM life l CROSS JOIN shop JOIN merchant m USING (merchant) LEFT JOIN posting p ON p.id = l.id
    WHERE l.kind IN ('SALE', 'QR_SALE', 'COMPLETION') AND NOT l.is_reversed AND l.voids = 0 AND l.refunded_fen = 0
      AND (l.state = 'open' OR l.state = 'approved' AND l.reversal_sendings > 0 AND l.reversals_confirmed = 0)
      AND coalesce(p.posting, '') NOT IN ('absent', 'undone') AND in_scope(l.business_date)
)
SELECT id AS key, CASE WHEN day_over OR posting = 'posted' THEN 1 ELSE 0 END AS unresolved_at_cutoff,
       [id] || CASE WHEN line_id IS NULL THEN [] ELSE [line_id] END AS subjects,
       merchant, terminal, business_date, coalesce(amount_fen, 0) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN posting = 'posted' THEN CASE WHEN gap_later THEN 'gap' ELSE 'posted' END WHEN state = 'approved' THEN 'approved' ELSE 'unknown' END AS grade,
       CASE WHEN posting = 'posted' THEN []::VARCHAR[] ELSE ['acquirer_file'] END || CASE WHEN gap_later THEN ['stan_gap'] ELSE [] END AS missing, []::VARCHAR[] AS also_ruled_out,
       state AS first_outcome, response_code AS first_response_code, reversal_sendings
FROM failed
WHERE id NOT IN (SELECT id FROM accused WHERE rule IN ('retry_after_unknown', 'reversal_exhausted')
                    OR rule = 'reversal_pending_idle' AND posting IS DISTINCT FROM 'posted')

-- One row a trace number with reversals: how often they were sent without one being confirmed. What the acquirer's
-- statement lacks, when it should be there, debited nobody.
-- The original is what stays in doubt; where it was not collected, its first reversal stands for it. Which attempt a
-- reversal without a trace number takes back is not known. A host voids a sale once: where it approved a later void of
-- it, the first void was not in force, unless the acquirer posted it.
WITH original AS (
    SELECT * FROM life WHERE kind <> 'REVERSAL' AND trace IN (SELECT trace FROM reversal)
    QUALIFY row_number() OVER (PARTITION BY trace ORDER BY state = 'open' DESC, state = 'approved' DESC, nth) = 1
)
SELECT l.id AS key,
       CASE WHEN r.confirmed > 0 OR o.voids > 0 OR o.refunded_fen >= o.amount_fen OR o.state = 'declined'
                 OR coalesce(p.posting IN ('absent', 'undone'), false)
                 OR (o.kind IN ('VOID', 'COMPLETION_VOID', 'PREAUTH_VOID') AND s.first_void_nth > o.nth
                     AND coalesce(p.posting <> 'posted', true)) THEN 0
            ELSE r.reversal_sendings END AS unconfirmed_sendings, w.resend_times,
       CASE WHEN o.id IS NULL THEN r.reversals ELSE [o.id] || r.reversals END AS subjects,
       l.merchant, l.terminal, l.business_date, coalesce(l.amount_fen, 0) AS amount_at_risk_fen, l.act_by,
       CASE WHEN l.stan IS NULL THEN 'nameless' WHEN o.id IS NULL THEN 'partial' WHEN l.gap_later THEN 'gap' ELSE 'clear' END AS grade,
       ['acquirer_file'] || CASE WHEN l.gap_later THEN ['stan_gap'] ELSE [] END
           || CASE WHEN o.id IS NULL THEN ['original_not_collected'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       r.reversal_sendings, r.answers AS reversal_answers, r.reasons AS reversal_reasons,
       r.first_reversal_at, o.state AS first_outcome, o.response_code AS first_response_code
FROM reversal r
LEFT JOIN original o USING (trace)
JOIN life l ON l.id = coalesce(o.id, r.first_reversal)
JOIN parameter w ON w.merchant = l.merchant
LEFT JOIN posting p ON p.id = o.id
LEFT JOIN origin s ON s.id = o.original
WHERE in_scope(l.business_date)

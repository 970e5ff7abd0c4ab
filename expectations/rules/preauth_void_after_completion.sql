-- One row an approved void of a pre-authorisation: completions of it that were there before and stand.
SELECT v.id AS key, CASE WHEN h.first_completion_nth < v.nth THEN h.completions ELSE 0 END AS completions_before_void,
       [v.id, v.original] || coalesce(h.completion_ids, []) AS subjects,
       v.merchant, v.terminal, v.business_date, h.completed_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN v.gap_later THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN v.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       h.completed_fen, h.hold_fen
FROM life v
JOIN hold h ON h.id = v.original
WHERE v.kind = 'PREAUTH_VOID' AND v.stands AND in_scope(v.business_date)

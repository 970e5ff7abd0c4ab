-- One row a voided sale whose fee did not come back with its void: both lines are there, their fees do not add up to
-- nothing, and the files that could bring the rest have come.
SELECT s.id AS key, s.fee_fen + coalesce(v.fee_fen, 0) AS fee_left_fen, [s.id, v.id] AS subjects, s.merchant,
       coalesce(s.terminal, '') AS terminal, s.business_date, s.fee_fen + coalesce(v.fee_fen, 0) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, s.fee_fen
FROM taken_back t
JOIN line s ON s.id = t.id
JOIN line v ON v.id = t.undone_by
JOIN pool p ON p.merchant = v.merchant AND p.terminal = v.terminal AND p.clearing_day = v.clearing_day AND p.closed
WHERE t.undone_as = 'void' AND s.fee_fen > 0 AND in_scope(s.business_date)

-- One row a signature that states for what it was made: its code (交易特征码), and that of the transaction it signs.
SELECT s.id AS key, s.feature_code, s.transaction_feature_code, [l.id] AS subjects,
       l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out
FROM signature s JOIN life l ON l.id = s.signs
WHERE s.feature_code IS NOT NULL AND s.transaction_feature_code IS NOT NULL AND l.live AND in_scope(l.business_date)

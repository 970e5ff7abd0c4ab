-- One row a signature with what it signs: its ink, in millionths of the picture. Without any ink it is blank; with a
-- little it may be a short name, and only strokes and extent would tell.
SELECT s.signs AS key, round(s.ink_ratio * 1000000)::BIGINT AS ink_ppm, [l.id] AS subjects,
       l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN s.ink_ratio = 0 THEN 'clear' ELSE 'faint' END AS grade,
       CASE WHEN s.ink_ratio = 0 THEN []::VARCHAR[] ELSE ['strokes'] END AS missing, []::VARCHAR[] AS also_ruled_out
FROM signature s
JOIN life l ON l.id = s.signs
WHERE s.ink_ratio IS NOT NULL AND l.live AND in_scope(l.business_date)
QUALIFY row_number() OVER (PARTITION BY s.signs ORDER BY s.ink_ratio DESC, s.moment DESC) = 1

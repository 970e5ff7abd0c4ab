-- One row a signature with what it signs, and whether it is blank: no ink, a dot or a plain line, or all of it in less than
-- 3 % of the picture. A very short name has little ink, but two strokes over more than that: ink alone (less than 0.2 %)
-- accuses only where strokes and extent were not told.
SELECT s.signs AS key,
       CASE WHEN coalesce(s.strokes < 2 OR s.box_ratio < 0.03, s.ink_ratio < 0.002) THEN 1 ELSE 0 END AS blank_signatures, [l.id] AS subjects,
       l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN s.ink_ratio = 0 THEN 'clear' ELSE 'faint' END AS grade,
       CASE WHEN s.ink_ratio = 0 OR s.strokes IS NOT NULL THEN []::VARCHAR[] ELSE ['strokes'] END AS missing, []::VARCHAR[] AS also_ruled_out,
       round(s.ink_ratio * 1000000)::BIGINT AS ink_ppm, s.strokes AS strokes_at_least, round(s.box_ratio * 100)::BIGINT AS box_percent
FROM signature s
JOIN life l ON l.id = s.signs
WHERE s.ink_ratio IS NOT NULL AND l.live AND in_scope(l.business_date)
QUALIFY row_number() OVER (PARTITION BY s.signs ORDER BY s.ink_ratio DESC, s.moment DESC) = 1

-- One row a contactless sale or hold that states no PIN, above what may go without one, unless a signature of it was
-- seen. At a merchant that sends no signatures it may have been signed on paper.
WITH signed AS (SELECT DISTINCT signs FROM signature WHERE signs IS NOT NULL),
signing AS (SELECT DISTINCT merchant FROM signature)
SELECT l.id AS key, l.amount_fen, p.limit_fen, [l.id] AS subjects,
       l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN g.merchant IS NULL THEN 'paper' ELSE 'clear' END AS grade,
       CASE WHEN g.merchant IS NULL THEN ['slip'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       l.entry_mode AS entry
FROM life l
JOIN parameter p USING (merchant)
LEFT JOIN signing g ON g.merchant = l.merchant
WHERE l.kind IN ('SALE', 'PREAUTH') AND l.live AND left(l.entry_mode, 2) IN ('07', '91', '96', '98') AND right(l.entry_mode, 1) = '2'
  AND l.amount_fen > p.limit_fen AND l.id NOT IN (SELECT signs FROM signed) AND in_scope(l.business_date)

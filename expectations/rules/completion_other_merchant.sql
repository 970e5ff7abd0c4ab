-- One row a completion with its pre-authorisation: how many merchants the two know.
SELECT c.id AS key,
       CASE WHEN c.merchant = o.merchant OR c.terminal = o.terminal OR maker.family = seller.family THEN 1 ELSE 2 END AS merchants,
       [c.id, o.id] AS subjects, c.merchant, c.terminal, c.business_date, c.amount_fen AS amount_at_risk_fen, c.act_by,
       'clear' AS grade, CASE WHEN maker.family IS NULL THEN ['merchant_map'] ELSE []::VARCHAR[] END AS missing,
       []::VARCHAR[] AS also_ruled_out, o.merchant AS hold_merchant_id
FROM life c
JOIN origin o ON o.id = c.original
LEFT JOIN family maker ON maker.merchant = c.merchant
LEFT JOIN family seller ON seller.merchant = o.merchant
WHERE c.kind = 'COMPLETION' AND c.live AND in_scope(c.business_date)

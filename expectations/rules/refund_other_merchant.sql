-- One row a refund that stands, with the sale its reference and card name: how many merchants the two
-- know. A terminal that took both was registered anew under another merchant number; numbers of one shop (same_shop) are one.
SELECT r.id AS key,
       CASE WHEN r.merchant = o.merchant OR r.terminal = o.terminal OR maker.family = seller.family THEN 1 ELSE 2 END AS merchants,
       [r.id, o.id] AS subjects,
       r.merchant, r.terminal, r.business_date, r.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, CASE WHEN maker.family IS NULL THEN ['merchant_map'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       o.merchant AS sale_merchant_id, o.terminal AS sale_terminal_id, r.merchant AS refund_merchant_id
FROM life r
JOIN origin o ON o.id = r.original
LEFT JOIN family maker ON maker.merchant = r.merchant
LEFT JOIN family seller ON seller.merchant = o.merchant
WHERE r.kind = 'REFUND' AND r.stands AND r.linked_by = 'reference'
  AND in_scope(r.business_date)

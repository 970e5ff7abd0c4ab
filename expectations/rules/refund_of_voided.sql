-- One row a refund that stands, with its sale: whether the sale had already been undone, by a void
-- that stands or by a confirmed reversal.
SELECT r.id AS key,
       CASE WHEN o.is_reversed OR o.first_void_nth < r.nth THEN 1 ELSE 0 END AS undone_before_refund,
       [r.id, o.id] || CASE WHEN o.first_void_nth < r.nth THEN [o.first_void] ELSE [] END AS subjects,
       r.merchant, r.terminal, r.business_date, r.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       CASE WHEN o.first_void_nth < r.nth THEN 'void' ELSE 'reversal' END AS undone_by
FROM life r
JOIN life o ON o.id = r.original
WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.stands
  AND r.business_date BETWEEN (SELECT first_day FROM scope) AND (SELECT last_day FROM scope)

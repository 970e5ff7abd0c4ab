-- One row a refund that stands, with its sale: whether the sale had been taken back by a confirmed reversal.
SELECT r.id AS key, CASE WHEN o.is_reversed THEN 1 ELSE 0 END AS reversals_of_the_sale, [r.id, o.id] AS subjects,
       r.merchant, r.terminal, r.business_date, r.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN r.linked_by = 'card' THEN 'card' ELSE 'clear' END AS grade,
       CASE WHEN r.linked_by = 'card' THEN ['original_not_named'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       r.linked_by
FROM life r
JOIN origin o ON o.id = r.original
WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.stands AND in_scope(r.business_date)

-- One row a refund that stands, with its sale: both amounts. A sale adjusted by a tip is compared as
-- adjusted; across currencies nothing is compared.
SELECT r.id AS key, r.amount_fen AS refund_fen, o.amount_fen AS sale_fen,
       [r.id, o.id] AS subjects,
       r.merchant, r.terminal, r.business_date, r.amount_fen - o.amount_fen AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN o.gap_later OR r.linked_by <> 'reference' THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN o.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END
           || CASE WHEN o.state = 'open' THEN ['unknown_outcomes'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       r.linked_by
FROM life r
JOIN origin o ON o.id = r.original
WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.stands AND r.currency IS NOT DISTINCT FROM o.currency
  AND in_scope(r.business_date)
  AND r.id NOT IN (SELECT id FROM accused WHERE rule IN ('refund_of_voided', 'refund_of_reversed'))

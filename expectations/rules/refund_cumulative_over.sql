-- One row a refund that stands, with its sale: what has been paid back so far, a void that followed
-- the last refund included, against what was paid.
WITH refund AS (
    SELECT r.*, o.id AS sale_id, o.amount_fen AS sale_fen, o.gap_later AS sale_gap, o.currency AS sale_currency,
           (sum(r.amount_fen) OVER (PARTITION BY r.original ORDER BY r.nth ROWS UNBOUNDED PRECEDING))::BIGINT AS refunds_fen,
           list(r.id) OVER (PARTITION BY r.original ORDER BY r.nth ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
           CASE WHEN lead(r.id) OVER (PARTITION BY r.original ORDER BY r.nth) IS NULL AND o.first_void_nth > r.nth
                THEN o.first_void END AS void_after
    FROM life r
    JOIN origin o ON o.id = r.original
    WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.stands
)
SELECT r.id AS key, r.refunds_fen + coalesce(v.amount_fen, 0) AS credited_fen, r.sale_fen,
       [r.id] || coalesce(r.before, []) || CASE WHEN r.void_after IS NULL THEN [] ELSE [r.void_after] END || [r.sale_id]
           AS subjects,
       r.merchant, r.terminal, r.business_date,
       least(r.amount_fen, r.refunds_fen + coalesce(v.amount_fen, 0) - r.sale_fen) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN r.sale_gap OR r.linked_by <> 'reference' THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN r.sale_gap THEN ['stan_gap'] ELSE []::VARCHAR[] END
           || CASE WHEN r.linked_by = 'card' THEN ['original_not_named'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       1 + len(coalesce(r.before, [])) AS refunds, r.linked_by
FROM refund r
LEFT JOIN life v ON v.id = r.void_after
WHERE r.currency IS NOT DISTINCT FROM r.sale_currency
  AND in_scope(r.business_date)
  AND r.id NOT IN (SELECT id FROM accused WHERE rule IN ('refund_of_voided', 'refund_of_reversed', 'refund_over_original', 'dup_refund'))

-- One row a refund that stands: how many refunds of the same sale and amount came before it within a
-- day, counted when together the sale's refunds exceed it, or when they are at most ten minutes apart and do not bear
-- different numbers of the till.
WITH refund AS (
    SELECT r.*, o.amount_fen AS sale_fen, coalesce(o.gap_later, false) AS sale_gap,
           coalesce(r.original, concat_ws('|', r.merchant, r.orig_rrn, r.orig_date)) AS of_sale,
           (sum(r.amount_fen) OVER (
               PARTITION BY coalesce(r.original, concat_ws('|', r.merchant, r.orig_rrn, r.orig_date))
               ORDER BY r.nth ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))::BIGINT AS refunded_so_far
    FROM life r
    LEFT JOIN origin o ON o.id = r.original
    WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.stands AND (r.original IS NOT NULL OR r.orig_rrn IS NOT NULL)
),
repeat AS (
    SELECT later.id, count(*) AS earlier, list(first.id ORDER BY first.nth) AS first_ids,
           max(first.moment) AS first_moment
    FROM refund later
    JOIN refund first
      ON first.of_sale = later.of_sale AND first.amount_fen = later.amount_fen AND first.nth < later.nth
     AND date_diff('second', first.moment, later.moment) <= 86400
     AND (coalesce(later.refunded_so_far > later.sale_fen, false)
          OR date_diff('second', first.moment, later.moment) <= 600 AND coalesce(first.order_ref = later.order_ref, true))
    GROUP BY later.id
)
SELECT id AS key, coalesce(earlier, 0) AS same_refunds_before,
       [id] || coalesce(first_ids, []) || CASE WHEN original IS NULL THEN [] ELSE [original] END AS subjects,
       merchant, terminal, business_date,
       CASE WHEN refunded_so_far > sale_fen THEN least(amount_fen, refunded_so_far - sale_fen) ELSE amount_fen END
           AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN sale_fen IS NULL OR refunded_so_far <= sale_fen THEN 'review'
            WHEN sale_gap OR linked_by <> 'reference' THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN sale_fen IS NULL THEN ['original_not_collected'] ELSE []::VARCHAR[] END
           || CASE WHEN sale_gap THEN ['stan_gap'] ELSE [] END
           || CASE WHEN linked_by = 'card' THEN ['original_not_named'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       date_diff('second', first_moment, moment) AS seconds_apart, refunded_so_far AS refunded_fen, sale_fen, linked_by
FROM refund LEFT JOIN repeat USING (id)
WHERE in_scope(business_date)
  AND id NOT IN (SELECT id FROM accused WHERE rule IN ('refund_of_voided', 'refund_of_reversed', 'refund_over_original'))

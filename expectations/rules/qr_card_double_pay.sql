-- One row a payment by code and one by card of the same amount at one merchant, the later one accused: the till's
-- order says that they are one purchase, or the first had ended without a result. Two customers who pay the
-- same price are told by their orders, and otherwise by the first one's clean end.
WITH payment AS (
    SELECT *, kind = 'QR_SALE' AS by_code FROM life
    WHERE kind IN ('QR_SALE', 'SALE') AND (exposed OR state = 'open' AND NOT is_reversed) AND amount_fen > 0
    QUALIFY count(*) FILTER (kind = 'QR_SALE') OVER (PARTITION BY merchant, amount_fen, business_date) > 0
),
pair AS (
    SELECT later.*, first.id AS first_id, first.state AS first_state, first.kind AS first_kind,
           date_diff('second', first.moment, later.moment) AS seconds_apart,
           coalesce(first.order_ref = later.order_ref, false) AS same_order, p.window_s
    FROM payment later
    JOIN parameter p USING (merchant)
    JOIN payment first
      ON first.merchant = later.merchant AND first.amount_fen = later.amount_fen AND first.by_code <> later.by_code
     AND first.nth < later.nth AND first.moment >= later.moment - to_seconds(p.window_s)
     AND coalesce(first.order_ref = later.order_ref, true)
    WHERE later.exposed AND in_scope(later.business_date) AND (first.order_ref = later.order_ref OR first.state = 'open')
    QUALIFY row_number() OVER (PARTITION BY later.id ORDER BY same_order DESC, first.nth DESC) = 1
)
SELECT id AS key, 2 AS payments, [id, first_id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN same_order THEN 'clear' ELSE 'review' END AS grade,
       ['acquirer_file'] || CASE WHEN same_order THEN [] ELSE ['order_ref'] END AS missing, []::VARCHAR[] AS also_ruled_out,
       seconds_apart, first_kind, first_state AS first_outcome, same_order
FROM pair

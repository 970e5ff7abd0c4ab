-- One row a payment by code and one by card of the same amount at one merchant, the later one accused: the till's
-- order says that they are one purchase, or the first had ended without a result. Two customers who pay the
-- same price are told by their orders, and otherwise by the first one's clean end.
WITH payment AS (
    SELECT id, merchant, business_date, moment, nth, kind, state, exposed, amount_fen, order_ref, kind = 'QR_SALE' AS by_code FROM life
    WHERE kind IN ('QR_SALE', 'SALE') AND (exposed OR state = 'open' AND NOT is_reversed AND voids = 0 AND refunded_fen < amount_fen)
      AND amount_fen > 0
      AND (merchant, amount_fen) IN (SELECT merchant, amount_fen FROM attempt WHERE kind = 'QR_SALE')
),
candidate AS (
    SELECT later.id, later.merchant, later.moment, first.id AS first_id, first.moment AS first_moment, first.nth AS first_nth,
           first.state AS first_state, first.kind AS first_kind, true AS same_order
    FROM payment later
    JOIN payment first ON first.merchant = later.merchant AND first.order_ref = later.order_ref AND first.amount_fen = later.amount_fen
    WHERE later.exposed AND first.by_code <> later.by_code AND first.nth < later.nth AND in_scope(later.business_date)
    UNION ALL
    SELECT later.id, later.merchant, later.moment, first.id, first.moment, first.nth, first.state, first.kind, false
    FROM (SELECT *, unnest([business_date, business_date + 1])::DATE AS day FROM payment WHERE state = 'open') first
    JOIN payment later ON later.merchant = first.merchant AND later.amount_fen = first.amount_fen AND later.business_date = first.day
    WHERE (first.order_ref IS NULL OR later.order_ref IS NULL)
      AND later.exposed AND first.by_code <> later.by_code AND first.nth < later.nth AND in_scope(later.business_date)
),
pair AS (
    SELECT c.id, c.first_id, c.same_order, c.first_state, c.first_kind, date_diff('second', c.first_moment, c.moment) AS seconds_apart
    FROM candidate c
    JOIN parameter p ON p.merchant = c.merchant
    WHERE c.first_moment >= c.moment - to_seconds(p.window_s)
    QUALIFY row_number() OVER (PARTITION BY c.id ORDER BY c.same_order DESC, c.first_nth DESC) = 1
)
SELECT l.id AS key, 2 AS payments, [l.id, pair.first_id] AS subjects,
       l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, l.act_by,
       CASE WHEN same_order THEN 'clear' ELSE 'review' END AS grade,
       ['acquirer_file'] || CASE WHEN same_order THEN [] ELSE ['order_ref'] END AS missing, []::VARCHAR[] AS also_ruled_out,
       seconds_apart, first_kind, first_state AS first_outcome, same_order
FROM pair JOIN life l ON l.id = pair.id

-- One row a sale that makes the sales of one card within half an hour, each just below the limit, exceed it together.
-- Sales of different orders are different purchases.
WITH near AS (
    SELECT l.*, p.limit_fen, count(*) OVER w AS sales, (sum(l.amount_fen) OVER w)::BIGINT AS together_fen, list(l.id) OVER w AS ids,
           count(DISTINCT l.order_ref) OVER w AS orders, count(l.order_ref) OVER w AS ordered, p.sales AS least
    FROM life l
    JOIN parameter p USING (merchant)
    WHERE l.kind = 'SALE' AND l.exposed AND l.card IS NOT NULL AND l.amount_fen * 100 >= p.limit_fen * 90 AND l.amount_fen <= p.limit_fen
    WINDOW w AS (PARTITION BY l.merchant, l.card ORDER BY l.moment RANGE BETWEEN INTERVAL 30 MINUTE PRECEDING AND CURRENT ROW)
)
SELECT id AS key, sales AS sales_below_the_limit, list_reverse(ids) AS subjects,
       merchant, terminal, business_date, together_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, CASE WHEN ordered < sales THEN ['order_ref'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       limit_fen, together_fen
FROM near
WHERE sales = least AND together_fen > limit_fen AND NOT (ordered = sales AND orders = sales) AND in_scope(business_date)

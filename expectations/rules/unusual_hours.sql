-- One row a large sale (the merchant's upper tenth) outside the hours in which it sold in the 90 days before, an hour
-- allowed on either side. At least 30 days and 300 sales are needed to know its hours.
WITH hour AS (
    SELECT l.merchant, l.business_date, hour(l.moment AT TIME ZONE shop.zone)::INT AS h, count(*) AS sales
    FROM life l CROSS JOIN shop
    WHERE l.kind IN ('SALE', 'QR_SALE') AND l.state = 'approved'
    GROUP BY ALL
),
judged_day AS (
    SELECT DISTINCT merchant, business_date AS day
    FROM (SELECT *, sum(sales) OVER (PARTITION BY merchant, h) AS at_this_hour, sum(sales) OVER (PARTITION BY merchant) AS at_all FROM hour)
    WHERE at_this_hour * 100 <= at_all * 3 AND at_all >= 300 AND in_scope(business_date)
),
past AS (
    SELECT d.merchant, d.day, h.h, sum(h.sales)::BIGINT AS sales, count(DISTINCT h.business_date) AS days
    FROM judged_day d
    JOIN hour h ON h.merchant = d.merchant AND h.business_date >= d.day - 90 AND h.business_date < d.day
    GROUP BY d.merchant, d.day, h.h
),
open_hours AS (
    SELECT merchant, day, min(h) FILTER (upto * 100 > total) AS opens, max(h) FILTER (below * 100 < total * 99) AS closes,
           any_value(total) AS total, max(days) AS days
    FROM (SELECT *, (sum(sales) OVER w)::BIGINT AS upto, (sum(sales) OVER w)::BIGINT - sales AS below,
                 (sum(sales) OVER (PARTITION BY merchant, day))::BIGINT AS total
          FROM past WINDOW w AS (PARTITION BY merchant, day ORDER BY h))
    GROUP BY merchant, day
),
late AS (
    SELECT l.*, o.opens, o.closes, hour(l.moment AT TIME ZONE shop.zone)::INT AS h
    FROM life l CROSS JOIN shop
    JOIN open_hours o ON o.merchant = l.merchant AND o.day = l.business_date
    WHERE l.kind = 'SALE' AND l.exposed AND o.days >= 30 AND o.total >= 300
      AND (hour(l.moment AT TIME ZONE shop.zone) < o.opens - 1 OR hour(l.moment AT TIME ZONE shop.zone) > o.closes + 1)
),
price AS (
    SELECT t.id, quantile_disc(s.amount_fen, 0.9) AS p90_fen
    FROM late t
    JOIN life s ON s.merchant = t.merchant AND s.kind = 'SALE' AND s.state = 'approved'
               AND s.business_date >= t.business_date - 90 AND s.business_date < t.business_date
    GROUP BY t.id
)
SELECT id AS key, CASE WHEN amount_fen >= p90_fen THEN 1 ELSE 0 END AS large_sales_out_of_hours, [id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       'clear' AS grade, ['events'] AS missing, []::VARCHAR[] AS also_ruled_out, opens AS opens_hour, closes AS closes_hour, p90_fen
FROM late JOIN price USING (id)

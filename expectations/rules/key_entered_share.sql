-- One row a merchant's day with a sale keyed in by hand: such sales among all of the 30 days until then. It is said on
-- the first day of a run.
WITH day AS (
    SELECT merchant, business_date, count(*) AS sales, count(*) FILTER (left(entry_mode, 2) = '01') AS keyed,
           (sum(amount_fen) FILTER (left(entry_mode, 2) = '01'))::BIGINT AS keyed_fen, list(id ORDER BY nth DESC) FILTER (left(entry_mode, 2) = '01') AS ids,
           arg_max(terminal, nth) FILTER (left(entry_mode, 2) = '01') AS terminal
    FROM life WHERE kind = 'SALE' AND live AND entry_mode IS NOT NULL
    GROUP BY merchant, business_date
),
month AS (
    SELECT *, (sum(sales) OVER w)::BIGINT AS sales_in_30_days, (sum(keyed) OVER w)::BIGINT AS keyed_in_30_days
    FROM day
    WINDOW w AS (PARTITION BY merchant ORDER BY business_date RANGE BETWEEN INTERVAL 29 DAY PRECEDING AND CURRENT ROW)
),
judged AS (
    SELECT m.*, sales_in_30_days >= p.least_sales AND keyed_in_30_days * 100 > p.percent * sales_in_30_days AS too_many
    FROM month m JOIN parameter p USING (merchant)
)
SELECT concat_ws('|', merchant, business_date) AS key,
       CASE WHEN too_many AND NOT coalesce(lag(too_many) OVER w, false) THEN keyed_in_30_days ELSE 0 END AS keyed_sales_too_many,
       coalesce(ids[1:10], []) AS subjects, merchant, coalesce(terminal, '') AS terminal, business_date,
       coalesce(keyed_fen, 0) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, ['contract'] AS missing, []::VARCHAR[] AS also_ruled_out, keyed_in_30_days, sales_in_30_days
FROM judged
WINDOW w AS (PARTITION BY merchant ORDER BY business_date)
QUALIFY in_scope(business_date) AND keyed > 0

-- One row an operator and day with a void: voids and sales of the seven days until then, beside the merchant's
-- other operators. It is said on the first day of a run. Test sales of at most one yuan do not count.
WITH act AS (
    SELECT merchant, operator_no, business_date, id, nth, terminal, kind = 'VOID' AS is_void, amount_fen
    FROM life
    WHERE kind IN ('SALE', 'VOID') AND stands AND amount_fen > 100 AND operator_no IS NOT NULL
),
day AS (
    SELECT merchant, operator_no, business_date, count(*) FILTER (is_void) AS voids, count(*) FILTER (NOT is_void) AS sales,
           (sum(amount_fen) FILTER (is_void))::BIGINT AS voided_fen, arg_max(terminal, nth) AS terminal, list(id ORDER BY nth DESC) FILTER (is_void) AS ids
    FROM act GROUP BY merchant, operator_no, business_date
),
week AS (
    SELECT *, (sum(voids) OVER w)::BIGINT AS voids_in_7_days, (sum(sales) OVER w)::BIGINT AS sales_in_7_days
    FROM day
    WINDOW w AS (PARTITION BY merchant, operator_no ORDER BY business_date
                 RANGE BETWEEN INTERVAL 6 DAY PRECEDING AND CURRENT ROW)
),
share AS (
    SELECT merchant, operator_no, sum(voids) * 1000000 / greatest(sum(sales), 1) AS share_ppm FROM day GROUP BY ALL
),
usual AS (
    SELECT s.merchant, s.operator_no, median(o.share_ppm) AS median_ppm
    FROM share s JOIN share o ON o.merchant = s.merchant AND o.operator_no <> s.operator_no
    GROUP BY s.merchant, s.operator_no
),
judged AS (
    SELECT w.*, voids_in_7_days * 1000000 // greatest(sales_in_7_days, 1) AS share_ppm, u.median_ppm,
           voids_in_7_days >= p.voids
           AND voids_in_7_days * 100 >= p.percent * greatest(sales_in_7_days, 1)
           AND voids_in_7_days * 1000000 // greatest(sales_in_7_days, 1) >= p.times_usual * u.median_ppm AS too_many
    FROM week w
    JOIN usual u USING (merchant, operator_no)
    JOIN parameter p USING (merchant)
    WHERE w.voids > 0
)
SELECT concat_ws('|', merchant, operator_no, business_date) AS key,
       CASE WHEN too_many AND NOT coalesce(lag(too_many) OVER w AND lag(business_date) OVER w >= business_date - 6, false)
            THEN voids_in_7_days ELSE 0 END AS voids_out_of_line,
       ids[1:10] AS subjects, merchant, terminal,
       business_date, coalesce(voided_fen, 0) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, ['training_days'] AS missing, ['test_sales', 'single_operator'] AS also_ruled_out,
       voids_in_7_days, sales_in_7_days, share_ppm
FROM judged
WINDOW w AS (PARTITION BY merchant, operator_no ORDER BY business_date)
QUALIFY in_scope(business_date)

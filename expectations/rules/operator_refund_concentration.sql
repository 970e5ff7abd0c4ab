-- One row an operator and day with a refund: the operator's share of the merchant's refunds in the 30 days until then, where
-- the merchant has other operators. It is said on the first day of a run.
WITH day AS (
    SELECT merchant, operator_no, business_date, count(*) AS refunds, sum(amount_fen)::BIGINT AS refunded_fen,
           list(id ORDER BY nth DESC) AS ids, arg_max(terminal, nth) AS terminal
    FROM life WHERE kind IN ('REFUND', 'QR_REFUND') AND stands AND operator_no IS NOT NULL
    GROUP BY merchant, operator_no, business_date
),
month AS (
    SELECT *, (sum(refunds) OVER own)::BIGINT AS own_refunds, (sum(refunds) OVER shop)::BIGINT AS all_refunds
    FROM day
    WINDOW own AS (PARTITION BY merchant, operator_no ORDER BY business_date RANGE BETWEEN INTERVAL 29 DAY PRECEDING AND CURRENT ROW),
           shop AS (PARTITION BY merchant ORDER BY business_date RANGE BETWEEN INTERVAL 29 DAY PRECEDING AND CURRENT ROW)
),
judged AS (
    SELECT m.*, own_refunds >= p.refunds AND own_refunds * 100 > p.percent * all_refunds AND o.has_others AS too_many
    FROM month m
    JOIN parameter p USING (merchant)
    JOIN (SELECT merchant, min(operator_no) <> max(operator_no) AS has_others FROM attempt GROUP BY merchant) o USING (merchant)
)
SELECT concat_ws('|', merchant, operator_no, business_date) AS key,
       CASE WHEN too_many AND NOT coalesce(lag(too_many) OVER w, false) THEN own_refunds ELSE 0 END AS refunds_in_one_hand,
       ids[1:10] AS subjects, merchant, terminal, business_date, refunded_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, ['single_operator'] AS also_ruled_out, own_refunds, all_refunds
FROM judged
WINDOW w AS (PARTITION BY merchant, operator_no ORDER BY business_date)
QUALIFY in_scope(business_date)

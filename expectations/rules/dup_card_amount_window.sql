-- One row a pair of sales of one card, one amount and one currency at one merchant within the hour, the later one
-- accused, with a score. The first was disturbed (anomaly) when it was sent again, its reversal was queued, or its answer came after
-- the terminal had given up. Slips are not collected: their part counts nothing and `missing` names them. A sale
-- without signature beside a signed one of the same entry lacks what was asked for; blank pictures sign nothing. Where a link carries no operator, or no
-- trace number, the points that those could have earned are left open: what might have been for
-- review with them is said to be unverifiable, not silently innocent. A common price is one of the merchant's three
-- most common, or one that three answers "two purchases" taught (docs/cases.md). A price never seen among fewer than a
-- hundred sales may be a rare one: its points are left open as well, and such a pair is for review at most, as is one
-- whose orders differ, whatever else speaks against it.
WITH sale AS (
    SELECT life.*, coalesce(life.currency, '156') AS money, sendings > 1 OR reversal_sendings > 0
           OR coalesce(date_diff('second', requested_at, responded_at) >= p.timeout_s, false) AS anomaly
    FROM life JOIN parameter p USING (merchant)
    WHERE kind = 'SALE' AND exposed AND card IS NOT NULL AND amount_fen > 0
      AND hash(merchant, card, amount_fen, coalesce(life.currency, '156')) IN (
          SELECT hash(merchant, card, amount_fen, coalesce(currency, '156')) FROM life
          WHERE kind = 'SALE' AND exposed AND card IS NOT NULL GROUP BY 1 HAVING count(*) > 1)
),
signed AS (
    SELECT signs AS id, arg_max(sha256, moment) AS sha256 FROM signature
    WHERE signs IS NOT NULL AND coalesce(ink_ratio, 1) >= 0.002 GROUP BY signs
),
alike AS (
    SELECT *, count(*) OVER near AS run, count(*) FILTER (anomaly) OVER near AS run_anomalies
    FROM sale
    WINDOW near AS (PARTITION BY merchant, card, amount_fen, money ORDER BY moment
                    RANGE BETWEEN INTERVAL 3600 SECOND PRECEDING AND INTERVAL 3600 SECOND FOLLOWING)
),
pair AS (
    SELECT later.*, first.id AS first_id, date_diff('second', first.moment, later.moment) AS seconds_apart,
           first.anomaly AS first_anomaly,
           first.terminal = later.terminal AS same_terminal,
           coalesce(first.terminal = later.terminal AND first.operator_no = later.operator_no, false) AS same_operator,
           coalesce(first.terminal = later.terminal AND later.stan = first.stan % 999999 + 1, false) AS consecutive,
           coalesce(first.order_ref <> later.order_ref, false) AS orders_differ,
           first.operator_no IS NULL OR later.operator_no IS NULL AS operator_absent,
           first.order_ref IS NULL OR later.order_ref IS NULL AS order_absent,
           coalesce(first.operator_no, later.operator_no) IS NULL AND coalesce(first.stan, later.stan) IS NULL AS nameless,
           first.gap_later AS gap,
           coalesce(left(later.entry_mode, 2) IN ('07', '91', '96', '98') AND right(later.entry_mode, 1) <> '1'
                    AND later.amount_fen <= 100000, false) AS tap_without_pin,
           first.atc AS first_card_counter,
           a.id IS NULL AND b.id IS NOT NULL AND coalesce(first.entry_mode = later.entry_mode, false) AS first_unsigned,
           coalesce(a.sha256 <> b.sha256, false) AS signed_apart, a.id IS NULL AND b.id IS NULL AS unsigned
    FROM alike later
    JOIN sale first
      ON first.merchant = later.merchant AND first.card = later.card AND first.amount_fen = later.amount_fen
     AND first.money = later.money AND first.nth < later.nth AND date_diff('second', first.moment, later.moment) <= 3600 AND first.trace <> later.trace
    LEFT JOIN signed a ON a.id = first.id
    LEFT JOIN signed b ON b.id = later.id
    WHERE later.run > 1
      AND in_scope(later.business_date)
      AND later.id NOT IN (SELECT id FROM accused WHERE rule IN ('dup_stan_resent', 'dup_same_atc', 'dup_rrn_twice'))
      AND first.id NOT IN (SELECT id FROM accused WHERE rule = 'retry_after_unknown')
    QUALIFY row_number() OVER (PARTITION BY later.id ORDER BY first.nth DESC) = 1
),
-- What this merchant sold in the 90 days before in the pair's currency, by price: whole days, and today until then.
earlier_days AS (
    SELECT p.id, s.amount_fen, s.sales
    FROM pair p
    JOIN (
        SELECT d.merchant, d.money, d.day, s.amount_fen, count(*) AS sales
        FROM (SELECT DISTINCT merchant, money, business_date AS day FROM pair) d
        JOIN life s ON s.merchant = d.merchant AND coalesce(s.currency, '156') = d.money AND s.kind = 'SALE'
                   AND s.state = 'approved' AND s.business_date >= d.day - 90 AND s.business_date < d.day
        GROUP BY d.merchant, d.money, d.day, s.amount_fen
    ) s ON s.merchant = p.merchant AND s.money = p.money AND s.day = p.business_date
),
same_day AS (
    SELECT p.id, s.amount_fen, count(*) AS sales
    FROM pair p
    JOIN life s ON s.merchant = p.merchant AND coalesce(s.currency, '156') = p.money
               AND s.business_date = p.business_date AND s.kind = 'SALE'
               AND s.state = 'approved' AND s.nth < p.nth AND s.id <> p.first_id
    GROUP BY p.id, s.amount_fen
),
price AS (
    SELECT id, amount_fen, sum(sales)::BIGINT AS sales,
           rank() OVER (PARTITION BY id ORDER BY sum(sales) DESC) AS place,
           (sum(sum(sales)) OVER (PARTITION BY id))::BIGINT AS all_sales
    FROM (SELECT * FROM earlier_days UNION ALL SELECT * FROM same_day)
    GROUP BY id, amount_fen
),
history AS (
    SELECT p.id, coalesce(max(price.all_sales), 0) AS all_sales,
           coalesce(max(price.sales) FILTER (price.amount_fen = p.amount_fen), 0) AS sales,
           coalesce(min(price.place) FILTER (price.amount_fen = p.amount_fen), 0) AS place
    FROM pair p LEFT JOIN price USING (id)
    GROUP BY p.id
),
-- Days on which this card paid this amount twice here, and was content.
habit AS (
    SELECT id, count(*) AS days
    FROM (
        SELECT p.id, s.business_date
        FROM pair p
        JOIN life s ON s.merchant = p.merchant AND s.card = p.card AND s.amount_fen = p.amount_fen
                   AND coalesce(s.currency, '156') = p.money AND s.kind = 'SALE' AND s.live
                   AND s.business_date >= p.business_date - 60 AND s.business_date < p.business_date
        GROUP BY p.id, s.business_date
        HAVING count(*) >= 2 AND max(s.refunded_fen) = 0
    )
    GROUP BY id
),
weighed AS (
    SELECT p.*, h.all_sales AS merchant_sales_90_days, h.sales AS sales_at_this_price,
           point.merchant IS NOT NULL AS taught_price,
           taught_price OR h.sales >= 3 AND h.place BETWEEN 1 AND 3 AS common_price,
           NOT taught_price AND h.all_sales >= 100 AND h.sales * 100 < h.all_sales AND p.amount_fen % 1000 <> 0 AS rare_price,
           NOT taught_price AND h.all_sales < 100 AND h.sales = 0 AND p.amount_fen % 1000 <> 0
               AND NOT orders_differ AND NOT signed_apart AS price_untold,
           coalesce(habit.days, 0) AS days_done_before
    FROM pair p
    JOIN history h USING (id)
    LEFT JOIN habit USING (id)
    LEFT JOIN price_point point ON point.merchant = p.merchant AND point.amount_fen = p.amount_fen
                               AND point.currency = p.money
),
scored AS (
    SELECT *, {
        'time_apart': CASE WHEN seconds_apart <= 60 THEN points_within_60_s WHEN seconds_apart <= 300 THEN points_within_300_s
                           ELSE points_within_3600_s END,
        'first_had_anomaly': CASE WHEN first_anomaly THEN points_first_had_anomaly ELSE 0 END,
        'same_terminal_and_operator': CASE WHEN same_operator THEN points_same_terminal_and_operator ELSE 0 END,
        'first_unsigned': CASE WHEN first_unsigned THEN points_first_unsigned ELSE 0 END,
        'rare_price': CASE WHEN rare_price THEN points_rare_price ELSE 0 END,
        'consecutive_receipts': CASE WHEN consecutive THEN points_consecutive_receipts ELSE 0 END,
        'common_price': CASE WHEN common_price THEN points_common_price ELSE 0 END,
        'different_orders': CASE WHEN orders_differ THEN points_different_orders ELSE 0 END,
        'signed_apart': CASE WHEN signed_apart THEN points_signed_apart ELSE 0 END,
        'done_before': CASE WHEN days_done_before >= 2 THEN points_done_before ELSE 0 END,
        'different_terminals': CASE WHEN same_terminal THEN 0 ELSE points_different_terminals END,
        'tap_at_common_price': CASE WHEN tap_without_pin AND common_price THEN points_tap_at_common_price ELSE 0 END
    } AS score_parts,
    CASE WHEN same_terminal AND operator_absent THEN points_same_terminal_and_operator ELSE 0 END
        + CASE WHEN nameless THEN points_consecutive_receipts ELSE 0 END AS unheard,
    CASE WHEN price_untold THEN points_rare_price ELSE 0 END AS price_left_open
    FROM weighed JOIN parameter USING (merchant)
    -- Three or more alike within the hour, without a fault in any: gift cards, a canteen, a hospital till.
    WHERE NOT (run >= 3 AND run_anomalies = 0 AND NOT rare_price)
      AND (seconds_apart <= 300 OR first_anomaly OR first_unsigned)
)
SELECT id AS key,
       (score_parts.time_apart + score_parts.first_had_anomaly + score_parts.same_terminal_and_operator
        + score_parts.first_unsigned + score_parts.signed_apart + score_parts.rare_price + score_parts.consecutive_receipts + score_parts.common_price
        + score_parts.different_orders + score_parts.done_before + score_parts.different_terminals
        + score_parts.tap_at_common_price)::BIGINT AS duplicate_score,
       (duplicate_score + unheard + price_left_open)::BIGINT AS highest_score,
       [id, first_id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN duplicate_score >= 70 AND NOT orders_differ THEN 'alert'
            WHEN duplicate_score + price_left_open >= 45 THEN 'review' ELSE 'nameless' END AS grade,
       ['acquirer_file'] || CASE WHEN unsigned THEN ['signature'] ELSE [] END || ['slip']
           || CASE WHEN order_absent THEN ['order_ref'] ELSE [] END
           || CASE WHEN operator_absent THEN ['operator'] ELSE [] END
           || CASE WHEN nameless THEN ['trace_numbers'] ELSE [] END
           || CASE WHEN merchant_sales_90_days < 100 THEN ['price_history'] ELSE [] END
           || CASE WHEN card_by_mask THEN ['card_token'] ELSE [] END
           || CASE WHEN gap THEN ['stan_gap'] ELSE [] END AS missing,
       CASE WHEN merchant_sales_90_days >= 100 AND NOT common_price THEN ['common_price_point'] ELSE [] END
           || CASE WHEN run < 3 THEN ['repeat_purchase_run'] ELSE [] END
           || CASE WHEN NOT order_absent AND NOT orders_differ THEN ['different_orders'] ELSE [] END AS also_ruled_out,
       score_parts, seconds_apart, first_card_counter, atc AS second_card_counter,
       sales_at_this_price, taught_price, merchant_sales_90_days
FROM scored

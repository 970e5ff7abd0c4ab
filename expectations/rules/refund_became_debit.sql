-- One row a refund, approved or not, that is followed within half an hour by a sale to the same card for the same
-- amount, without a new order: the refund may have been keyed, or booked, as a sale. The sale is accused. Records that
-- are missing after it lower that only while the acquirer's files do not tell what became of it (`vouched`). And one row a
-- refund under whose own numbers the acquirer settled a debit (`posted`), once the files that could put it right have come.
WITH refund AS (SELECT * FROM life WHERE kind = 'REFUND' AND card IS NOT NULL AND amount_fen > 0),
pair AS (
    SELECT s.*, r.id AS refund_id, r.state AS refund_state, r.response_code AS refund_code, r.original AS refunded_sale,
           date_diff('second', r.moment, s.moment) AS seconds_apart,
           s.order_ref IS NULL AS order_absent, s.gap_later AND w.id IS NULL AS in_doubt
    FROM refund r
    JOIN parameter p USING (merchant)
    JOIN life s
      ON s.merchant = r.merchant AND s.card = r.card AND s.amount_fen = r.amount_fen AND s.kind = 'SALE' AND s.exposed
     AND s.nth > r.nth AND s.moment <= r.moment + to_seconds(p.window_s)
    LEFT JOIN origin o ON o.id = r.original
    LEFT JOIN vouched w ON w.id = s.id
    WHERE in_scope(s.business_date) AND (s.order_ref IS NULL OR s.order_ref IS NOT DISTINCT FROM coalesce(r.order_ref, o.order_ref))
      -- What was sold and refunded in turns is judged by the pair that is nearest.
    QUALIFY row_number() OVER (PARTITION BY s.id ORDER BY r.nth DESC) = 1
)
SELECT id AS key, 1 AS debits_in_place_of_refund,
       [id, refund_id] || CASE WHEN refunded_sale IS NULL THEN [] ELSE [refunded_sale] END AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN in_doubt THEN 'gap' ELSE 'clear' END AS grade,
       ['slip'] || CASE WHEN order_absent THEN ['order_ref'] ELSE [] END || CASE WHEN in_doubt THEN ['stan_gap'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       seconds_apart, refund_state AS refund_outcome, refund_code AS refund_response_code
FROM pair
UNION ALL
SELECT r.id, 1, [r.id, u.id] || CASE WHEN r.original IS NULL THEN [] ELSE [r.original] END,
       r.merchant, r.terminal, r.business_date, u.amount_fen, NULL::TIMESTAMPTZ, 'posted', []::VARCHAR[], []::VARCHAR[],
       NULL, r.state, r.response_code
FROM refund r
JOIN line u ON u.merchant = r.merchant AND u.terminal = r.terminal AND u.stan = r.stan AND u.amount_fen = r.amount_fen
           AND (u.batch = r.batch OR u.batch IS NULL OR r.batch IS NULL)
           AND coalesce(same_mask(u.pan_masked, r.pan_masked), true)
JOIN pool w ON w.merchant = u.merchant AND w.terminal = u.terminal AND w.clearing_day = u.clearing_day AND w.closed
WHERE u.family = 'debit' AND u.status = 'settled' AND in_scope(r.business_date) AND NOT r.is_reversed
  AND abs(date_diff('day', r.clearing_day, u.clearing_day)) <= 1
  AND u.id NOT IN (SELECT line_id FROM counterpart) AND u.id NOT IN (SELECT id FROM taken_back)
QUALIFY row_number() OVER (PARTITION BY r.id ORDER BY u.clearing_day, u.id) = 1

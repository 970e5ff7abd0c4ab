-- One row a merchant's day of one class of cards: fees with 1, 2 or 3 yuan on top of the contract's, or with a
-- surcharge in a column of its own. Instant payout (秒到) that was agreed may cost so much.
SELECT concat_ws('|', merchant, acquirer, class, business_date) AS key, count(*) AS fees_with_a_fixed_sum,
       (list(id ORDER BY moment, id))[:20] AS subjects, merchant, coalesce(arg_min(terminal, moment), '') AS terminal, business_date,
       sum(greatest(over_fen, 0) + greatest(coalesce(surcharge_fen, 0), 0))::BIGINT AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       count(*) AS fees, sum(fee_fen)::BIGINT AS charged_fen, sum(expected_fen)::BIGINT AS agreed_fen, any_value(agreed_ppm) AS agreed_ppm
FROM fee_line
WHERE reason = 'surcharge' AND in_scope(business_date)
GROUP BY merchant, acquirer, class, business_date

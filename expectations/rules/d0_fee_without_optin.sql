-- One row a merchant's day of one class: lines paid out at once and charged for it on a contract that pays the next
-- day, before instant payout was agreed.
SELECT concat_ws('|', merchant, acquirer, class, business_date) AS key, count(*) AS fees_for_instant_payout,
       (list(id ORDER BY moment, id))[:20] AS subjects, merchant, coalesce(arg_min(terminal, moment), '') AS terminal, business_date,
       sum(greatest(over_fen, 0) + greatest(coalesce(surcharge_fen, 0), 0))::BIGINT AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       count(*) AS fees, sum(fee_fen)::BIGINT AS charged_fen, sum(expected_fen)::BIGINT AS agreed_fen, any_value(agreed_ppm) AS agreed_ppm
FROM fee_line
WHERE reason = 'instant' AND in_scope(business_date)
GROUP BY merchant, acquirer, class, business_date

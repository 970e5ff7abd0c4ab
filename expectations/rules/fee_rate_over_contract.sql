-- One row a merchant's day of one class of cards: fees that exceed the contract's by more than a fen each and more
-- than five fen that day, and that no other rule of this group explains. After a change of rate that was told the
-- change is told, not each day of it.
SELECT concat_ws('|', merchant, acquirer, class, business_date) AS key, count(*) AS fees_over_contract,
       (list(id ORDER BY moment, id))[:20] AS subjects, merchant, coalesce(arg_min(terminal, moment), '') AS terminal, business_date,
       sum(greatest(over_fen, 0) + greatest(coalesce(surcharge_fen, 0), 0))::BIGINT AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       count(*) AS fees, sum(fee_fen)::BIGINT AS charged_fen, sum(expected_fen)::BIGINT AS agreed_fen, any_value(agreed_ppm) AS agreed_ppm
FROM fee_line
WHERE reason = 'rate'
  AND NOT EXISTS (
      SELECT 1 FROM fee_step s JOIN line f ON f.id = s.line_id
      WHERE s.merchant = fee_line.merchant AND s.acquirer = fee_line.acquirer AND s.class IS NOT DISTINCT FROM fee_line.class
        AND fee_line.moment >= f.moment
        AND concat_ws('|', s.line_id, s.class) IN (SELECT id FROM accused WHERE rule = 'fee_rate_step_change')) AND in_scope(business_date)
GROUP BY merchant, acquirer, class, business_date
HAVING sum(over_fen) > 5

-- One row a line of an agent's profit file: what it pays, and fee less cost. A rate that none is, above 5 % or
-- below the network's part of 0.0325 %, and that makes the line's own fee or cost when it is a hundredth or a hundred
-- times as much, was written in the other unit (万分之一, 百分之一): every sum that is made with it is wrong.
WITH said AS (
    SELECT *, fee_fen - cost_fen AS fee_less_cost_fen,
           CASE WHEN rate_ppm > 50000 AND abs(fee_fen * 100000000 - amount_fen * rate_ppm) <= 100000000 THEN rate_ppm // 100
                WHEN rate_ppm BETWEEN 1 AND 324 AND abs(fee_fen * 1000000 - amount_fen * rate_ppm * 100) <= 1000000
                     AND fee_fen > 1 THEN rate_ppm * 100::BIGINT END AS rate_shown,
           CASE WHEN cost_ppm > 50000 AND abs(cost_fen * 100000000 - amount_fen * cost_ppm) <= 100000000 THEN cost_ppm // 100
                WHEN cost_ppm BETWEEN 1 AND 324 AND abs(cost_fen * 1000000 - amount_fen * cost_ppm * 100) <= 1000000
                     AND cost_fen > 1 THEN cost_ppm * 100::BIGINT END AS cost_shown,
           abs(cost_fen * 1000000 - amount_fen * cost_ppm * 100) <= 1000000
               OR abs(cost_fen * 100000000 - amount_fen * cost_ppm) <= 100000000 AS may_be_unit
    FROM profit_lines
    WHERE fee_fen IS NOT NULL AND cost_fen IS NOT NULL AND profit_fen IS NOT NULL AND in_scope(business_date)
    QUALIFY row_number() OVER (PARTITION BY line_id ORDER BY statement_id) = 1
)
SELECT line_id AS key, (profit_fen <> fee_less_cost_fen)::INT + (coalesce(rate_shown, cost_shown) IS NOT NULL)::INT AS wrong_parts,
       [line_id] AS subjects, merchant_id AS merchant, coalesce(terminal_id, '') AS terminal, business_date,
       abs(fee_less_cost_fen - profit_fen) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN coalesce(rate_shown, cost_shown) IS NOT NULL OR may_be_unit THEN 'unit' ELSE 'clear' END AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, profit_fen, fee_less_cost_fen, fee_fen, cost_fen,
       CASE WHEN rate_shown IS NOT NULL THEN rate_ppm WHEN cost_shown IS NOT NULL THEN cost_ppm END AS told_ppm,
       coalesce(rate_shown, cost_shown) AS shown_ppm
FROM said

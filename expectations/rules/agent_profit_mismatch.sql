-- One row a line of an agent's profit file: what it pays, and fee less cost. A cost rate that was read in the wrong
-- unit is a hundred times off.
SELECT line_id AS key, profit_fen, fee_fen - cost_fen AS fee_less_cost_fen, [line_id] AS subjects, merchant_id AS merchant,
       coalesce(terminal_id, '') AS terminal, business_date, abs(fee_fen - cost_fen - profit_fen) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN abs(cost_fen * 1000000 - amount_fen * cost_ppm * 100) <= 1000000
              OR abs(cost_fen * 100000000 - amount_fen * cost_ppm) <= 100000000 THEN 'unit' ELSE 'clear' END AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, fee_fen, cost_fen
FROM profit_lines
WHERE fee_fen IS NOT NULL AND cost_fen IS NOT NULL AND profit_fen IS NOT NULL AND in_scope(business_date)
QUALIFY row_number() OVER (PARTITION BY line_id ORDER BY statement_id) = 1

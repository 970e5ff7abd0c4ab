-- One row a change of rate: the first fee that the old rate does not make, and what all since exceed it by. No rate
-- explains the fees before and after it together, however they are rounded, and three further fees agree. A change
-- that was announced 30 days before is none: it is the first sale from the day announced on that shows it, after
-- which none bears the old rate; however long the shop was shut. Nor is one within the contract.
-- `year_fen` is what the change costs in a year, at the turnover of the days that the statement tells of.
WITH step AS (
    SELECT s.*, l.terminal, l.business_date, n.days_of_notice
    FROM fee_step s
    JOIN line l ON l.id = s.line_id
    LEFT JOIN (SELECT line_id, class, max(days_of_notice) AS days_of_notice FROM step_notice GROUP BY line_id, class) n
      ON n.line_id = s.line_id AND n.class IS NOT DISTINCT FROM s.class
)
SELECT concat_ws('|', line_id, class) AS key, 1 AS changes_without_notice,
       CASE WHEN line_id = noticed_line THEN [line_id] ELSE [line_id, noticed_line] END AS subjects,
       merchant, coalesce(terminal, '') AS terminal, business_date, over_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN rounding IS NULL THEN 'band' WHEN days_of_notice IS NOT NULL THEN 'short' ELSE 'clear' END AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       old_ppm, new_ppm, new_ppm - old_ppm AS more_ppm, fees, over_fen, turnover_fen, days, year_fen, days_of_notice, rounding,
       class
FROM step
WHERE coalesce(days_of_notice, 0) < 30 AND in_scope(business_date)

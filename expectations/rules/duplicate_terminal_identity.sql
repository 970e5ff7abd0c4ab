-- One row a terminal number and day on which it was heard on two lines by turns: there are two devices of one
-- number. A device that was replaced is not heard any more, and turns no back.
WITH turn AS (
    SELECT terminal, business_date, id, line, merchant, nth, moment,
           line <> lag(line) OVER (PARTITION BY terminal, business_date ORDER BY nth) AS turned
    FROM attempt
    WHERE line IS NOT NULL AND terminal <> '' AND terminal <> line
      AND terminal IN (SELECT terminal FROM attempt GROUP BY terminal HAVING min(line) <> max(line))
),
counted AS (
    SELECT terminal, business_date, count(*) FILTER (turned) AS turns, count(DISTINCT line) AS lines,
           arg_min(merchant, nth) FILTER (turned) AS merchant, arg_min(id, nth) FILTER (turned) AS first_id,
           list(id ORDER BY nth) FILTER (turned) AS ids
    FROM turn GROUP BY terminal, business_date
)
SELECT concat_ws('|', terminal, business_date) AS key, CASE WHEN turns > 1 THEN lines ELSE 1 END AS devices,
       ids[1:10] AS subjects, merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, ['device_serial'] AS missing, []::VARCHAR[] AS also_ruled_out, turns, lines
FROM counted
WHERE turns > 0 AND in_scope(business_date)

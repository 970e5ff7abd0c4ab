-- One row a terminal number and day on which its messages turned back to a line within a day of that line's last one,
-- another line having spoken in between: there are two devices of one number. A device that was replaced is not heard any
-- more, and one that comes back after more than a day had a spare in its place.
WITH turn AS (
    SELECT terminal, business_date, id, line, merchant, nth, line <> lag(line) OVER every AS turned,
           lag(line) OVER every AS line_before, lag(id) OVER every AS id_before,
           moment - lag(moment) OVER own <= INTERVAL 1 DAY AS heard_lately
    FROM attempt
    WHERE line IS NOT NULL AND terminal <> '' AND terminal <> line
      AND terminal IN (SELECT terminal FROM attempt GROUP BY terminal HAVING min(line) <> max(line))
    WINDOW every AS (PARTITION BY terminal ORDER BY nth), own AS (PARTITION BY terminal, line ORDER BY nth)
),
counted AS (
    SELECT terminal, business_date, count(*) AS turns, count(*) FILTER (heard_lately) AS turns_back,
           list_unique(list(line) || list(line_before)) AS lines, arg_min(merchant, nth) AS merchant,
           list(id ORDER BY nth) AS ids, arg_min(id_before, nth) AS first_before
    FROM turn WHERE turned GROUP BY terminal, business_date
)
SELECT concat_ws('|', terminal, business_date) AS key, CASE WHEN turns_back > 0 THEN lines ELSE 1 END AS devices,
       ids[1:9] || [first_before] AS subjects, merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, ['device_serial'] AS missing, []::VARCHAR[] AS also_ruled_out, turns, lines
FROM counted
WHERE in_scope(business_date)

-- One row a terminal and day on which its merchant number changed: merchant numbers that took turns on it until then. A
-- terminal that was registered anew changes once.
-- Numbers of one shop (same_shop) are one.
WITH turn AS (
    SELECT a.terminal, a.line, a.business_date, a.id, a.nth, a.merchant, a.amount_fen, a.state, coalesce(f.family, a.merchant) AS owner,
           coalesce(f.family, a.merchant) <> lag(coalesce(f.family, a.merchant)) OVER (PARTITION BY a.terminal, a.line ORDER BY a.nth)
               AS turned
    FROM attempt a
    LEFT JOIN family f ON f.merchant = a.merchant
    WHERE a.terminal <> '' AND a.merchant <> ''
      AND a.terminal IN (SELECT terminal FROM attempt GROUP BY terminal HAVING min(merchant) <> max(merchant))
),
counted AS (
    SELECT *, count(*) FILTER (turned) OVER until AS turns, count(DISTINCT owner) OVER until AS owners
    FROM turn WINDOW until AS (PARTITION BY terminal, line ORDER BY nth)
),
told AS (
    SELECT terminal, business_date, max(turns) AS turns, max(owners) AS owners, arg_min(merchant, nth) AS merchant, list(id ORDER BY nth) AS ids
    FROM counted WHERE turned GROUP BY terminal, business_date
)
SELECT concat_ws('|', terminal, business_date) AS key, CASE WHEN turns > 1 THEN owners ELSE 1 END AS merchants,
       ids[1:10] AS subjects, merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, ['merchant_map'] AS missing, []::VARCHAR[] AS also_ruled_out, turns
FROM told
WHERE in_scope(business_date)

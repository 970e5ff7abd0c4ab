-- One row a merchant number whose trade is set (mcc), on its first day: the trade that stands in its digits 8 to 11.
WITH first AS (
    SELECT merchant, min(business_date) AS business_date, arg_min(id, nth) AS id, arg_min(terminal, nth) AS terminal
    FROM attempt GROUP BY merchant
)
SELECT merchant AS key, substr(merchant, 8, 4) AS printed_mcc, registered.registered AS registered_mcc, [f.id] AS subjects,
       merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, ['contract'] AS missing, []::VARCHAR[] AS also_ruled_out
FROM first f
JOIN registered USING (merchant)
WHERE length(merchant) = 15 AND in_scope(business_date)

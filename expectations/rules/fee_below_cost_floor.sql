-- One row a merchant's month of credit cards whose fees are below what issuer and network alone take (0.45 % and
-- 0.0325 %), at ten sales at least, where no contract agrees on so little: a rate that will not stay, or another one's.
-- A fen of rounding each is let pass; hospitals and schools (MCC 80xx, 82xx) and charities (8398) have concessions.
WITH credit AS (
    SELECT merchant, acquirer, date_trunc('month', business_date)::DATE AS month, count(*) AS fees, sum(fee_fen)::BIGINT AS fee_fen,
           sum(amount_fen)::BIGINT AS amount_fen, min(business_date) AS business_date, (list(id ORDER BY moment, id))[:3] AS ids,
           coalesce(arg_min(terminal, moment), '') AS terminal
    FROM fee_line
    WHERE class = 'credit' AND (agreed_ppm IS NULL OR agreed_ppm >= 4825)
      AND merchant NOT IN (SELECT merchant FROM registered WHERE regexp_matches(registered, '^(80|82|8398)'))
    GROUP BY ALL HAVING count(*) >= 10
)
SELECT concat_ws('|', merchant, acquirer, month) AS key, fee_fen * 1000000 // amount_fen AS charged_ppm, ids AS subjects,
       merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, fees, fee_fen, month
FROM credit
WHERE in_scope(business_date)
  AND NOT (fee_fen * 1000000 < amount_fen * 4825 AND (fee_fen + fees) * 1000000 >= amount_fen * 4825)

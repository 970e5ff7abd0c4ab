-- One row a registered deposit whose terms are met: the day its months are over, the merchant's takings since it was
-- signed reach the volume agreed, or the fees that the statement shows since reach the sum agreed; the first of these.
WITH sold AS (
    SELECT d.deposit, l.business_date, sum(sum(l.amount_fen)) OVER (PARTITION BY d.deposit ORDER BY l.business_date) AS volume
    FROM deposit d
    JOIN life l ON l.merchant = d.merchant AND (d.terminal IS NULL OR l.terminal = d.terminal) AND l.business_date >= d.signed_on
    WHERE l.exposed AND family(l.kind) = 'debit'
    GROUP BY d.deposit, l.business_date
),
charged AS (
    SELECT d.deposit, l.business_date, sum(sum(l.fee_fen)) OVER (PARTITION BY d.deposit ORDER BY l.business_date) AS fees
    FROM deposit d
    JOIN line l ON l.merchant = d.merchant AND (d.terminal IS NULL OR l.terminal = d.terminal) AND l.business_date >= d.signed_on
    WHERE l.status = 'settled' AND l.fee_fen IS NOT NULL
    GROUP BY d.deposit, l.business_date
),
met AS (
    SELECT d.*, least((d.signed_on + to_months(d.months::INTEGER))::DATE,
                      (SELECT min(s.business_date) FROM sold s WHERE s.deposit = d.deposit AND s.volume >= d.volume_fen),
                      (SELECT min(c.business_date) FROM charged c WHERE c.deposit = d.deposit AND c.fees >= d.fees_fen)) AS met_on
    FROM deposit d
)
SELECT concat_ws('|', merchant, terminal, amount_fen, signed_on) AS key, 1 AS deposits_to_claim, []::VARCHAR[] AS subjects, merchant,
       coalesce(terminal, '') AS terminal, met_on AS business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, volume_fen, fees_fen, months
FROM met m JOIN merchant USING (merchant)
WHERE applied_on IS NULL AND returned_on IS NULL AND met_on <= (known_until AT TIME ZONE (SELECT zone FROM shop))::DATE
  AND in_scope(met_on)

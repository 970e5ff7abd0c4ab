-- One row a registered deposit whose terms are met: the day its months are over, the merchant's takings since it was
-- signed reach the volume agreed, or the fees that the statement shows since reach the sum agreed; the first of these.
SELECT concat_ws('|', merchant, terminal, amount_fen, signed_on) AS key, 1 AS deposits_to_claim, []::VARCHAR[] AS subjects, merchant,
       coalesce(terminal, '') AS terminal, met_on AS business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, volume_fen, fees_fen, months, signed_on, met_on,
       met_volume_fen, met_fees_fen, met_months, volume_so_far_fen, fees_so_far_fen, signed_sha256, shown_sha256
FROM deposit_met JOIN merchant USING (merchant)
WHERE applied_on IS NULL AND returned_on IS NULL AND met_on <= (known_until AT TIME ZONE (SELECT zone FROM shop))::DATE
  AND in_scope(met_on)

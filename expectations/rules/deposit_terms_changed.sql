-- One row a registered deposit whose terms, as they are shown now, are not those whose hash was signed. Told on the
-- day it was signed, or the first that the merchant's records have.
SELECT concat_ws('|', d.merchant, d.terminal, d.amount_fen, d.signed_on) AS key, 1 AS terms_changed, []::VARCHAR[] AS subjects,
       d.merchant, coalesce(d.terminal, '') AS terminal, greatest(d.signed_on, (SELECT min(u.business_date) FROM used u WHERE u.merchant = d.merchant)) AS business_date,
       d.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing,
       []::VARCHAR[] AS also_ruled_out, d.signed_on, d.signed_sha256, d.shown_sha256
FROM deposit d JOIN merchant m USING (merchant)
WHERE d.signed_sha256 <> d.shown_sha256 AND in_scope(greatest(d.signed_on, (SELECT min(u.business_date) FROM used u WHERE u.merchant = d.merchant)))

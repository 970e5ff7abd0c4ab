-- One row a refund of a payment by code: the how-manieth of its payment it is, against what the provider allows.
WITH refund AS (
    SELECT *, row_number() OVER (PARTITION BY original ORDER BY nth) AS refunds_of_this_payment
    FROM life WHERE kind = 'QR_REFUND' AND stands AND original IS NOT NULL
)
SELECT r.id AS key, r.refunds_of_this_payment, p.most AS refunds_allowed, [r.id, r.original] AS subjects,
       r.merchant, r.terminal, r.business_date, r.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out
FROM refund r
JOIN parameter p USING (merchant)
WHERE in_scope(r.business_date)

-- One row a refund that names its original's day, or whose sale is known: how old that is, against how long the network refunds.
SELECT r.id AS key, date_diff('day', coalesce(r.orig_date, o.business_date), r.business_date) AS days_after_sale,
       CASE WHEN r.kind = 'QR_REFUND' THEN p.code_days ELSE p.card_days END AS window_days,
       CASE WHEN r.original IS NULL THEN [r.id] ELSE [r.id, r.original] END AS subjects,
       r.merchant, r.terminal, r.business_date, coalesce(r.amount_fen, 0) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       coalesce(r.orig_date, o.business_date) AS original_date, r.state AS refund_outcome
FROM life r
JOIN parameter p USING (merchant)
LEFT JOIN origin o ON o.id = r.original
WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.stands AND coalesce(r.orig_date, o.business_date) IS NOT NULL AND in_scope(r.business_date)

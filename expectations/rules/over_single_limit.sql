-- One row an approved sale: its amount against the limit of that day. A limit may be raised for some days.
SELECT l.id AS key, l.amount_fen,
       CASE WHEN l.business_date BETWEEN p.raised_from AND p.raised_to THEN greatest(p.limit_fen, p.raised_fen) ELSE p.limit_fen END AS limit_fen,
       [l.id] AS subjects, l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out
FROM life l
JOIN parameter p USING (merchant)
WHERE l.kind IN ('SALE', 'OFFLINE_SALE', 'QR_SALE', 'COMPLETION') AND l.live AND in_scope(l.business_date)
  AND l.amount_fen > p.limit_fen

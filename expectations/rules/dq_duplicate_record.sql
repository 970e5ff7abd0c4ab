-- One row an exchange that stands in the table more than once. Rules count it once: this is always harmless.
SELECT l.id AS key, t.records, [l.id] AS subjects,
       l.merchant, l.terminal, l.business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out
FROM again t JOIN life l ON l.id = t.transaction_id
WHERE in_scope(l.business_date)

-- One row an approved void with its sale: whether the sale's batch had been settled before it.
SELECT v.id AS key, CASE WHEN o.settled_at < v.moment THEN 1 ELSE 0 END AS settlements_before_void,
       [v.id, o.id] AS subjects,
       v.merchant, v.terminal, v.business_date, v.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       o.settled_at, o.batch AS settled_batch_no
FROM life v
JOIN origin o ON o.id = v.original
WHERE v.kind = 'VOID' AND v.stands
  AND in_scope(v.business_date)

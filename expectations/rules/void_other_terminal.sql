-- One row an approved void with its sale: how many terminals the two know. A sale is voided where it was made; a
-- terminal that was replaced in between is not heard any more.
SELECT v.id AS key, CASE WHEN v.terminal = o.terminal THEN 1 ELSE 2 END AS terminals, [v.id, o.id] AS subjects,
       v.merchant, v.terminal, v.business_date, v.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN u.last_moment > v.moment THEN 'clear' ELSE 'replaced' END AS grade,
       CASE WHEN u.last_moment > v.moment THEN []::VARCHAR[] ELSE ['device_serial'] END AS missing, []::VARCHAR[] AS also_ruled_out,
       o.terminal AS sale_terminal_id
FROM life v
JOIN origin o ON o.id = v.original
LEFT JOIN (SELECT merchant, terminal, max(moment) AS last_moment FROM used GROUP BY merchant, terminal) u
       ON u.merchant = o.merchant AND u.terminal = o.terminal
WHERE v.kind = 'VOID' AND v.stands AND in_scope(v.business_date)

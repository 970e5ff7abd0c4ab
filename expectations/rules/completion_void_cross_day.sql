-- One row an approved void of a completion: clearing days between the two, or a settlement of its batch before it.
SELECT v.id AS key,
       CASE WHEN o.settled_at < v.moment THEN greatest(1, abs(date_diff('day', o.clearing_day, v.clearing_day)))
            WHEN v.settlement_date = o.settlement_date THEN 0
            ELSE abs(date_diff('day', o.clearing_day, v.clearing_day)) END AS days_or_settlements_between,
       [v.id, o.id] AS subjects, v.merchant, v.terminal, v.business_date, v.amount_fen AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       o.clearing_day AS completion_clearing_day, v.clearing_day AS void_clearing_day, o.settled_at
FROM life v
JOIN origin o ON o.id = v.original
WHERE v.kind = 'COMPLETION_VOID' AND v.stands AND in_scope(v.business_date)

-- One row a refund or void that stands, at a merchant where a supervisor has to confirm them: whether its operator
-- is one.
SELECT l.id AS key, CASE WHEN list_contains(p.supervisors, l.operator_no) THEN 0 ELSE 1 END AS unconfirmed, [l.id] AS subjects,
       l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, l.operator_no
FROM life l
JOIN parameter p USING (merchant)
WHERE p.required AND l.kind IN ('REFUND', 'VOID') AND l.stands AND l.operator_no IS NOT NULL AND in_scope(l.business_date)

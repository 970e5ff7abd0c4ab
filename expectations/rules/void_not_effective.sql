-- One row an approved void whose sale the acquirer settled and did not take back: no void and no reversal stands in
-- its files, and the next two files that could bring it have come.
SELECT v.id AS key, 1 AS sales_settled_all_the_same, [v.id, s.id, p.line_id] AS subjects,
       v.merchant, v.terminal, v.business_date, s.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, s.clearing_day AS sale_cleared_on
FROM life v
JOIN origin s ON s.id = v.original
JOIN posting p ON p.id = s.id
JOIN posting q ON q.id = v.id
JOIN pool w ON w.merchant = v.merchant AND w.terminal = v.terminal AND w.clearing_day = v.clearing_day AND w.closed
WHERE v.kind IN ('VOID', 'COMPLETION_VOID') AND v.stands AND p.posting = 'posted' AND q.posting = 'absent'
  AND s.refunded_fen = 0 AND in_scope(v.business_date)

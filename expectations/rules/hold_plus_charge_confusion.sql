-- One row a completion within its hold: the customer sees a hold and a charge for some days. Nothing is wrong.
SELECT c.id AS key, 1 AS holds_beside_the_charge, [c.id, c.original] AS subjects,
       c.merchant, c.terminal, c.business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, h.hold_fen, c.amount_fen AS completed_fen
FROM life c
JOIN hold h ON h.id = c.original
WHERE c.kind = 'COMPLETION' AND c.live AND c.amount_fen <= h.hold_fen AND in_scope(c.business_date)

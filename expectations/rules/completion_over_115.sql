-- One row a completion with its pre-authorisation: both amounts times 100 and 115, so that no fraction is rounded.
-- A hold that was added to is compared as it stands in the end. A pump's one yuan only asks whether the card is good before
-- the tank is filled: where fuel is sold, or the trade is not known, a completion of ten times as much or more is not held
-- against it.
SELECT c.id AS key, c.amount_fen * 100 AS completed_100, h.hold_fen * 115 AS hold_115, [c.id, c.original] AS subjects,
       c.merchant, c.terminal, c.business_date, c.amount_fen - h.hold_fen * 115 // 100 AS amount_at_risk_fen, c.act_by,
       CASE WHEN c.gap_later THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN c.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       c.amount_fen AS completed_fen, h.hold_fen
FROM life c
JOIN hold h ON h.id = c.original
JOIN parameter p ON p.merchant = c.merchant
LEFT JOIN registered r ON r.merchant = c.merchant
WHERE c.kind = 'COMPLETION' AND c.live AND in_scope(c.business_date)
  AND NOT (h.hold_fen <= 100 AND c.amount_fen >= h.hold_fen * 10
           AND coalesce(list_contains(p.fuel_mccs, r.registered), true))

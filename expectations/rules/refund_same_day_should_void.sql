-- One row a refund in full of a sale that could still have been voided: same terminal, clearing day and batch, the
-- batch not settled, and no void of it tried before. A void asks for the card that paid: one that was not there (keyed in,
-- read by nothing, or another, such as the plastic beside the phone) had to be refunded; where another rule accuses the
-- refund, or too much was paid back, that weighs more.
WITH tried AS (SELECT original AS id, min(nth) AS first_nth FROM life WHERE kind = 'VOID' AND original IS NOT NULL GROUP BY original)
SELECT r.id AS key,
       CASE WHEN r.amount_fen = o.amount_fen AND r.terminal = o.terminal AND r.clearing_day = o.clearing_day
                 AND r.batch = o.batch AND coalesce(o.settled_at > r.moment, true) AND o.state = 'approved' AND NOT o.is_reversed
                 AND coalesce(tried.first_nth > r.nth, true)
                 AND coalesce(left(r.entry_mode, 2) NOT IN ('00', '01'), true) AND (o.card IS NULL OR coalesce(r.card = o.card, false))
                 AND o.refunded_fen <= o.amount_fen THEN 1 ELSE 0 END AS voids_possible,
       [r.id, o.id] AS subjects, r.merchant, r.terminal, r.business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, o.moment AS sold_at
FROM life r
JOIN origin o ON o.id = r.original
LEFT JOIN tried ON tried.id = o.id
WHERE r.kind = 'REFUND' AND r.stands AND o.kind = 'SALE' AND in_scope(r.business_date) AND r.id NOT IN (SELECT id FROM accused)

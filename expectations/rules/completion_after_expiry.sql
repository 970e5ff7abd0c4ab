-- One row a completion that states its pre-authorisation's day: how many days later it was made.
SELECT c.id AS key, date_diff('day', coalesce(o.business_date, c.orig_date), c.business_date) AS days_after_hold,
       p.days AS days_valid, CASE WHEN o.id IS NULL THEN [c.id] ELSE [c.id, o.id] END AS subjects,
       c.merchant, c.terminal, c.business_date, c.amount_fen AS amount_at_risk_fen, c.act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       coalesce(o.business_date, c.orig_date) AS held_on
FROM life c
JOIN parameter p USING (merchant)
LEFT JOIN origin o ON o.id = c.original
WHERE c.kind = 'COMPLETION' AND c.live AND coalesce(o.business_date, c.orig_date) IS NOT NULL AND in_scope(c.business_date)

-- One row a registered deposit that was applied for and whose working days are over: no day of return in the register,
-- and no payout that names it or pays it apart. Told on the first day after its term.
WITH due AS (
    SELECT d.*, (SELECT min(c.day) FROM calendar c WHERE c.worked = a.worked + d.working_days) + 1 AS late_on
    FROM deposit d JOIN calendar a ON a.day = d.applied_on
)
SELECT concat_ws('|', d.merchant, d.terminal, d.amount_fen, d.signed_on) AS key, 1 AS deposits_overdue, []::VARCHAR[] AS subjects,
       d.merchant, coalesce(d.terminal, '') AS terminal, d.late_on AS business_date, d.amount_fen AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       date_diff('day', d.late_on, (m.known_until AT TIME ZONE (SELECT zone FROM shop))::DATE) + 1 AS days_late
FROM due d JOIN merchant m USING (merchant)
WHERE d.returned_on IS NULL AND d.late_on <= (m.known_until AT TIME ZONE (SELECT zone FROM shop))::DATE AND in_scope(d.late_on)
  AND NOT EXISTS (
      SELECT 1 FROM payout p WHERE p.merchant = d.merchant AND p.state = 'paid' AND p.amount_fen = d.amount_fen
        AND p.business_date >= d.applied_on AND (regexp_matches(coalesce(p.remark, ''), '押金|解冻|保证金') OR NOT p.is_dated))

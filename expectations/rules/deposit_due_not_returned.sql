-- One row a registered deposit that was applied for and whose working days are over: no day of return in the register,
-- and no payout that names it or pays it apart. Told on the first day after its term.
WITH due AS (
    SELECT d.*, (SELECT min(c.day) FROM calendar c WHERE c.worked = a.worked + d.working_days) + 1 AS late_on
    FROM deposit_met d JOIN calendar a ON a.day = d.applied_on
)
SELECT concat_ws('|', d.merchant, d.terminal, d.amount_fen, d.signed_on) AS key, 1 AS deposits_overdue, []::VARCHAR[] AS subjects,
       d.merchant, coalesce(d.terminal, '') AS terminal, d.late_on AS business_date, d.amount_fen AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       date_diff('day', d.late_on, (m.known_until AT TIME ZONE (SELECT zone FROM shop))::DATE) + 1 AS days_late,
       d.applied_on, d.working_days, d.signed_on, CASE WHEN d.met_on <= d.applied_on THEN d.met_on END AS met_on,
       CASE WHEN d.met_on <= d.applied_on THEN d.met_volume_fen END AS met_volume_fen,
       CASE WHEN d.met_on <= d.applied_on THEN d.met_fees_fen END AS met_fees_fen,
       CASE WHEN d.met_on <= d.applied_on THEN d.met_months END AS met_months,
       d.volume_so_far_fen, d.fees_so_far_fen, d.signed_sha256, d.shown_sha256
FROM due d JOIN merchant m USING (merchant)
WHERE d.returned_on IS NULL AND d.late_on <= (m.known_until AT TIME ZONE (SELECT zone FROM shop))::DATE AND in_scope(d.late_on)
  AND NOT EXISTS (
      SELECT 1 FROM payout p WHERE p.merchant = d.merchant AND p.state = 'paid' AND p.amount_fen = d.amount_fen
        AND p.business_date >= d.applied_on AND (regexp_matches(coalesce(p.remark, ''), '押金|解冻|保证金') OR NOT p.is_dated))

-- One row an attempt whose reversal is still to come or to be confirmed: how long its terminal has been silent.
-- A terminal sends a waiting reversal before its next online message, so only a message sets it free. At close
-- of business (22:30 by default) waiting is too long however short. "Since" is measured to the last message of all lines.
WITH last_message AS (SELECT merchant, terminal, max(moment) AS last_moment FROM used GROUP BY merchant, terminal),
pending AS (
    SELECT l.*, m.last_moment, u.known_until, p.idle_s AS patience_s,
           (u.known_until AT TIME ZONE shop.zone) >= (l.clearing_day + to_seconds(p.close_s)) AS day_closes,
           date_diff('second', m.last_moment, u.known_until) AS idle_s
    FROM life l
    CROSS JOIN shop
    CROSS JOIN (SELECT max(known_until) AS known_until FROM merchant) u
    JOIN last_message m USING (merchant, terminal)
    JOIN parameter p USING (merchant)
    WHERE l.kind IN ('SALE', 'QR_SALE', 'COMPLETION', 'PREAUTH', 'VOID', 'COMPLETION_VOID', 'PREAUTH_VOID') AND l.voids = 0 AND l.refunded_fen = 0 AND NOT l.is_reversed
      AND in_scope(l.business_date)
      AND (l.state = 'open' AND l.response_code IS NULL AND l.requested_at IS NOT NULL
           OR l.state = 'approved' AND l.reversal_sendings > 0)
      AND l.reversals_confirmed = 0 AND l.reversal_sendings <= p.resend_times
)
SELECT id AS key, CASE WHEN idle_s >= patience_s OR day_closes THEN 1 ELSE 0 END AS reversals_left_waiting, [id] AS subjects,
       merchant, terminal, business_date, coalesce(amount_fen, 0) AS amount_at_risk_fen, act_by,
       CASE WHEN gap_later THEN 'gap' WHEN reversal_sendings > 0 THEN 'clear' ELSE 'unsent' END AS grade,
       ['acquirer_file'] || CASE WHEN gap_later THEN ['stan_gap'] ELSE [] END AS missing, []::VARCHAR[] AS also_ruled_out,
       idle_s, reversal_sendings, state AS first_outcome, last_moment
FROM pending
-- The terminal has sent something else since, more than a minute later: it holds no reversal any more.
WHERE date_diff('second', moment, last_moment) <= 60 + 90 * reversal_sendings
  AND id NOT IN (SELECT id FROM accused WHERE rule IN ('retry_after_unknown', 'reversal_exhausted'))

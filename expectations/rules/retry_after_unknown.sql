-- One row a sale whose outcome nobody confirmed: how many approved sales of the same card and amount
-- followed within 15 minutes. On one terminal "followed" is told by the trace number, which no clock moves.
-- Where the acquirer posted both, and no record is missing that may have undone one, it is proven; what its files lack debited nobody.
WITH unresolved AS (
    SELECT * FROM life
    WHERE kind = 'SALE' AND (state = 'open' OR (state = 'approved' AND reversal_sendings > 0 AND reversals_confirmed = 0))
      AND NOT is_reversed AND voids = 0 AND refunded_fen = 0
      AND id NOT IN (SELECT id FROM posting WHERE posting IN ('absent', 'undone'))
      AND in_scope(business_date)
),
retried AS (
    SELECT u.id, arg_min(s.id, s.nth) AS retry, count(*) AS retries
    FROM unresolved u
    JOIN life s
      ON s.merchant = u.merchant AND s.card = u.card AND s.amount_fen = u.amount_fen
     AND s.kind = 'SALE' AND s.exposed AND s.trace <> u.trace
     AND abs(date_diff('second', u.moment, s.moment)) <= 900
     AND CASE WHEN s.terminal = u.terminal THEN coalesce((s.stan - u.stan + 999999) % 999999 BETWEEN 1 AND 500000, s.nth > u.nth)
              ELSE s.nth > u.nth END
    WHERE s.id NOT IN (SELECT id FROM accused WHERE rule IN ('dup_stan_resent', 'dup_same_atc', 'dup_rrn_twice'))
    GROUP BY u.id
)
SELECT u.id AS key,
       coalesce(r.retries, 0) AS debits_after_unknown_outcome,
       CASE WHEN r.retry IS NULL THEN [u.id] ELSE [u.id, r.retry] END AS subjects,
       u.merchant, u.terminal, u.business_date, u.amount_fen AS amount_at_risk_fen, s.act_by,
       CASE WHEN p.posting = 'posted' AND q.posting = 'posted' AND NOT u.gap_later AND NOT s.gap_later THEN 'posted' ELSE 'clear' END AS grade,
       CASE WHEN p.posting = 'posted' THEN []::VARCHAR[] ELSE ['acquirer_file'] END || CASE WHEN u.gap_later OR s.gap_later THEN ['stan_gap'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       u.state AS first_outcome, u.response_code AS first_response_code, u.sendings AS first_sendings,
       u.reversal_sendings, u.reversals_confirmed,
       abs(date_diff('second', u.moment, s.moment)) AS seconds_apart,
       u.atc AS first_card_counter, s.atc AS second_card_counter
FROM unresolved u
LEFT JOIN retried r ON r.id = u.id
LEFT JOIN life s ON s.id = r.retry
LEFT JOIN posting p ON p.id = u.id
LEFT JOIN posting q ON q.id = r.retry

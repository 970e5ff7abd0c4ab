-- One row a debit of the acquirer's statement that no record of its terminal shows, on a day whose records reach past
-- it. Where the terminal's own numbers have a gap that holds the line's number, or the line names none and there is
-- any gap that day, a record was lost (`gap`, `doubt`); so is one just before the first number of a batch whose
-- beginning was not seen. Codes, and lines that name no terminal, are other channels.
WITH unseen AS (
    SELECT l.*, (l.moment AT TIME ZONE shop.zone)::DATE AS local_day
    FROM line l CROSS JOIN shop
    WHERE l.family = 'debit' AND l.kind <> 'QR_SALE' AND l.terminal IS NOT NULL AND l.status = 'settled'
      AND l.moment IS NOT NULL
      AND l.id NOT IN (SELECT line_id FROM counterpart) AND l.id NOT IN (SELECT id FROM taken_back)
),
known AS (
    SELECT u.id, min(r.moment) AS first_at, max(r.moment) AS last_at
    FROM unseen u JOIN used r ON r.merchant = u.merchant AND r.terminal = u.terminal
    WHERE r.moment BETWEEN u.moment - INTERVAL 1 DAY AND u.moment + INTERVAL 2 DAY
    GROUP BY u.id
),
hole AS (
    SELECT u.id, bool_or(in_gap(u.batch, u.stan, g.batch, g.first_stan, g.last_stan)) AS holds_it
    FROM unseen u JOIN missing_run g ON g.merchant = u.merchant AND g.terminal = u.terminal
    WHERE u.moment BETWEEN g.opens_at - INTERVAL 1 DAY AND g.closes_at + INTERVAL 1 DAY
    GROUP BY u.id
    UNION ALL
    SELECT u.id, true
    FROM unseen u JOIN batch b ON b.merchant = u.merchant AND b.terminal = u.terminal AND b.batch = u.batch
    WHERE b.start <> 'seen' AND u.moment BETWEEN b.first_moment - INTERVAL 1 DAY AND b.first_moment
      AND (b.first_stan - u.stan + 999999) % 999999 BETWEEN 1 AND 1000
),
-- The same record kept under another type, or another number of the same card and amount a moment away.
near AS (
    SELECT DISTINCT u.id FROM unseen u JOIN life a ON a.merchant = u.merchant AND a.terminal = u.terminal
    WHERE a.amount_fen = u.amount_fen AND a.stan = u.stan AND abs(date_diff('day', a.clearing_day, u.clearing_day)) <= 1
)
SELECT u.id AS key, 0 AS records, [u.id] AS subjects, u.merchant, u.terminal, u.business_date,
       u.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN h.holds_it THEN 'gap' WHEN u.stan IS NULL AND h.id IS NOT NULL THEN 'doubt'
            WHEN u.stan IS NULL THEN 'numberless' ELSE 'clear' END AS grade,
       CASE WHEN h.id IS NOT NULL THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       u.acquirer_ref, u.clearing_day, u.line_no
FROM unseen u
JOIN known k ON k.id = u.id AND u.moment BETWEEN k.first_at AND k.last_at
JOIN pool p ON p.merchant = u.merchant AND p.terminal = u.terminal AND p.clearing_day = u.clearing_day AND p.closed
LEFT JOIN (SELECT id, bool_or(holds_it) AS holds_it FROM hole GROUP BY id) h ON h.id = u.id
WHERE in_scope(u.business_date) AND u.id NOT IN (SELECT id FROM near)
  AND u.id NOT IN (SELECT id FROM accused WHERE rule = 'dup_rrn_twice')

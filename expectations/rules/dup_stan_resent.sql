-- One row a debit that counts: how many debits its trace number has made so far.
-- The same answer read twice has the same reference number and is one debit.
WITH debit AS (
    SELECT * FROM life
    WHERE kind IN ('SALE', 'OFFLINE_SALE', 'COMPLETION', 'QR_SALE') AND exposed AND stan IS NOT NULL AND batch IS NOT NULL
      AND hash(trace) IN (SELECT hash(trace) FROM attempt WHERE state = 'approved' GROUP BY 1 HAVING count(*) > 1)
),
repeat AS (
    SELECT later.id, count(*) AS earlier, list(first.id ORDER BY first.nth) AS first_ids,
           list(first.rrn ORDER BY first.nth) AS rrns, list(first.auth_code ORDER BY first.nth) AS auth_codes,
           min(first.moment) AS first_moment, bool_or(first.gap_later) AS gap
    FROM debit later
    JOIN debit first
      ON first.trace = later.trace AND first.kind = later.kind AND first.nth < later.nth
     AND (first.rrn <> later.rrn OR first.auth_code <> later.auth_code)
    GROUP BY later.id
)
SELECT id AS key, 1 + coalesce(earlier, 0) AS debits_of_this_trace,
       [id] || coalesce(first_ids, []) AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN gap THEN 'gap' ELSE 'clear' END AS grade,
       ['acquirer_file'] || CASE WHEN gap THEN ['stan_gap'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       [rrn] || coalesce(rrns, []) AS reference_numbers,
       [auth_code] || coalesce(auth_codes, []) AS authorisation_codes,
       date_diff('second', first_moment, moment) AS seconds_apart, atc AS card_counter
FROM debit LEFT JOIN repeat USING (id)
WHERE in_scope(business_date)
UNION ALL
-- The same on the acquirer's side: one trace number posted twice under two references, of which the terminal has one.
SELECT l.id, count(*) + 1, [l.id] || list(f.id ORDER BY f.id), l.merchant, any_value(l.terminal), l.business_date, l.amount_fen,
       NULL::TIMESTAMPTZ, 'posted', []::VARCHAR[], []::VARCHAR[], [l.rrn] || list(f.rrn ORDER BY f.id), []::VARCHAR[],
       min(abs(date_diff('second', f.moment, l.moment))), NULL
FROM line l
JOIN line f
  ON f.acquirer = l.acquirer AND f.merchant = l.merchant AND f.terminal = l.terminal AND f.batch = l.batch AND f.stan = l.stan
 AND f.kind = l.kind AND f.amount_fen = l.amount_fen AND f.rrn <> l.rrn AND f.id <> l.id
 AND coalesce(same_mask(f.pan_masked, l.pan_masked), true) AND abs(date_diff('day', f.clearing_day, l.clearing_day)) <= 7
WHERE l.family = 'debit' AND l.status = 'settled' AND f.status = 'settled'
  AND l.id NOT IN (SELECT line_id FROM counterpart) AND l.id NOT IN (SELECT id FROM taken_back)
  AND f.id NOT IN (SELECT id FROM taken_back)
  AND (f.id IN (SELECT line_id FROM counterpart) OR f.id < l.id) AND in_scope(l.business_date)
GROUP BY l.id, l.merchant, l.business_date, l.amount_fen, l.rrn

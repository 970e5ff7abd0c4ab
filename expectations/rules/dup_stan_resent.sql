-- One row a debit that counts: how many debits its trace number has made so far.
-- The same answer read twice has the same reference number and is one debit.
WITH debit AS (
    SELECT * FROM life
    WHERE kind IN ('SALE', 'OFFLINE_SALE', 'COMPLETION', 'QR_SALE') AND exposed AND stan IS NOT NULL AND batch IS NOT NULL
      AND trace IN (SELECT trace FROM attempt WHERE state = 'approved' GROUP BY trace HAVING count(*) > 1)
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
WHERE business_date BETWEEN (SELECT first_day FROM scope) AND (SELECT last_day FROM scope)

-- One row a chip debit that counts: how many debits its card counter has made so far.
-- A card never uses a counter twice for one application. It is compared within one merchant number: each is judged by
-- itself, whichever merchants are looked at with it, and reads of nobody else's customers. An offline sale and its own upload share
-- their trace number and are one debit.
WITH debit AS (
    SELECT * FROM life
    WHERE kind IN ('SALE', 'OFFLINE_SALE', 'COMPLETION') AND exposed AND atc IS NOT NULL AND card IS NOT NULL
      AND hash(merchant, card, atc) IN (SELECT hash(merchant, card, atc) FROM attempt WHERE state = 'approved' AND atc IS NOT NULL
                                        GROUP BY 1 HAVING count(*) > 1)
),
repeat AS (
    SELECT later.id, count(*) AS earlier, list(first.id ORDER BY first.nth) AS first_ids,
           min(first.moment) AS first_moment, bool_or(first.gap_later) AS gap,
           bool_or(first.aid IS NULL OR later.aid IS NULL) AS aid_absent
    FROM debit later
    JOIN debit first
      ON first.merchant = later.merchant AND first.card = later.card AND first.atc = later.atc
     AND first.nth < later.nth AND first.trace <> later.trace
     AND (first.aid = later.aid OR first.aid IS NULL OR later.aid IS NULL)
     AND NOT ('OFFLINE_SALE' IN (first.kind, later.kind) AND first.terminal = later.terminal AND first.stan = later.stan)
     AND date_diff('day', first.business_date, later.business_date) <= 335
    GROUP BY later.id
)
SELECT id AS key, 1 + coalesce(earlier, 0) AS debits_of_this_counter,
       [id] || coalesce(first_ids, []) AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN aid_absent OR card_by_mask THEN 'partial' WHEN gap THEN 'gap' ELSE 'clear' END AS grade,
       ['acquirer_file'] || CASE WHEN gap THEN ['stan_gap'] ELSE [] END
           || CASE WHEN aid_absent THEN ['application_id'] ELSE [] END
           || CASE WHEN card_by_mask THEN ['card_token'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       atc AS card_counter, aid AS application_id, date_diff('second', first_moment, moment) AS seconds_apart
FROM debit LEFT JOIN repeat USING (id)
WHERE in_scope(business_date)
  AND id NOT IN (SELECT id FROM accused WHERE rule IN ('dup_stan_resent', 'offline_online_double_post'))

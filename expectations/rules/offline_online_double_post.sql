-- One row an offline sale and an online one of the same card that both count: one purchase entered twice. The
-- chip's counter proves it; the till's order makes it probable.
WITH sale AS (
    SELECT * FROM life
    WHERE kind IN ('SALE', 'OFFLINE_SALE') AND exposed
      AND (merchant, card) IN (SELECT merchant, card FROM attempt WHERE kind = 'OFFLINE_SALE' AND card IS NOT NULL)
),
pair AS (
    SELECT later.*, first.id AS first_id, date_diff('second', first.moment, later.moment) AS seconds_apart,
           coalesce(first.atc = later.atc AND (first.aid = later.aid OR first.aid IS NULL OR later.aid IS NULL), false) AS same_counter,
           first.gap_later OR later.gap_later AS gap
    FROM sale later
    JOIN sale first
      ON first.merchant = later.merchant AND first.card = later.card AND first.kind <> later.kind AND first.nth < later.nth
     AND NOT (first.terminal = later.terminal AND coalesce(first.stan = later.stan, false))
     AND date_diff('day', first.business_date, later.business_date) <= 30
     AND (first.atc = later.atc
          OR first.amount_fen = later.amount_fen AND first.order_ref = later.order_ref
             AND date_diff('second', first.moment, later.moment) <= 86400)
    QUALIFY row_number() OVER (PARTITION BY later.id ORDER BY same_counter DESC, first.nth DESC) = 1
)
SELECT id AS key, 2 AS postings, [id, first_id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN NOT same_counter THEN 'order' WHEN gap OR card_by_mask THEN 'gap' ELSE 'clear' END AS grade,
       ['acquirer_file'] || CASE WHEN gap THEN ['stan_gap'] ELSE [] END
           || CASE WHEN card_by_mask THEN ['card_token'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       seconds_apart, atc AS card_counter, same_counter
FROM pair
WHERE in_scope(business_date)

-- One row a sale and a completion of one card and amount within one stay (48 hours by default) that both count; the
-- later one is accused. Another order is another purchase. Records that are missing after it lower that only while the
-- acquirer's files do not tell what became of it (`vouched`).
WITH debit AS (
    SELECT * FROM life WHERE kind IN ('SALE', 'COMPLETION') AND exposed AND amount_fen > 0
      AND (merchant, card, amount_fen) IN (SELECT merchant, card, amount_fen FROM life WHERE kind = 'COMPLETION' AND card IS NOT NULL)
),
pair AS (
    SELECT later.*, first.id AS first_id, first.kind AS first_kind, date_diff('second', first.moment, later.moment) AS seconds_apart,
           first.order_ref IS NULL OR later.order_ref IS NULL AS order_absent,
           later.gap_later AND w.id IS NULL AS in_doubt
    FROM debit later
    JOIN parameter p USING (merchant)
    JOIN debit first
      ON first.merchant = later.merchant AND first.card = later.card AND first.amount_fen = later.amount_fen
     AND first.kind <> later.kind AND first.nth < later.nth AND first.moment >= later.moment - to_hours(p.stay_h)
     AND coalesce(first.order_ref = later.order_ref, true)
    LEFT JOIN vouched w ON w.id = later.id
    WHERE in_scope(later.business_date) AND later.id NOT IN (SELECT id FROM accused)
    QUALIFY row_number() OVER (PARTITION BY later.id ORDER BY first.nth DESC) = 1
)
SELECT id AS key, 2 AS debits_of_this_stay, [id, first_id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN in_doubt THEN 'gap' ELSE 'clear' END AS grade,
       ['acquirer_file'] || CASE WHEN order_absent THEN ['order_ref'] ELSE [] END
           || CASE WHEN in_doubt THEN ['stan_gap'] ELSE [] END AS missing, []::VARCHAR[] AS also_ruled_out,
       seconds_apart, first_kind
FROM pair

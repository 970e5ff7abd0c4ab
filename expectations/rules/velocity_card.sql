-- One row a card and day: purchases within half an hour (`run`), or refusals that were followed by an approval while the
-- amount was feeled for (`search`). Purchases alike (gift cards), of small sums, or at a merchant where one card in a
-- hundred does so are its trade: canteens, hospitals, fuel.
WITH act AS (
    SELECT l.id, l.merchant, l.terminal, l.business_date, l.card, l.moment, l.nth, l.amount_fen, l.state, p.approved AS most, p.refused, p.least_fen
    FROM life l JOIN parameter p USING (merchant)
    WHERE l.kind IN ('SALE', 'QR_SALE') AND l.card IS NOT NULL AND l.state <> 'open' AND (l.exposed OR l.state = 'declined')
      AND (l.merchant, l.card, l.business_date) IN (
          SELECT merchant, card, business_date FROM attempt JOIN parameter USING (merchant) WHERE kind IN ('SALE', 'QR_SALE')
            AND hash(merchant, card, business_date) IN (
                SELECT hash(merchant, card, business_date) FROM attempt WHERE kind IN ('SALE', 'QR_SALE')
                GROUP BY 1 HAVING count(*) >= (SELECT min(least(approved, refused + 1)) FROM parameter))
          GROUP BY merchant, card, business_date HAVING count(*) >= min(least(approved, refused + 1)))
),
near AS (
    SELECT *, count(*) FILTER (state = 'approved') OVER w AS approved,
           count(DISTINCT amount_fen) FILTER (state = 'approved') OVER w AS prices,
           (sum(amount_fen) FILTER (state = 'approved') OVER w)::BIGINT AS spent_fen,
           count(*) FILTER (state = 'declined') OVER w AS declined,
           list(amount_fen) OVER w AS amounts, list(id) OVER w AS ids
    FROM act
    WINDOW w AS (PARTITION BY merchant, card ORDER BY moment RANGE BETWEEN INTERVAL 30 MINUTE PRECEDING AND CURRENT ROW)
),
flagged AS (
    SELECT *, approved >= most AND prices >= 3 AND spent_fen >= least_fen AS is_run,
           declined >= refused AND (list_unique(amounts) >= refused AND (amounts = list_sort(amounts) OR amounts = list_reverse_sort(amounts)))
               AS is_search
    FROM near WHERE state = 'approved'
),
first AS (
    SELECT * FROM flagged WHERE is_run OR is_search
    QUALIFY row_number() OVER (PARTITION BY merchant, card, business_date ORDER BY nth) = 1
),
trade AS (
    SELECT f.merchant, f.cards AS flagged_cards, count(DISTINCT l.card) AS cards
    FROM (SELECT merchant, count(*) AS cards FROM first GROUP BY merchant) f
    JOIN life l ON l.merchant = f.merchant AND l.kind IN ('SALE', 'QR_SALE')
    GROUP BY f.merchant, f.cards
)
SELECT concat_ws('|', f.merchant, f.id) AS key, 1 AS hurried_cards, list_reverse(ids) AS subjects,
       f.merchant, terminal, business_date, coalesce(spent_fen, 0) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN is_search THEN 'search' ELSE 'run' END AS grade,
       ['customer'] AS missing, ['repeat_purchase_run'] AS also_ruled_out, approved, declined, spent_fen
FROM first f JOIN trade t ON t.merchant = f.merchant
WHERE in_scope(business_date) AND NOT (flagged_cards >= 3 AND flagged_cards * 100 > t.cards)

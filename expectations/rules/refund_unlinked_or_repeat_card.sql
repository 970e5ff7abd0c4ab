-- One row a refund that makes the number of refunds to one card within a week reach three, with what that card
-- paid here in the 335 days before: whether more was paid back than was ever taken.
WITH refund AS (
    SELECT *, count(*) OVER w AS refunds, (sum(amount_fen) OVER w)::BIGINT AS refunded_in_window_fen, list(id) OVER w AS ids
    FROM life
    WHERE kind IN ('REFUND', 'QR_REFUND') AND stands AND card IS NOT NULL
    WINDOW w AS (PARTITION BY merchant, card ORDER BY moment RANGE BETWEEN INTERVAL 7 DAY PRECEDING AND CURRENT ROW)
),
many AS (
    SELECT r.* FROM refund r JOIN parameter p USING (merchant)
    WHERE r.refunds = p.refunds AND in_scope(r.business_date)
    QUALIFY row_number() OVER (PARTITION BY r.merchant, r.card ORDER BY r.nth) = 1
),
paid AS (
    SELECT m.id, sum(s.amount_fen)::BIGINT AS paid_fen
    FROM many m
    JOIN life s ON s.merchant = m.merchant AND s.card = m.card AND s.live AND s.nth < m.nth
               AND s.kind IN ('SALE', 'OFFLINE_SALE', 'QR_SALE', 'COMPLETION')
    GROUP BY m.id
)
SELECT id AS key, refunded_in_window_fen, coalesce(paid_fen, 0) AS paid_fen, list_reverse(ids) AS subjects,
       merchant, terminal, business_date, refunded_in_window_fen - coalesce(paid_fen, 0) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade,
       CASE WHEN (SELECT min(business_date) FROM attempt) > many.business_date - 30 THEN ['earlier_days'] ELSE []::VARCHAR[] END AS missing,
       []::VARCHAR[] AS also_ruled_out, refunds
FROM many LEFT JOIN paid USING (id)

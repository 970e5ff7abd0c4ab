-- One row a pre-authorisation that looks as if it should have been a sale: the same card paid the same amount within
-- half an hour (`paid`), or the merchant is registered for a trade that takes no deposits (`trade`).
WITH hold AS (
    SELECT a.*, p.window_s, list_contains(p.deposit_mccs, registered.registered) AS takes_deposits, registered.registered AS mcc
    FROM life a
    JOIN parameter p USING (merchant)
    LEFT JOIN registered ON registered.merchant = a.merchant
    WHERE a.kind = 'PREAUTH' AND a.live AND in_scope(a.business_date)
),
paid AS (
    SELECT h.id, arg_min(s.id, abs(date_diff('second', h.moment, s.moment))) AS sale_id
    FROM hold h
    JOIN life s ON s.merchant = h.merchant AND s.card = h.card AND s.amount_fen = h.amount_fen AND s.kind = 'SALE' AND s.exposed
               AND abs(date_diff('second', h.moment, s.moment)) <= h.window_s
    GROUP BY h.id
)
SELECT id AS key, CASE WHEN sale_id IS NOT NULL OR NOT coalesce(takes_deposits, true) THEN 1 ELSE 0 END AS holds_in_place_of_sales,
       CASE WHEN sale_id IS NULL THEN [id] ELSE [id, sale_id] END AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN sale_id IS NOT NULL THEN 'paid' ELSE 'trade' END AS grade,
       CASE WHEN takes_deposits IS NULL THEN ['mcc'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out, mcc
FROM hold LEFT JOIN paid USING (id)
WHERE NOT (coalesce(takes_deposits, false) AND sale_id IS NULL)

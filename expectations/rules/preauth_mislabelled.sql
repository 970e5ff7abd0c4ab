-- One row a pre-authorisation that looks as if it should have been a sale: the same card paid the same amount within
-- half an hour (`paid`), or the merchant is registered for a trade that takes no deposits (`trade`), or its terminal had
-- hardly any before new parameters were loaded (`jump`): less than one in 200 of a hundred sales and holds at least, and
-- since then, of the first twenty on, more than one in twenty.
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
),
loaded AS (
    SELECT e.id AS event_id, e.merchant, e.terminal, e.moment,
           coalesce(lead(e.moment) OVER (PARTITION BY e.merchant, e.terminal ORDER BY e.moment), TIMESTAMPTZ '9999-01-01') AS until
    FROM event e
    WHERE e.operation = 'PARAMETERS' AND e.outcome = 'approved' AND (e.merchant, e.terminal) IN (SELECT merchant, terminal FROM hold)
),
before AS (
    SELECT d.event_id
    FROM loaded d
    JOIN attempt a ON a.merchant = d.merchant AND a.terminal = d.terminal AND a.state = 'approved' AND a.kind IN ('SALE', 'PREAUTH')
                  AND a.moment BETWEEN d.moment - INTERVAL 30 DAY AND d.moment
    GROUP BY d.event_id
    HAVING count(*) >= 100 AND count(*) FILTER (a.kind = 'PREAUTH') * 200 < count(*)
),
since AS (
    SELECT d.event_id, a.id, a.kind, count(*) OVER w AS taken, count(*) FILTER (a.kind = 'PREAUTH') OVER w AS held
    FROM loaded d
    JOIN before USING (event_id)
    JOIN attempt a ON a.merchant = d.merchant AND a.terminal = d.terminal AND a.state = 'approved' AND a.kind IN ('SALE', 'PREAUTH')
                  AND a.moment > d.moment AND a.moment < least(d.until, d.moment + INTERVAL 7 DAY)
    WINDOW w AS (PARTITION BY d.event_id ORDER BY a.nth)
),
-- The hold at which it shows, once for each loading.
jump AS (
    SELECT id, event_id, taken, held FROM since WHERE taken >= 20 AND held * 20 > taken
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY taken) = 1
),
shown AS (
    SELECT j.event_id, j.taken, j.held, arg_max(s.id, s.taken) AS id
    FROM jump j JOIN since s ON s.event_id = j.event_id AND s.kind = 'PREAUTH' AND s.taken <= j.taken
    GROUP BY ALL
)
SELECT h.id AS key, CASE WHEN sale_id IS NOT NULL OR j.id IS NOT NULL OR NOT coalesce(takes_deposits, true) THEN 1 ELSE 0 END
           AS holds_in_place_of_sales,
       [h.id] || CASE WHEN sale_id IS NULL THEN [] ELSE [sale_id] END || CASE WHEN j.id IS NULL THEN [] ELSE [j.event_id] END AS subjects,
       h.merchant, h.terminal, h.business_date, h.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN sale_id IS NOT NULL THEN 'paid' WHEN j.id IS NOT NULL AND NOT coalesce(takes_deposits, false) THEN 'jump' ELSE 'trade' END AS grade,
       CASE WHEN takes_deposits IS NULL THEN ['mcc'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out, mcc,
       j.held AS holds_since_parameters, j.taken AS sales_since_parameters
FROM hold h LEFT JOIN paid ON paid.id = h.id LEFT JOIN shown j ON j.id = h.id
WHERE NOT (coalesce(takes_deposits, false) AND sale_id IS NULL)

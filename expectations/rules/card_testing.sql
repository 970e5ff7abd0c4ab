-- One row a merchant and run of refusals: how many within ten minutes, over how many cards, all of small sums. While the
-- network is down most refusals say so (91, 96, 98, 68): then nobody is testing cards.
WITH refusal AS (
    SELECT l.*, p.refusals AS least, p.cards AS least_cards,
           count(*) OVER w AS refusals, count(DISTINCT l.card) OVER w AS cards,
           count(*) FILTER (l.response_code IN ('68', '91', '96', '98')) OVER w AS outages, list(l.id) OVER w AS ids
    FROM life l JOIN parameter p USING (merchant)
    WHERE l.kind IN ('SALE', 'PREAUTH', 'BALANCE') AND (l.state = 'declined' OR l.response_code IS NOT NULL AND l.state = 'open')
      AND l.card IS NOT NULL AND coalesce(l.amount_fen, 0) <= p.small_fen
    WINDOW w AS (PARTITION BY l.merchant ORDER BY l.moment RANGE BETWEEN INTERVAL 10 MINUTE PRECEDING AND CURRENT ROW)
),
run AS (
    SELECT *, refusals >= least AND cards >= least_cards AND outages * 2 < refusals AS tested FROM refusal
)
SELECT id AS key, refusals AS refusals_in_10_minutes, list_reverse(ids)[1:20] AS subjects,
       merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, ['outage'] AS also_ruled_out, cards, outages
FROM run
WHERE tested
-- The first of a run; another run begins after an hour.
QUALIFY coalesce(moment - lag(moment) OVER (PARTITION BY merchant ORDER BY nth) > INTERVAL 1 HOUR, true) AND in_scope(business_date)

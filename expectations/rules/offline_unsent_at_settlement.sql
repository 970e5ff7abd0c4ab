-- One row an offline sale without the host's acceptance when its batch was settled: it earns nothing until it is sent.
-- One that was accepted since, in another batch, is no loss. One that only the terminal's own log tells may have
-- been sent on a line that is not recorded.
WITH unsent AS (
    SELECT o.*, EXISTS (SELECT 1 FROM attempt u WHERE u.merchant = o.merchant AND u.terminal = o.terminal AND u.kind IN ('OFFLINE_SALE', 'SALE')
                          AND u.state = 'approved' AND NOT u.only_in_journal AND u.id <> o.id AND u.amount_fen = o.amount_fen
                          AND u.card IS NOT DISTINCT FROM o.card AND u.moment >= o.moment - INTERVAL 1 MINUTE
                          AND (u.stan = o.stan OR u.atc = o.atc)) AS sent_since
    FROM life o
    WHERE o.kind = 'OFFLINE_SALE' AND (o.state <> 'approved' OR o.only_in_journal) AND NOT o.is_reversed AND o.voids = 0
      AND o.settled_at > o.moment AND in_scope(o.business_date)
)
SELECT id AS key, CASE WHEN sent_since THEN 0 ELSE 1 END AS offline_sales_left_behind, [id] AS subjects,
       merchant, terminal, business_date, coalesce(amount_fen, 0) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN only_in_journal THEN 'log' WHEN gap_later THEN 'gap' ELSE 'clear' END AS grade,
       ['acquirer_file'] || CASE WHEN gap_later THEN ['stan_gap'] ELSE [] END AS missing, []::VARCHAR[] AS also_ruled_out,
       settled_at, state AS sending, response_code AS host_code
FROM unsent

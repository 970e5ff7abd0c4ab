-- One row a batch that its host called unbalanced (不平, or 95) and did not later call balanced: uploads of it that were
-- ended since. An upload follows at once; half an hour is waited for it.
WITH unbalanced AS (
    SELECT * FROM settlement s
    WHERE batch IS NOT NULL AND (rmb_flag = '2' OR foreign_flag = '2' OR response_code = '95') AND in_scope(business_date)
      AND (SELECT max(known_until) FROM merchant) >= s.moment + INTERVAL 30 MINUTE
    QUALIFY row_number() OVER (PARTITION BY merchant, terminal, batch, epoch ORDER BY moment DESC, id DESC) = 1
)
SELECT s.id AS key, count(e.id) AS uploads_since, [s.id] AS subjects,
       s.merchant, s.terminal, s.business_date,
       abs(coalesce(s.rmb_debit_amount_fen, 0) + coalesce(s.foreign_debit_amount_fen, 0)) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, CASE WHEN any_value(b.numbers_missing) > 0 THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN any_value(b.numbers_missing) > 0 THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing,
       []::VARCHAR[] AS also_ruled_out, s.batch AS batch_no, s.rmb_flag, s.foreign_flag, s.response_code AS host_code
FROM unbalanced s
LEFT JOIN event e ON e.merchant = s.merchant AND e.terminal = s.terminal AND e.batch = s.batch AND e.epoch = s.epoch
                 AND e.operation = 'BATCH_UPLOAD_END' AND e.outcome = 'approved' AND e.moment >= s.moment - INTERVAL 1 MINUTE
LEFT JOIN batch b ON b.merchant = s.merchant AND b.terminal = s.terminal AND b.batch = s.batch AND b.epoch = s.epoch
WHERE NOT EXISTS (SELECT 1 FROM settlement t WHERE t.merchant = s.merchant AND t.terminal = s.terminal AND t.batch = s.batch
                    AND t.epoch = s.epoch AND t.moment > s.moment AND t.rmb_flag = '1')
GROUP BY ALL

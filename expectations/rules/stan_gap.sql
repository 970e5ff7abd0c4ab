-- One row a batch without a gap, or a run of missing numbers inside a batch.
SELECT concat_ws('|', b.merchant, b.terminal, b.batch, coalesce(g.first_stan, b.first_stan), g.last_stan,
                 coalesce(g.business_date, b.business_date)) AS key,
       coalesce(g.numbers, 0) AS numbers_missing,
       CASE WHEN g.numbers IS NULL THEN []::VARCHAR[] ELSE [key, g.before_id, g.after_id] END AS subjects,
       b.merchant, b.terminal, coalesce(g.business_date, b.business_date) AS business_date, 0 AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, ['stan_gap'] AS missing, []::VARCHAR[] AS also_ruled_out,
       b.batch AS batch_no, g.first_stan, g.last_stan, g.opens_at, g.closes_at
FROM batch b
LEFT JOIN gap g USING (merchant, terminal, batch, epoch)
WHERE in_scope(coalesce(g.business_date, b.business_date))

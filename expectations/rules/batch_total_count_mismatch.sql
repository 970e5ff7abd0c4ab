-- One row a settled batch: the terminal's counts against those of the attempts seen.
SELECT id AS key, counts_that_differ, [id] AS subjects,
       merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       grade, missing, []::VARCHAR[] AS also_ruled_out,
       batch AS batch_no, reported_counts, counted_counts, rmb_flag, foreign_flag
FROM settled_total
WHERE in_scope(business_date)

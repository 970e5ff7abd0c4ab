-- One row a settled batch: the terminal's amounts against those of the attempts seen.
SELECT id AS key, fen_that_differ, [id] AS subjects,
       merchant, terminal, business_date, fen_that_differ AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       grade, missing, []::VARCHAR[] AS also_ruled_out,
       batch AS batch_no, reported_fen, counted_fen, rmb_flag, foreign_flag
FROM settled_total
WHERE in_scope(business_date)

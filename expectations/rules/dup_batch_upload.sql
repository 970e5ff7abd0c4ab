-- One row a batch: how often its upload was ended, where its host had not called it unbalanced (不平, or 95). What
-- was posted is not known: more than one upload is a hint, no more.
WITH ended AS (
    SELECT merchant, terminal, batch, epoch, count(*) AS uploads, list(id ORDER BY moment DESC) AS ids,
           arg_max(business_date, moment) AS business_date, max(moment) AS last_at, min(moment) AS first_at
    FROM event
    WHERE operation = 'BATCH_UPLOAD_END' AND outcome = 'approved' AND batch IS NOT NULL
    GROUP BY merchant, terminal, batch, epoch
)
SELECT ids[1] AS key, uploads AS uploads_of_this_batch, ids AS subjects,
       merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, ['acquirer_file'] AS missing, []::VARCHAR[] AS also_ruled_out,
       batch AS batch_no, date_diff('second', first_at, last_at) AS seconds_apart
FROM ended e
WHERE in_scope(business_date)
  AND NOT EXISTS (SELECT 1 FROM settlement s WHERE s.merchant = e.merchant AND s.terminal = e.terminal AND s.batch = e.batch
                    AND s.epoch = e.epoch AND (s.rmb_flag = '2' OR s.foreign_flag = '2' OR s.response_code = '95'))

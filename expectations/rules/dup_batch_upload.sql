-- One row a batch: how often its upload was ended. Where the acquirer's statement has a trace number of it twice, what
-- was uploaded twice was posted twice (`posted`): under another reference, for one line twice is `dup_rrn_twice`. Without that more than one upload is a hint, and none where its host
-- had called the batch unbalanced (不平, or 95) and asked for it again.
WITH doubled AS (
    SELECT l.merchant, l.terminal, l.batch, (sum(l.amount_fen))::BIGINT AS doubled_fen, list(l.id ORDER BY l.id) AS line_ids
    FROM line l
    WHERE l.family = 'debit' AND l.status = 'settled' AND l.id NOT IN (SELECT line_id FROM counterpart)
      AND l.id NOT IN (SELECT id FROM taken_back)
      AND EXISTS (SELECT 1 FROM line f WHERE f.merchant = l.merchant AND f.terminal = l.terminal AND f.batch = l.batch
                    AND f.stan = l.stan AND f.kind = l.kind AND f.amount_fen = l.amount_fen AND f.id <> l.id
                    AND coalesce(f.rrn <> l.rrn, true)
                    AND f.status = 'settled' AND f.id IN (SELECT line_id FROM counterpart))
    GROUP BY ALL
),
ended AS (
    SELECT merchant, terminal, batch, epoch, count(*) AS uploads, list(id ORDER BY moment DESC) AS ids,
           arg_max(business_date, moment) AS business_date, max(moment) AS last_at, min(moment) AS first_at
    FROM event
    WHERE operation = 'BATCH_UPLOAD_END' AND outcome = 'approved' AND batch IS NOT NULL
    GROUP BY merchant, terminal, batch, epoch
)
SELECT ids[1] AS key, uploads AS uploads_of_this_batch, ids || coalesce(line_ids, []) AS subjects,
       e.merchant, e.terminal, business_date, coalesce(doubled_fen, 0) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN d.batch IS NULL THEN 'clear' ELSE 'posted' END AS grade,
       CASE WHEN d.batch IS NULL THEN ['acquirer_file'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       e.batch AS batch_no, date_diff('second', first_at, last_at) AS seconds_apart
FROM ended e
LEFT JOIN doubled d ON d.merchant = e.merchant AND d.terminal = e.terminal AND d.batch = e.batch
WHERE in_scope(business_date)
  AND (d.batch IS NOT NULL
       OR NOT EXISTS (SELECT 1 FROM settlement s WHERE s.merchant = e.merchant AND s.terminal = e.terminal AND s.batch = e.batch
                        AND s.epoch = e.epoch AND (s.rmb_flag = '2' OR s.foreign_flag = '2' OR s.response_code = '95')))

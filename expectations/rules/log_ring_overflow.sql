-- One row a reading of a terminal's own log: how many records it gave, against how many such a log holds. A full log
-- has overwritten its oldest records.
WITH reading AS (
    SELECT merchant, terminal, journal_segment_id, count(*) AS records, arg_min(id, nth) AS oldest, arg_max(id, nth) AS newest,
           arg_max(business_date, nth) AS business_date
    FROM attempt WHERE journal_segment_id IS NOT NULL
    GROUP BY merchant, terminal, journal_segment_id
)
SELECT concat_ws('|', r.terminal, r.journal_segment_id) AS key, r.records AS records_in_log, p.records - 1 AS room_for_records,
       [r.newest, r.oldest] AS subjects, r.merchant, r.terminal, r.business_date, 0 AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out
FROM reading r JOIN parameter p USING (merchant)
WHERE in_scope(r.business_date)

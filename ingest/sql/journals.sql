-- exchanges and journals' records -> one row each transaction. The law is in ingest/exchange.py.
WITH
-- the same record read again, perhaps with other flags since: the latest reading
records AS (
    SELECT *,
           concat_ws('|', 'journal', coalesce(terminal_id, ''), coalesce(batch_no::VARCHAR, ''),
                     coalesce(stan::VARCHAR, ''), coalesce(txn_type, ''), kind, day) AS identity
      FROM frames
     WHERE is_journal
   QUALIFY row_number() OVER (
               PARTITION BY identity ORDER BY seen_us DESC, digest DESC, segment_id DESC, seq DESC) = 1
),
pairs AS (
    SELECT e.id, j.identity,
           row_number() OVER (
               PARTITION BY e.id
               ORDER BY (e.rrn = j.rrn) DESC NULLS LAST, (e.amount_fen = j.amount_fen) DESC NULLS LAST,
                        abs(epoch_us(e.event_at) - j.clock_us) NULLS LAST, j.identity) AS place_of_record,
           row_number() OVER (
               PARTITION BY j.identity
               ORDER BY (e.rrn = j.rrn) DESC NULLS LAST,
                        CASE e.outcome WHEN 'approved' THEN 0 WHEN 'unknown' THEN 1 ELSE 2 END,
                        (e.amount_fen = j.amount_fen) DESC NULLS LAST,
                        abs(epoch_us(e.event_at) - j.clock_us) NULLS LAST, e.id) AS place_of_exchange
      FROM exchanges e
      JOIN records j
        ON e.kind = j.kind AND e.terminal_id = j.terminal_id AND e.batch_no IS NOT DISTINCT FROM j.batch_no
       AND CASE e.kind WHEN 'settlement' THEN -1 ELSE e.stan END = CASE j.kind WHEN 'settlement' THEN -1 ELSE j.stan END
       AND CASE e.kind WHEN 'settlement' THEN '' ELSE replace(e.txn_type, 'QR_', '') END
         = CASE j.kind WHEN 'settlement' THEN '' ELSE replace(j.txn_type, 'QR_', '') END
       AND coalesce(e.rrn = j.rrn, true)
       AND e.seen_date BETWEEN j.day - 1 AND j.day + 1
     WHERE e.kind IN ('financial', 'settlement')
),
both_ways AS (
    SELECT id, identity FROM pairs WHERE place_of_record = 1 AND place_of_exchange = 1
),
seen AS (
    SELECT e.* REPLACE (
               coalesce(e.merchant_id, j.merchant_id) AS merchant_id,
               coalesce(e.pan_masked, j.pan_masked) AS pan_masked,
               coalesce(e.card_token, j.card_token) AS card_token,
               coalesce(e.card_org, j.card_org) AS card_org,
               coalesce(e.amount_fen, j.amount_fen) AS amount_fen,
               coalesce(e.rrn, j.rrn) AS rrn,
               coalesce(e.auth_code, j.auth_code) AS auth_code,
               coalesce(e.atc, j.atc) AS atc,
               coalesce(e.aid, j.aid) AS aid,
               coalesce(e.tip_fen, j.tip_fen) AS tip_fen,
               coalesce(e.order_ref, j.order_ref) AS order_ref,
               CASE WHEN e.outcome = 'unknown' THEN coalesce(j.outcome, e.outcome) ELSE e.outcome END AS outcome),
           j.journal_state,
           j.amount_fen AS journal_amount_fen,
           make_timestamp(j.clock_us) AS journal_dt,
           j.segment_id AS journal_segment_id, j.seq AS journal_seq, j.digest AS journal_digest
      FROM exchanges e
      LEFT JOIN both_ways USING (id)
      LEFT JOIN records j USING (identity)
),
kept AS (
    SELECT left(sha256(j.identity), 32) AS id,
           j.* EXCLUDE (identity, segment_id, seq, digest, clock_us, clock_date, seen_us, is_journal, is_request, pair),
           make_timestamp(j.clock_us) AS terminal_dt,
           make_timestamp(coalesce(j.clock_us, j.seen_us)) AS event_at,
           coalesce(j.clock_date, j.day) AS business_date,
           j.day AS seen_date,
           j.amount_fen AS journal_amount_fen,
           make_timestamp(j.clock_us) AS journal_dt,
           j.segment_id AS journal_segment_id, j.seq AS journal_seq, j.digest AS journal_digest
      FROM records j
      ANTI JOIN both_ways USING (identity)
)
SELECT * EXCLUDE (day, exchange, per_line) FROM (
    SELECT *, NULL::DATE AS day FROM seen
     UNION ALL BY NAME
    SELECT * EXCLUDE (rmb_flag, foreign_flag) FROM kept
)
 WHERE seen_date IN (SELECT unnest($days::DATE[]))

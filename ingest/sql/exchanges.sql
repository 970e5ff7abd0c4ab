-- episodes -> exchanges, in the columns of all derived tables: q is the request, a the answer.
WITH answered AS (
    SELECT a.key, a.episode, a.day, a.place AS answer, q.place AS request
      FROM (SELECT * FROM episodes WHERE NOT is_request) a
      ASOF LEFT JOIN (SELECT * FROM episodes WHERE is_request) q
        ON a.key = q.key AND a.episode = q.episode AND a.place >= q.place
),
sendings AS (
    SELECT e.key, e.episode, e.place, e.day, hit.request IS NOT NULL AS hit
      FROM episodes e
      LEFT JOIN (SELECT DISTINCT key, request FROM answered) hit ON hit.key = e.key AND hit.request = e.place
     WHERE e.is_request
),
-- an unanswered sending is an attempt of the next answered one, else of the last, else all are one
folded AS (
    SELECT *,
           CASE WHEN hit THEN place ELSE coalesce(
               min(CASE WHEN hit THEN place END) OVER (
                   PARTITION BY key, episode ORDER BY place ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING),
               max(CASE WHEN hit THEN place END) OVER (
                   PARTITION BY key, episode ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
               min(place) OVER (PARTITION BY key, episode)) END AS target
      FROM sendings
),
attempts AS (
    SELECT key, target, count(*) AS attempts, arg_min(day, place) AS seen_date FROM folded GROUP BY key, target
),
paired AS (
    SELECT t.key, t.target AS request, d.answer, t.attempts, t.seen_date
      FROM attempts t
      LEFT JOIN answered d ON d.key = t.key AND d.request = t.target
     UNION ALL
    SELECT key, NULL, answer, 0, day FROM answered WHERE request IS NULL
),
-- equal messages on one day are told apart by their order
numbered AS (
    SELECT p.*, coalesce(q.digest, a.digest) AS identity,
           row_number() OVER (
               PARTITION BY coalesce(q.digest, a.digest), p.seen_date ORDER BY p.key, p.request, p.answer) - 1 AS ordinal
      FROM paired p
      LEFT JOIN episodes q ON q.key = p.key AND q.place = p.request
      LEFT JOIN episodes a ON a.key = p.key AND a.place = p.answer
)
SELECT left(sha256(n.identity || ':' || n.seen_date || ':' || n.ordinal), 32) AS id,
       coalesce(q.kind, a.kind) AS kind,
       coalesce(q.pair, a.pair) AS mti,
       coalesce(q.operation, a.operation) AS operation,
       coalesce(q.txn_type, a.txn_type) AS txn_type,
       coalesce(q.profile, a.profile) AS profile,
       coalesce(q.line, a.line) AS line,
       coalesce(q.merchant_id, a.merchant_id) AS merchant_id,
       coalesce(q.terminal_id, a.terminal_id) AS terminal_id,
       coalesce(q.batch_no, a.batch_no) AS batch_no,
       coalesce(q.stan, a.stan) AS stan,
       coalesce(q.network_code, a.network_code) AS network_code,
       coalesce(q.processing_code, a.processing_code) AS processing_code,
       -- 10 is a partial approval: what counts is the amount that was approved
       CASE WHEN a.response_code = '10' THEN coalesce(a.amount_fen, q.amount_fen)
            ELSE coalesce(q.amount_fen, a.amount_fen) END AS amount_fen,
       coalesce(q.currency, a.currency) AS currency,
       coalesce(q.tip_fen, a.tip_fen) AS tip_fen,
       coalesce(q.feature_code, a.feature_code) AS feature_code,
       coalesce(q.order_ref, a.order_ref) AS order_ref,
       coalesce(q.pan_masked, a.pan_masked) AS pan_masked,
       coalesce(q.card_token, a.card_token) AS card_token,
       coalesce(a.card_org, q.card_org) AS card_org,
       coalesce(q.entry_mode, a.entry_mode) AS entry_mode,
       coalesce(q.operator_no, a.operator_no) AS operator_no,
       coalesce(q.atc, a.atc) AS atc,
       coalesce(q.aid, a.aid) AS aid,
       a.settlement_date, a.rrn, coalesce(a.auth_code, q.auth_code) AS auth_code, a.response_code,
       coalesce(a.outcome, 'unknown') AS outcome,
       q.reason_code, q.reversed_type,
       q.orig_batch_no, coalesce(q.orig_stan, a.orig_stan) AS orig_stan, q.orig_date, q.orig_rrn, q.orig_auth_code,
       coalesce(q.batch_count, a.batch_count) AS batch_count,
       coalesce(a.receipt_no, q.receipt_no) AS receipt_no, coalesce(q.orig_receipt_no, a.orig_receipt_no) AS orig_receipt_no,
       a.total_count, a.total_amount_fen, a.card_totals,
       q.rmb_debit_amount_fen, q.rmb_debit_count, q.rmb_credit_amount_fen, q.rmb_credit_count, a.rmb_flag,
       a.rmb_debit_amount_fen AS rmb_host_debit_amount_fen, a.rmb_debit_count AS rmb_host_debit_count,
       a.rmb_credit_amount_fen AS rmb_host_credit_amount_fen, a.rmb_credit_count AS rmb_host_credit_count,
       q.foreign_debit_amount_fen, q.foreign_debit_count, q.foreign_credit_amount_fen, q.foreign_credit_count,
       a.foreign_flag,
       a.foreign_debit_amount_fen AS foreign_host_debit_amount_fen, a.foreign_debit_count AS foreign_host_debit_count,
       a.foreign_credit_amount_fen AS foreign_host_credit_amount_fen,
       a.foreign_credit_count AS foreign_host_credit_count,
       make_timestamp(q.seen_us) AS requested_at,
       make_timestamp(a.seen_us) AS responded_at,
       make_timestamp(q.clock_us) AS terminal_dt,
       make_timestamp(a.clock_us) AS host_dt,
       make_timestamp(coalesce(a.clock_us, q.clock_us, q.seen_us, a.seen_us)) AS event_at,
       coalesce(a.clock_date, q.clock_date, q.day, a.day) AS business_date,
       n.seen_date,
       n.attempts::INTEGER AS attempts,
       coalesce(q.segment_id, a.segment_id) AS segment_id,
       q.seq AS request_seq,
       a.segment_id AS response_segment_id,
       a.seq AS response_seq,
       q.digest AS request_digest,
       a.digest AS response_digest
  FROM numbered n
  LEFT JOIN episodes q ON q.key = n.key AND q.place = n.request
  LEFT JOIN episodes a ON a.key = n.key AND a.place = n.answer
 WHERE n.seen_date IN (SELECT unnest($days::DATE[]))

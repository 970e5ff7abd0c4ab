-- exchanges -> signature uploads: which requests carry parts of one picture, and the transaction it signs.
-- A pad's signature names no terminal and no number, but its feature code, which is made of settlement date (or zeros)
-- and reference number: the transaction is the only one with that code before it, on the same day or the one before.
-- Parts of one upload follow each other within an hour; it lies on the day of its first part.
WITH marked AS (
    SELECT *, coalesce(requested_at, responded_at) AS seen, coalesce(orig_rrn, rrn) AS reference,
           concat_ws('|', coalesce(terminal_id, 'line ' || line), coalesce(batch_no::VARCHAR, '-'),
                     coalesce(stan::VARCHAR, '-'), coalesce(orig_rrn, rrn, '-')) AS picture
      FROM around
     WHERE operation = 'SIGNATURE'
),
begun AS (
    SELECT *,
           network_code IS NULL OR network_code <= '800' OR coalesce(
               seen - lag(seen) OVER (PARTITION BY picture ORDER BY seen, id) > INTERVAL 1 HOUR, true) AS begins
      FROM marked
),
counted AS (
    SELECT *, sum(begins::INTEGER) OVER (PARTITION BY picture ORDER BY seen, id) AS place FROM begun
),
uploads AS (
    SELECT * EXCLUDE (begins, place),
           first_value(id) OVER whole AS upload, first_value(seen_date) OVER whole AS upload_day,
           first_value(business_date) OVER whole AS upload_date, first_value(seen) OVER whole AS upload_seen
      FROM counted
    WINDOW whole AS (PARTITION BY picture, place ORDER BY seen, id)
),
signed AS (
    SELECT u.upload, t.id AS signs, t.rrn AS signs_rrn, t.settlement_date AS signs_settlement
      FROM (SELECT * FROM uploads WHERE id = upload) u
      JOIN around t
        ON t.kind = 'financial' AND t.txn_type IS DISTINCT FROM 'REVERSAL' AND t.terminal_id = u.terminal_id
       AND t.seen_date BETWEEN u.upload_day - 1 AND u.upload_day
       AND coalesce(t.requested_at, t.responded_at) <= u.upload_seen
       AND ((t.batch_no = u.batch_no AND t.stan = u.stan AND coalesce(t.rrn = u.reference, true))
            OR t.rrn = u.reference)
   QUALIFY row_number() OVER (
       PARTITION BY u.upload
           ORDER BY coalesce(t.batch_no = u.batch_no AND t.stan = u.stan, false) DESC,
                    coalesce(t.rrn = u.reference, false) DESC,
                    coalesce(t.requested_at, t.responded_at) DESC, t.id) = 1
),
coded AS (
    SELECT t.id, t.rrn, t.settlement_date, t.seen_date, coalesce(t.responded_at, t.requested_at) AS seen,
           unnest(list_distinct([coalesce(strftime(t.settlement_date, '%m%d'), '0000'), '0000'])) || t.rrn AS digits
      FROM around t
     WHERE t.kind = 'financial' AND t.txn_type IS DISTINCT FROM 'REVERSAL' AND t.outcome = 'approved'
       AND regexp_full_match(t.rrn, '[0-9A-Fa-f]{12}')
),
signed_by_code AS (
    SELECT u.upload, t.id AS signs, t.rrn AS signs_rrn, t.settlement_date AS signs_settlement
      FROM (SELECT * FROM uploads WHERE id = upload AND terminal_id IS NULL AND feature_code IS NOT NULL) u
      JOIN coded t
        ON format('{:08X}', xor(('0x' || left(t.digits, 8))::BIGINT, ('0x' || right(t.digits, 8))::BIGINT))
           = u.feature_code
       AND t.seen_date BETWEEN u.upload_day - 1 AND u.upload_day
       AND t.seen <= u.upload_seen
   QUALIFY count(*) OVER (PARTITION BY u.upload) = 1
),
found AS (
    SELECT * FROM signed UNION ALL SELECT * FROM signed_by_code
)
SELECT u.*, s.signs, s.signs_rrn, s.signs_settlement
  FROM uploads u LEFT JOIN found s USING (upload)
 WHERE u.upload_day IN (SELECT unnest($days::DATE[]))
 ORDER BY u.upload, u.seen, u.id

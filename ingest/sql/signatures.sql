-- exchanges -> signature uploads: which requests carry parts of one picture, and the transaction it signs.
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
)
SELECT u.*, s.signs, s.signs_rrn, s.signs_settlement
  FROM uploads u LEFT JOIN signed s USING (upload)
 WHERE u.upload_day IN (SELECT unnest($days::DATE[]))
 ORDER BY u.upload, u.seen, u.id

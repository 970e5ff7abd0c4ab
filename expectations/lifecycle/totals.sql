-- What a batch adds up to, against what its terminal reported when it settled it.
--
-- In:  life, settlement, batch.
-- Out: batch_total, one row a batch whose last settlement request states its totals.
--
-- Debits are sales, completions and offline sales; credits are voids, voids of completions and refunds.
-- A voided sale stays among the debits and its void among the credits. What was declined, reversed or
-- only reserved counts nowhere, nor do codes scanned (QR). A card of CUP, or of no known organisation,
-- counts as RMB, every other as foreign.
CREATE TEMP TABLE batch_total AS
WITH last_request AS (
    SELECT * FROM settlement
    WHERE batch IS NOT NULL AND rmb_debit_count IS NOT NULL AND rmb_debit_amount_fen IS NOT NULL
      AND rmb_credit_count IS NOT NULL AND rmb_credit_amount_fen IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY merchant, terminal, batch, epoch ORDER BY moment DESC, stan DESC, id DESC) = 1
),
counted AS (
    SELECT s.id, l.amount_fen,
           l.kind IN ('SALE', 'COMPLETION', 'OFFLINE_SALE') AS is_debit,
           coalesce(upper(trim(l.card_org)), '') NOT IN ('', 'CUP') AS is_foreign
    FROM last_request s
    JOIN life l ON l.merchant = s.merchant AND l.terminal = s.terminal AND l.batch = s.batch AND l.epoch = s.epoch
    WHERE l.stands AND l.kind IN ('SALE', 'COMPLETION', 'OFFLINE_SALE', 'VOID', 'COMPLETION_VOID', 'REFUND')
      AND coalesce((s.stan - l.stan + 999999) % 999999 < 500000, l.moment <= s.moment)
),
seen AS (
    SELECT id,
           count(*) FILTER (is_debit AND NOT is_foreign) AS rmb_debits,
           (sum(amount_fen) FILTER (is_debit AND NOT is_foreign))::BIGINT AS rmb_debit_fen,
           count(*) FILTER (NOT is_debit AND NOT is_foreign) AS rmb_credits,
           (sum(amount_fen) FILTER (NOT is_debit AND NOT is_foreign))::BIGINT AS rmb_credit_fen,
           count(*) FILTER (is_debit AND is_foreign) AS foreign_debits,
           (sum(amount_fen) FILTER (is_debit AND is_foreign))::BIGINT AS foreign_debit_fen,
           count(*) FILTER (NOT is_debit AND is_foreign) AS foreign_credits,
           (sum(amount_fen) FILTER (NOT is_debit AND is_foreign))::BIGINT AS foreign_credit_fen
    FROM counted GROUP BY id
),
-- Attempts whose outcome is open: the terminal may have had an answer that was not seen.
doubt AS (
    SELECT s.id, count(*) AS attempts
    FROM last_request s
    JOIN life l ON l.merchant = s.merchant AND l.terminal = s.terminal AND l.batch = s.batch AND l.epoch = s.epoch
    WHERE l.state = 'open' AND NOT l.is_reversed
      AND l.kind IN ('SALE', 'COMPLETION', 'OFFLINE_SALE', 'VOID', 'COMPLETION_VOID', 'REFUND')
    GROUP BY s.id
),
compared AS (
    SELECT s.*, coalesce(doubt.attempts, 0) > 0 AS has_open, coalesce(batch.start, 'unknown') AS start,
           coalesce(batch.numbers_missing, 0) AS numbers_missing,
           {
               'rmb_debit': s.rmb_debit_count, 'rmb_credit': s.rmb_credit_count,
               'foreign_debit': s.foreign_debit_count, 'foreign_credit': s.foreign_credit_count
           } AS reported_counts,
           {
               'rmb_debit': coalesce(rmb_debits, 0), 'rmb_credit': coalesce(rmb_credits, 0),
               'foreign_debit': coalesce(foreign_debits, 0), 'foreign_credit': coalesce(foreign_credits, 0)
           } AS counted_counts,
           {
               'rmb_debit': s.rmb_debit_amount_fen, 'rmb_credit': s.rmb_credit_amount_fen,
               'foreign_debit': s.foreign_debit_amount_fen, 'foreign_credit': s.foreign_credit_amount_fen
           } AS reported_fen,
           {
               'rmb_debit': coalesce(rmb_debit_fen, 0), 'rmb_credit': coalesce(rmb_credit_fen, 0),
               'foreign_debit': coalesce(foreign_debit_fen, 0), 'foreign_credit': coalesce(foreign_credit_fen, 0)
           } AS counted_fen
    FROM last_request s
    LEFT JOIN seen USING (id)
    LEFT JOIN doubt USING (id)
    LEFT JOIN batch ON batch.merchant = s.merchant AND batch.terminal = s.terminal
                   AND batch.batch = s.batch AND batch.epoch = s.epoch
)
SELECT id, merchant, terminal, batch, epoch, business_date, rmb_flag, foreign_flag,
       reported_counts, counted_counts, reported_fen, counted_fen,
       (reported_counts.rmb_debit <> counted_counts.rmb_debit)::INT
       + (reported_counts.rmb_credit <> counted_counts.rmb_credit)::INT
       + coalesce((reported_counts.foreign_debit <> counted_counts.foreign_debit)::INT, 0)
       + coalesce((reported_counts.foreign_credit <> counted_counts.foreign_credit)::INT, 0) AS counts_that_differ,
       abs(reported_fen.rmb_debit - counted_fen.rmb_debit)
       + abs(reported_fen.rmb_credit - counted_fen.rmb_credit)
       + coalesce(abs(reported_fen.foreign_debit - counted_fen.foreign_debit), 0)
       + coalesce(abs(reported_fen.foreign_credit - counted_fen.foreign_credit), 0) AS fen_that_differ,
       CASE WHEN numbers_missing > 0 OR start = 'unknown' THEN 'gap'
            WHEN has_open OR start = 'signed_in' THEN 'doubt' ELSE 'clear' END AS grade,
       CASE WHEN numbers_missing > 0 THEN ['stan_gap'] ELSE []::VARCHAR[] END
           || CASE WHEN start <> 'seen' THEN ['batch_start'] ELSE [] END
           || CASE WHEN has_open THEN ['unknown_outcomes'] ELSE [] END AS missing
FROM compared;

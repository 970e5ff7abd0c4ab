-- What a batch adds up to, against what its terminal reported when it settled it.
--
-- In:  life, settlement, batch.
-- Out: batch_total, one row a batch whose last settlement request states its debits and credits; stated_total, one row
--      a settlement that states one total of all; settled_total, both.
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
known AS (
    SELECT s.id, l.amount_fen, l.stands, l.state <> 'open' AS answered,
           l.kind IN ('SALE', 'COMPLETION', 'OFFLINE_SALE') AS is_debit,
           coalesce(upper(trim(l.card_org)), '') NOT IN ('', 'CUP') AS is_foreign
    FROM last_request s
    JOIN life l ON l.merchant = s.merchant AND l.terminal = s.terminal AND l.batch = s.batch AND l.epoch = s.epoch
    WHERE l.kind IN ('SALE', 'COMPLETION', 'OFFLINE_SALE', 'VOID', 'COMPLETION_VOID', 'REFUND')
      AND coalesce((s.stan - l.stan + 999999) % 999999 < 500000, l.moment <= s.moment)
),
counted AS (
    SELECT id, amount_fen, is_debit, is_foreign FROM known WHERE stands
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
               'foreign_debit': s.foreign_debit_count, 'foreign_credit': s.foreign_credit_count, 'total': NULL::BIGINT
           } AS reported_counts,
           {
               'rmb_debit': coalesce(rmb_debits, 0), 'rmb_credit': coalesce(rmb_credits, 0),
               'foreign_debit': coalesce(foreign_debits, 0), 'foreign_credit': coalesce(foreign_credits, 0), 'total': NULL::BIGINT
           } AS counted_counts,
           {
               'rmb_debit': s.rmb_debit_amount_fen, 'rmb_credit': s.rmb_credit_amount_fen,
               'foreign_debit': s.foreign_debit_amount_fen, 'foreign_credit': s.foreign_credit_amount_fen, 'total': NULL::BIGINT
           } AS reported_fen,
           {
               'rmb_debit': coalesce(rmb_debit_fen, 0), 'rmb_credit': coalesce(rmb_credit_fen, 0),
               'foreign_debit': coalesce(foreign_debit_fen, 0), 'foreign_credit': coalesce(foreign_credit_fen, 0), 'total': NULL::BIGINT
           } AS counted_fen
    FROM last_request s
    LEFT JOIN seen USING (id)
    LEFT JOIN doubt USING (id)
    LEFT JOIN batch ON batch.merchant = s.merchant AND batch.terminal = s.terminal
                   AND batch.batch = s.batch AND batch.epoch = s.epoch
),
differing AS (
    SELECT * FROM (
        SELECT id, true AS is_debit, false AS is_foreign, reported_counts.rmb_debit - counted_counts.rmb_debit AS more,
               reported_fen.rmb_debit - counted_fen.rmb_debit AS more_fen FROM compared
        UNION ALL SELECT id, false, false, reported_counts.rmb_credit - counted_counts.rmb_credit,
               reported_fen.rmb_credit - counted_fen.rmb_credit FROM compared
        UNION ALL SELECT id, true, true, reported_counts.foreign_debit - counted_counts.foreign_debit,
               reported_fen.foreign_debit - counted_fen.foreign_debit FROM compared
        UNION ALL SELECT id, false, true, reported_counts.foreign_credit - counted_counts.foreign_credit,
               reported_fen.foreign_credit - counted_fen.foreign_credit FROM compared)
    WHERE more <> 0 OR more_fen <> 0
),
-- A record that bears the number of another leaves no gap where it is lost: a sale that went out once more, a reversal.
-- It makes a total of one record more or less, with the amount of one that was seen.
numberless AS (
    SELECT DISTINCT d.id
    FROM differing d JOIN known k ON k.id = d.id AND k.is_debit = d.is_debit AND k.is_foreign = d.is_foreign
    WHERE d.more_fen = CASE WHEN d.more = 1 AND k.answered THEN k.amount_fen WHEN d.more = -1 AND k.stands THEN -k.amount_fen END
      AND d.id IN (SELECT id FROM differing GROUP BY id HAVING count(*) = 1)
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
            WHEN has_open OR start = 'signed_in' OR id IN (SELECT id FROM numberless) THEN 'doubt' ELSE 'clear' END AS grade,
       CASE WHEN numbers_missing > 0 THEN ['stan_gap'] ELSE []::VARCHAR[] END
           || CASE WHEN start <> 'seen' THEN ['batch_start'] ELSE [] END
           || CASE WHEN has_open THEN ['unknown_outcomes'] ELSE [] END
           || CASE WHEN id IN (SELECT id FROM numberless) THEN ['repeated_numbers'] ELSE [] END AS missing
FROM compared;

-- A terminal that states one total of all cards, at the end of a day or of a batch: its batch's attempts, or, where
-- there are no batches, those since the settlement before. That settlement has to have been seen, and to have been
-- accepted: what came before collection began, or before a settlement of unknown outcome, may be in the total.
-- Sales less voids is the total by any definition. Not public is whether a refund is taken off or told apart, and
-- whether codes scanned (QR) are in it; of an amount without a count, whether voids are. A total that is right by one
-- of these definitions is taken for right. A void and its sale count as two, or as none.
CREATE TEMP TABLE stated_total AS
WITH closing AS (
    SELECT *, lag(outcome) OVER w AS outcome_before, lag(moment) OVER w AS since
    FROM settlement
    WHERE outcome <> 'declined'
    WINDOW w AS (PARTITION BY coalesce(line, terminal) ORDER BY moment, id)
),
stated AS (
    SELECT * FROM closing
    WHERE in_scope(business_date) AND outcome = 'approved' AND rmb_debit_count IS NULL AND (total_count IS NOT NULL OR total_amount_fen IS NOT NULL)
    QUALIFY row_number() OVER (PARTITION BY merchant, terminal, coalesce(batch::VARCHAR, id), epoch ORDER BY moment DESC, id DESC) = 1
),
inside AS (
    SELECT s.id AS settled, l.*, l.kind IN ('QR_SALE', 'QR_REFUND') AS is_scanned
    FROM stated s
    JOIN life l ON l.merchant = s.merchant AND l.terminal = s.terminal
    WHERE l.stands
      AND CASE WHEN s.batch IS NULL OR l.batch IS NULL THEN l.moment <= s.moment AND l.moment > coalesce(s.since, s.moment - INTERVAL 1 DAY)
               ELSE l.batch = s.batch AND l.epoch = s.epoch END
),
seen AS (
    SELECT settled AS id,
           count(*) FILTER (kind IN ('SALE', 'COMPLETION', 'OFFLINE_SALE')) AS debits,
           (sum(amount_fen) FILTER (kind IN ('SALE', 'COMPLETION', 'OFFLINE_SALE')))::BIGINT AS debit_fen,
           count(*) FILTER (kind IN ('VOID', 'COMPLETION_VOID')) AS voids,
           (sum(amount_fen) FILTER (kind IN ('VOID', 'COMPLETION_VOID')))::BIGINT AS void_fen,
           count(*) FILTER (kind = 'REFUND') AS refunds,
           (sum(amount_fen) FILTER (kind = 'REFUND'))::BIGINT AS refund_fen,
           count(*) FILTER (is_scanned) AS scanned,
           (sum(CASE WHEN kind = 'QR_REFUND' THEN -amount_fen ELSE amount_fen END) FILTER (is_scanned))::BIGINT AS scanned_fen,
           count(*) FILTER (kind IS NULL) AS nameless
    FROM inside GROUP BY settled
),
-- Attempts whose outcome is open: one without an answer names no terminal, but its line.
doubt AS (
    SELECT s.id, count(*) AS attempts
    FROM stated s
    JOIN life l ON l.line = s.line AND l.moment <= s.moment AND l.moment > coalesce(s.since, s.moment - INTERVAL 1 DAY)
    WHERE l.state = 'open' AND NOT l.is_reversed AND (l.kind IS NULL OR l.kind NOT IN ('BALANCE', 'PREAUTH', 'PREAUTH_VOID', 'REVERSAL'))
    GROUP BY s.id
),
-- What could not be read of the line since then may be a status that is missing here.
unread AS (
    SELECT s.id, count(*) AS records
    FROM stated s
    JOIN rejects r ON r.line = s.line AND r.seen_at <= s.moment + INTERVAL 1 HOUR
                  AND r.seen_at > coalesce(s.since, s.moment - INTERVAL 1 DAY) - INTERVAL 1 HOUR
    WHERE r.kind IN ('frame', 'gap')
    GROUP BY s.id
),
added AS (
    SELECT s.id, s.merchant, s.terminal, s.batch, s.epoch, s.business_date, s.total_count, s.total_amount_fen,
           coalesce(s.outcome_before = 'approved', batch.start = 'seen', false) AS from_start,
           coalesce(batch.numbers_missing, 0) AS numbers_missing, coalesce(doubt.attempts, 0) > 0 AS has_open,
           coalesce(unread.records, 0) > 0 AS has_unread, coalesce(nameless, 0) > 0 AS has_nameless,
           coalesce(voids, 0) + coalesce(refunds, 0) + coalesce(scanned, 0) > 0 AS is_mixed,
           coalesce(debits, 0) AS debits, coalesce(debit_fen, 0) AS debit_fen, coalesce(voids, 0) AS voids,
           coalesce(void_fen, 0) AS void_fen, coalesce(refunds, 0) AS refunds, coalesce(refund_fen, 0) AS refund_fen,
           coalesce(scanned, 0) AS scanned, coalesce(scanned_fen, 0) AS scanned_fen
    FROM stated s
    LEFT JOIN seen USING (id)
    LEFT JOIN doubt USING (id)
    LEFT JOIN unread USING (id)
    LEFT JOIN batch ON batch.merchant = s.merchant AND batch.terminal = s.terminal
                   AND batch.batch = s.batch AND batch.epoch = s.epoch
)
SELECT id, merchant, terminal, batch, business_date, NULL::VARCHAR AS rmb_flag, NULL::VARCHAR AS foreign_flag,
       {
           'rmb_debit': NULL::BIGINT, 'rmb_credit': NULL::BIGINT, 'foreign_debit': NULL::BIGINT, 'foreign_credit': NULL::BIGINT,
           'total': total_count::BIGINT
       } AS reported_counts,
       {
           'rmb_debit': NULL::BIGINT, 'rmb_credit': NULL::BIGINT, 'foreign_debit': NULL::BIGINT, 'foreign_credit': NULL::BIGINT,
           'total': debits - voids + refunds
       } AS counted_counts,
       {
           'rmb_debit': NULL::BIGINT, 'rmb_credit': NULL::BIGINT, 'foreign_debit': NULL::BIGINT, 'foreign_credit': NULL::BIGINT,
           'total': total_amount_fen
       } AS reported_fen,
       {
           'rmb_debit': NULL::BIGINT, 'rmb_credit': NULL::BIGINT, 'foreign_debit': NULL::BIGINT, 'foreign_credit': NULL::BIGINT,
           'total': debit_fen - void_fen - refund_fen
       } AS counted_fen,
       least(abs(total_count - (debits - voids)), abs(total_count - (debits - voids + scanned)),
             abs(total_count - (debits - voids + refunds)), abs(total_count - (debits - voids + refunds + scanned)),
             abs(total_count - (debits + voids + refunds)), abs(total_count - (debits + voids + refunds + scanned))
       ) AS counts_that_differ,
       least(abs(total_amount_fen - (debit_fen - void_fen)), abs(total_amount_fen - (debit_fen - void_fen + scanned_fen)),
             abs(total_amount_fen - (debit_fen - void_fen - refund_fen)),
             abs(total_amount_fen - (debit_fen - void_fen - refund_fen + scanned_fen)),
             CASE WHEN total_count IS NULL THEN abs(total_amount_fen - debit_fen) END,
             CASE WHEN total_count IS NULL THEN abs(total_amount_fen - (debit_fen + scanned_fen)) END
       ) AS fen_that_differ,
       CASE WHEN NOT from_start OR has_nameless OR has_unread OR numbers_missing > 0 THEN 'gap' ELSE 'doubt' END AS grade,
       CASE WHEN numbers_missing > 0 THEN ['stan_gap'] ELSE []::VARCHAR[] END
           || CASE WHEN from_start THEN [] ELSE ['batch_start'] END
           || CASE WHEN has_open THEN ['unknown_outcomes'] ELSE [] END
           || CASE WHEN has_unread THEN ['unread_records'] ELSE [] END
           || CASE WHEN has_nameless THEN ['transaction_types'] ELSE [] END
           || CASE WHEN is_mixed THEN ['totals_definition'] ELSE [] END AS missing
FROM added;

CREATE TEMP VIEW settled_total AS
SELECT id, merchant, terminal, batch, business_date, rmb_flag, foreign_flag, reported_counts, counted_counts, reported_fen,
       counted_fen, counts_that_differ, fen_that_differ, grade, missing
FROM batch_total
UNION ALL
SELECT id, merchant, terminal, batch, business_date, rmb_flag, foreign_flag, reported_counts, counted_counts, reported_fen,
       counted_fen, counts_that_differ, fen_that_differ, grade, missing
FROM stated_total;

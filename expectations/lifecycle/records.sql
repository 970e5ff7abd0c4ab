-- What was seen, on one clock and under one key, before anything is linked.
--
-- In:  transactions, settlements, events, signatures, rejects (the tables), shop (zone, cutoff_s), cutoff (merchant, cutoff_s).
-- Out: attempt (a view here, of `life` in the end), again, signed_unseen, begun_anew, settlement, event, signature, used, merchant, clock.

-- The same record read twice is one record. Only ids that come twice are put in order: a window over everything
-- would cost more than all that follows. Numbers are counted before texts, which need many times the memory.
CREATE TEMP TABLE again AS
SELECT transaction_id, count(*) AS records FROM transactions
WHERE hash(transaction_id) IN (SELECT hash(transaction_id) FROM transactions GROUP BY 1 HAVING count(*) > 1)
GROUP BY transaction_id HAVING count(*) > 1;

CREATE TEMP VIEW attempt_once AS
SELECT * FROM transactions ANTI JOIN again USING (transaction_id)
UNION ALL
(SELECT * FROM transactions SEMI JOIN again USING (transaction_id)
 QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY seen_date, request_seq, response_seq) = 1);

CREATE TEMP TABLE settlement_once AS
SELECT * FROM settlements
QUALIFY row_number() OVER (PARTITION BY settlement_id ORDER BY seen_date, request_seq, response_seq) = 1;

CREATE TEMP TABLE event_once AS
SELECT * FROM events
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY seen_date, request_seq, response_seq) = 1;

-- A message may leave out its merchant; its terminal's other messages say whose it is.
CREATE TEMP TABLE owner AS
SELECT terminal_id, profile, max(merchant_id) AS merchant_id
FROM (
    SELECT terminal_id, profile, merchant_id FROM attempt_once
    UNION ALL SELECT terminal_id, profile, merchant_id FROM settlement_once
    UNION ALL SELECT terminal_id, profile, merchant_id FROM event_once
)
WHERE terminal_id IS NOT NULL
GROUP BY terminal_id, profile;

-- A terminal's clock against its host's, on each day that shows both.
CREATE TEMP TABLE clock AS
SELECT terminal_id, business_date, count(*) AS readings,
       quantile_disc(epoch_us(terminal_dt) - epoch_us(host_dt), 0.5) AS ahead_us
FROM attempt_once
WHERE terminal_dt IS NOT NULL AND host_dt IS NOT NULL AND terminal_id IS NOT NULL
GROUP BY terminal_id, business_date;

-- Tokens of two keys never match, whatever the card: where the key was changed within what is looked at, cards are
-- compared by first six and last four digits, as where there are no tokens.
CREATE TEMP TABLE tokens AS
SELECT count(DISTINCT regexp_extract(card_token, '^t([a-z0-9]+)\.', 1)) AS keys FROM attempt_once;

-- The measure that holds for each of a terminal's days: its own, or the last of the week before, where it is far off.
CREATE TEMP TABLE clock_of_day AS
SELECT d.terminal_id, d.business_date, arg_max(c.ahead_us, c.business_date) AS ahead_us
FROM (SELECT DISTINCT terminal_id, business_date FROM attempt_once WHERE host_dt IS NULL AND terminal_dt IS NOT NULL) d
JOIN clock c ON c.terminal_id = d.terminal_id AND c.business_date BETWEEN d.business_date - 7 AND d.business_date
GROUP BY d.terminal_id, d.business_date
HAVING abs(arg_max(c.ahead_us, c.business_date)) > 120_000_000;

CREATE TEMP TABLE device AS
SELECT merchant, terminal, row_number() OVER (ORDER BY merchant, terminal) AS device, coalesce(cutoff.cutoff_s, shop.cutoff_s) AS cutoff_s
FROM (SELECT DISTINCT coalesce(a.merchant_id, o.merchant_id, '') AS merchant, coalesce(a.terminal_id, a.line, '') AS terminal
      FROM attempt_once a LEFT JOIN owner o ON o.terminal_id = a.terminal_id AND o.profile IS NOT DISTINCT FROM a.profile)
CROSS JOIN shop
LEFT JOIN cutoff USING (merchant);

-- Attempts, with their moment. One that only the terminal's clock tells is corrected by that day's
-- measure of the clock, or by the last of the week before; a clock less than 120 s off is left alone: that is the time
-- an answer takes. `state` is what is known of the outcome: `open` is an attempt that may have been debited without the
-- terminal knowing: no answer, or one that says "timed out" (68, 98) or that the terminal could not trust (A0). `card` is a
-- number of 128 bits made of the token, or of the masked number where cards are compared by that. `nth` is
-- their order in time, and in trace number where the moment is the same: it is made of the attempt alone, so that no sort
-- is needed and no other attempt changes it. `number` is one for terminal, batch and trace number.
CREATE TEMP VIEW attempt_told AS
WITH told AS (
    SELECT a.transaction_id AS id, coalesce(a.merchant_id, o.merchant_id, '') AS merchant, coalesce(a.terminal_id, a.line, '') AS terminal,
           a.batch_no AS batch, a.stan,
           CASE WHEN a.host_dt IS NULL AND a.terminal_dt IS NOT NULL AND c.ahead_us IS NOT NULL
                THEN a.event_at - to_microseconds(c.ahead_us) ELSE a.event_at END AS moment,
           a.business_date, a.txn_type AS kind,
           a.amount_fen, a.tip_fen, a.currency, a.profile, a.line, a.pan_masked,
           CASE WHEN a.card_token IS NOT NULL AND tokens.keys <= 1 THEN false
                WHEN a.pan_masked IS NOT NULL THEN true END AS card_by_mask,
           md5_number(CASE WHEN card_by_mask THEN 'mask:' || a.pan_masked ELSE a.card_token END) AS card,
           CASE WHEN a.outcome = 'approved' THEN 'approved'
                WHEN a.outcome = 'unknown' OR a.response_code IN ('68', '98', 'A0') THEN 'open'
                ELSE 'declined' END AS state,
           a.response_code, a.reason_code, greatest(coalesce(a.attempts, 1), 1) AS sendings,
           nullif(trim(a.rrn), '') AS rrn, nullif(trim(a.auth_code), '') AS auth_code,
           a.operator_no, a.entry_mode, a.atc, a.aid, a.order_ref, a.card_org,
           a.orig_batch_no, a.orig_stan, a.orig_date,
           nullif(nullif(trim(a.orig_rrn), ''), '000000000000') AS orig_rrn,
           nullif(trim(a.orig_auth_code), '') AS orig_auth_code,
           a.requested_at, a.responded_at, a.terminal_dt, a.host_dt, a.settlement_date,
           a.journal_segment_id, (md5_number(a.transaction_id) >> 64)::UBIGINT AS place,
           a.request_seq IS NULL AND a.response_seq IS NULL AND a.journal_segment_id IS NOT NULL AS only_in_journal
    FROM attempt_once a
    CROSS JOIN tokens
    LEFT JOIN owner o ON o.terminal_id = a.terminal_id AND o.profile IS NOT DISTINCT FROM a.profile
    LEFT JOIN clock_of_day c ON c.terminal_id = a.terminal_id AND c.business_date = a.business_date
)
SELECT told.* EXCLUDE (place),
       (coalesce(epoch_us(moment), 4000000000000000)::HUGEINT * 1000000 + coalesce(stan, 999999)) * 1000000000000
           + (place % 1000000000000)::BIGINT AS nth,
       CASE WHEN stan IS NULL THEN -place::HUGEINT
            ELSE (device.device::HUGEINT * 10000000 + coalesce(batch + 1, 0)) * 1000000000000 + stan END AS number,
       (host_dt AT TIME ZONE shop.zone)::DATE AS host_date,
       (terminal_dt AT TIME ZONE shop.zone)::DATE AS terminal_date,
       ((moment AT TIME ZONE shop.zone) + to_seconds(86400 - device.cutoff_s))::DATE AS clearing_day
FROM told
JOIN device USING (merchant, terminal)
CROSS JOIN shop;

-- What is rare comes first, sales behind it: most rules look at what is rare, and need not read the sales for it.
CREATE TEMP TABLE attempt_row AS SELECT * FROM attempt_told WHERE kind NOT IN ('SALE', 'QR_SALE') OR kind IS NULL;
INSERT INTO attempt_row SELECT * FROM attempt_told WHERE kind = 'QR_SALE';
INSERT INTO attempt_row SELECT * FROM attempt_told WHERE kind = 'SALE';

-- A signature bears its sale's number at most terminals. Where the sale it signs was not seen, the number tells of one
-- whose record was lost, and is as missing as the record. Whether signatures have numbers of their own is seen by those of
-- the terminal whose sale was seen, or of all terminals of its kind.
CREATE TEMP TABLE signed_unseen AS
WITH told AS (
    SELECT g.terminal_id, g.profile, count(*) FILTER (a.stan = g.stan) AS shared, count(*) FILTER (a.stan <> g.stan) AS apart
    FROM signatures g JOIN attempt_row a ON a.id = g.transaction_id
    WHERE a.stan IS NOT NULL AND g.stan IS NOT NULL
    GROUP BY g.terminal_id, g.profile
),
kind AS (SELECT profile, sum(shared) > sum(apart) AS shares FROM told GROUP BY profile)
SELECT DISTINCT 'SIGNATURE' AS operation, s.terminal_id, s.batch_no, s.stan
FROM signatures s
LEFT JOIN told t ON t.terminal_id = s.terminal_id AND t.profile IS NOT DISTINCT FROM s.profile
LEFT JOIN kind k ON k.profile IS NOT DISTINCT FROM s.profile
WHERE s.transaction_id IS NULL AND s.stan IS NOT NULL AND coalesce(t.shared > t.apart, k.shares, true);

-- Every number a terminal used, whatever for: this is what a gap is measured against. A message that names
-- no terminal is of its line's.
CREATE TEMP TABLE other_number AS
SELECT s.settlement_id AS id, 'settlement' AS source, 'SETTLEMENT' AS what, coalesce(s.merchant_id, o.merchant_id, '') AS merchant,
       coalesce(s.terminal_id, s.line, '') AS terminal, s.batch_no AS batch, s.stan, s.business_date, s.event_at AS moment
FROM settlement_once s
LEFT JOIN owner o ON o.terminal_id = s.terminal_id AND o.profile IS NOT DISTINCT FROM s.profile
UNION ALL
SELECT e.event_id, 'event', e.operation, coalesce(e.merchant_id, o.merchant_id, ''),
       coalesce(e.terminal_id, e.line, ''), nullif(e.batch_no, 0), CASE WHEN u.stan IS NULL THEN e.stan END, e.business_date, e.event_at
FROM event_once e
LEFT JOIN owner o ON o.terminal_id = e.terminal_id AND o.profile IS NOT DISTINCT FROM e.profile
LEFT JOIN signed_unseen u ON u.operation = e.operation AND u.terminal_id = e.terminal_id AND u.stan = e.stan
                         AND u.batch_no IS NOT DISTINCT FROM e.batch_no;
CREATE TEMP VIEW number_used AS
SELECT id, 'attempt' AS source, kind AS what, merchant, terminal, batch, stan, business_date, moment FROM attempt_row
UNION ALL SELECT * FROM other_number;

-- A batch number that returns after more than seven silent days is another batch; without batches, a trace number that
-- returns after twelve hours is another attempt. Only numbers that are used over so long a time can have come back.
CREATE TEMP TABLE come_back AS
WITH apart AS (
    SELECT merchant, terminal, batch, CASE WHEN batch IS NULL THEN stan END AS loose_stan
    FROM number_used
    GROUP BY ALL
    HAVING max(moment) - min(moment) > CASE WHEN batch IS NULL THEN INTERVAL 12 HOUR ELSE INTERVAL 7 DAY END
),
step AS (
    SELECT n.id, n.source, n.merchant, n.terminal, n.batch, a.loose_stan, n.moment,
           coalesce(n.moment - lag(n.moment) OVER (PARTITION BY n.merchant, n.terminal, n.batch, a.loose_stan ORDER BY n.moment, n.id)
                    > CASE WHEN n.batch IS NULL THEN INTERVAL 12 HOUR ELSE INTERVAL 7 DAY END, false) AS rested
    FROM number_used n
    JOIN apart a ON a.merchant = n.merchant AND a.terminal = n.terminal AND a.batch IS NOT DISTINCT FROM n.batch
                AND a.loose_stan IS NOT DISTINCT FROM CASE WHEN n.batch IS NULL THEN n.stan END
)
SELECT id, source, count(*) FILTER (rested) OVER (
           PARTITION BY merchant, terminal, batch, loose_stan ORDER BY moment, id ROWS UNBOUNDED PRECEDING
       ) AS epoch
FROM step
QUALIFY epoch > 0;

CREATE TEMP VIEW used AS
SELECT n.*, coalesce(c.epoch, 0) AS epoch FROM number_used n LEFT JOIN come_back c ON c.id = n.id AND c.source = n.source;

-- `cutoff_s`: its clearing cut-off, its acquirer's where that has one of its own.
CREATE TEMP TABLE merchant AS
SELECT merchant, known_until, coalesce(cutoff.cutoff_s, shop.cutoff_s) AS cutoff_s
FROM (SELECT merchant, max(moment) AS known_until FROM used GROUP BY merchant)
CROSS JOIN shop
LEFT JOIN cutoff USING (merchant);

-- A number that is used again after a reversal of it was confirmed begins anew: what comes then is another attempt, which
-- that reversal did not take back. The order is that of the requests on the line; what only a clock tells may be 120 s off
-- (as above), and counts as before the reversal.
CREATE TEMP TABLE begun_anew AS
WITH told AS (
    SELECT a.id, a.number, coalesce(c.epoch, 0) AS epoch, a.kind = 'REVERSAL' AS takes_back,
           coalesce(a.response_code IN ('00', '25', '12'), false) AS is_confirmed,
           coalesce(epoch_us(a.requested_at), epoch_us(a.moment) + CASE WHEN a.kind = 'REVERSAL' THEN 120000000 ELSE -120000000 END) AS told_us
    FROM attempt_row a
    LEFT JOIN come_back c ON c.id = a.id AND c.source = 'attempt'
    WHERE a.stan IS NOT NULL AND a.number IN (SELECT number FROM attempt_row WHERE kind = 'REVERSAL' AND response_code IN ('00', '25', '12'))
),
step AS (
    SELECT *, NOT takes_back AND coalesce(lag(takes_back AND is_confirmed) OVER (PARTITION BY number, epoch ORDER BY told_us, id), false) AS begins
    FROM told
)
SELECT id, least(count(*) FILTER (begins) OVER (PARTITION BY number, epoch ORDER BY told_us, id ROWS UNBOUNDED PRECEDING), 9) AS part
FROM step
QUALIFY part > 0;

-- Attempts, with the batch they are of. `trace` is one for all that bears a number until it begins anew.
CREATE TEMP VIEW attempt AS
SELECT a.* EXCLUDE (number), coalesce(c.epoch, 0) AS epoch,
       CASE WHEN a.stan IS NULL THEN a.number
            ELSE a.number + coalesce(c.epoch, 0) * 10000000::HUGEINT + coalesce(b.part, 0) * 1000000::HUGEINT END AS trace
FROM attempt_row a
LEFT JOIN come_back c ON c.id = a.id AND c.source = 'attempt'
LEFT JOIN begun_anew b ON b.id = a.id;

-- A settlement that says no currency has its terminal's.
CREATE TEMP TABLE settlement AS
SELECT u.id, u.merchant, u.terminal, s.line, u.batch, u.epoch, u.stan, u.moment, s.business_date, s.outcome, s.response_code,
       s.requested_at, coalesce(s.currency, c.currency) AS currency, s.rmb_flag, s.foreign_flag, s.total_amount_fen, s.total_count,
       coalesce(s.rmb_debit_amount_fen, s.rmb_host_debit_amount_fen, s.total_amount_fen) IS NOT NULL AS tells_amount,
       coalesce(s.rmb_debit_count, s.rmb_host_debit_count, s.total_count) IS NOT NULL AS tells_count,
       s.rmb_debit_amount_fen, s.rmb_debit_count, s.rmb_credit_amount_fen, s.rmb_credit_count,
       s.foreign_debit_amount_fen, s.foreign_debit_count, s.foreign_credit_amount_fen, s.foreign_credit_count
FROM used u
JOIN settlement_once s ON s.settlement_id = u.id
LEFT JOIN (
    SELECT merchant, terminal, max(currency) AS currency
    FROM attempt_row
    WHERE terminal IN (SELECT coalesce(terminal_id, line) FROM settlement_once WHERE currency IS NULL)
    GROUP BY merchant, terminal
) c ON c.merchant = u.merchant AND c.terminal = u.terminal
WHERE u.source = 'settlement';

CREATE TEMP TABLE event AS
SELECT u.id, u.merchant, u.terminal, u.batch, u.epoch, u.stan, u.moment, u.business_date, e.operation, e.outcome,
       e.response_code, e.batch_count
FROM used u
JOIN event_once e ON e.event_id = u.id
WHERE u.source = 'event';

-- Signatures, each with what it signs; its terminal and moment are the signed attempt's where that was seen.
CREATE TEMP TABLE signature AS
SELECT s.signature_id AS id, coalesce(u.merchant, s.merchant_id, o.merchant_id, '') AS merchant,
       coalesce(u.terminal, s.terminal_id, s.line, '') AS terminal, s.batch_no AS batch, s.stan,
       coalesce(s.event_at, u.moment) AS moment, s.business_date, s.transaction_id AS signs, s.sha256, s.phash,
       s.ink_ratio, s.strokes, s.box_ratio, s.cells, s.width, s.height, s.feature_code, s.transaction_feature_code, s.upload_state, s.response_code
FROM (SELECT * FROM signatures
      QUALIFY row_number() OVER (PARTITION BY signature_id ORDER BY seen_date, request_seq, response_seq) = 1) s
LEFT JOIN owner o ON o.terminal_id = s.terminal_id AND o.profile IS NOT DISTINCT FROM s.profile
LEFT JOIN used u ON u.source = 'attempt' AND u.id = s.transaction_id;

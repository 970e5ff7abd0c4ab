-- Three sides compared: what terminals did, what the acquirer's statement says, line for attempt.
--
-- In:  life, used, merchant, gap, statement_lines, shop.
-- Out: line (a line once, however often it was delivered), statement_file, file_pool, pool, taken_back, posting (one row an
--      attempt), vouched, reconciled (one row an attempt or a line that has no attempt).

-- Working days after the first day up to the last; null where the calendar does not reach.
CREATE TEMP MACRO working_days(first, last) AS
    (SELECT max(worked) FROM calendar WHERE day = last) - (SELECT max(worked) FROM calendar WHERE day = first);

-- A reference number is 12 digits at the terminal; statements put more in front.
CREATE TEMP MACRO reference(text) AS
    nullif(right('000000000000' || regexp_replace(text, '[^0-9A-Za-z]', '', 'g'), 12), '000000000000');
CREATE TEMP MACRO family(kind) AS
    CASE WHEN kind IN ('SALE', 'OFFLINE_SALE', 'COMPLETION', 'QR_SALE') THEN 'debit'
         WHEN kind IN ('REFUND', 'QR_REFUND') THEN 'refund'
         WHEN kind IN ('VOID', 'COMPLETION_VOID') THEN 'void' WHEN kind = 'REVERSAL' THEN 'reversal' ELSE 'other' END;
-- Whether a number lies in a run of missing ones; a line, or a run, without a batch number may be of any.
CREATE TEMP MACRO in_gap(batch, stan, gap_batch, first_stan, last_stan) AS
    (gap_batch IS NULL OR gap_batch = coalesce(batch, gap_batch)) AND
    CASE WHEN first_stan <= last_stan THEN stan BETWEEN first_stan AND last_stan ELSE stan >= first_stan OR stan <= last_stan END;
CREATE TEMP MACRO same_mask(one, other) AS left(one, 6) = left(other, 6) AND right(one, 4) = right(other, 4);

-- An acquirer may write another merchant number than the terminal does: the terminal then says whose line it is.
CREATE TEMP TABLE line AS
WITH once AS (
    SELECT * FROM statement_lines
    QUALIFY row_number() OVER (PARTITION BY acquirer, line_id ORDER BY statement_id, line_no) = 1
),
terminal_of AS (
    SELECT terminal, max(merchant) AS merchant FROM used GROUP BY terminal HAVING min(merchant) = max(merchant)
)
SELECT s.line_id AS id, s.statement_id, s.line_no, s.acquirer,
       CASE WHEN m.merchant IS NULL THEN coalesce(o.merchant, s.merchant_id, '') ELSE s.merchant_id END AS merchant,
       nullif(trim(s.terminal_id), '') AS terminal, s.batch_no AS batch, s.stan, reference(s.rrn) AS rrn,
       s.txn_type AS kind, family(s.txn_type) AS family, coalesce(s.status, 'settled') AS status,
       s.amount_fen, coalesce(s.discount_fen, 0) AS discount_fen, s.fee_fen, s.surcharge_fen, s.settled_fen, s.rate_ppm,
       coalesce(s.currency, '156') AS currency, s.card_class, s.pan_masked, s.card_token, s.order_ref, s.acquirer_ref,
       s.orig_ref, s.settlement_cycle, s.occurred_at AS moment, s.settlement_date, s.business_date,
       coalesce(s.settlement_date,
                ((s.occurred_at AT TIME ZONE shop.zone) + to_seconds(86400 - coalesce(k.cutoff_s, shop.cutoff_s)))::DATE,
                s.business_date) AS clearing_day
FROM once s
CROSS JOIN shop
LEFT JOIN merchant m ON m.merchant = s.merchant_id
LEFT JOIN cutoff k ON k.merchant = s.merchant_id
LEFT JOIN terminal_of o ON o.terminal = s.terminal_id;

-- The acquirers that pay for a terminal's sales: those whose files name it, or name no terminal at all.
CREATE TEMP TABLE terminal_acquirer AS
SELECT DISTINCT u.merchant, u.terminal, l.acquirer
FROM (SELECT DISTINCT merchant, terminal FROM used) u
JOIN (SELECT DISTINCT acquirer, merchant, terminal FROM line) l
  ON l.merchant = u.merchant AND (l.terminal = u.terminal OR l.terminal IS NULL);

-- The clearing days that a file covers: a few late lines do not make it a file of their day, and one dated more than 31 days
-- past all that the acquirer's terminals did is misdated: it has come for no day.
CREATE TEMP TABLE statement_file AS
WITH day AS (
    SELECT s.acquirer, s.statement_id, l.clearing_day, count(*) AS lines
    FROM statement_lines s JOIN line l ON l.acquirer = s.acquirer AND l.id = s.line_id
    GROUP BY ALL
),
known AS (
    SELECT t.acquirer, (max(m.known_until) AT TIME ZONE any_value(shop.zone))::DATE AS known_day
    FROM (SELECT DISTINCT acquirer, merchant FROM terminal_acquirer) t JOIN merchant m ON m.merchant = t.merchant CROSS JOIN shop
    GROUP BY t.acquirer
),
busy AS (
    SELECT d.* FROM day d LEFT JOIN known k ON k.acquirer = d.acquirer
    WHERE coalesce(d.clearing_day <= k.known_day + 31, true)
    QUALIFY d.lines * 5 >= max(d.lines) OVER (PARTITION BY d.acquirer, d.statement_id)
)
SELECT acquirer, statement_id, min(clearing_day) AS first_day, max(clearing_day) AS last_day FROM busy GROUP BY ALL;

-- The holding pool: what does not match waits for the next two files after its own clearing day's, of every acquirer
-- it may belong to, before it is a finding.
CREATE TEMP TABLE wanted AS
SELECT w.merchant, w.terminal, w.clearing_day, t.acquirer
FROM (
    SELECT DISTINCT merchant, terminal, clearing_day FROM life WHERE family(kind) <> 'other'
    UNION SELECT merchant, terminal, clearing_day FROM line WHERE terminal IS NOT NULL
) w
JOIN terminal_acquirer t ON t.merchant = w.merchant AND t.terminal = w.terminal;
CREATE TEMP TABLE file_pool AS
SELECT d.acquirer, d.clearing_day,
       count(DISTINCT f.last_day) >= 3 AND coalesce(bool_or(d.clearing_day BETWEEN f.first_day AND f.last_day), false) AS closed
FROM (SELECT acquirer, clearing_day FROM wanted UNION SELECT acquirer, clearing_day FROM line) d
LEFT JOIN statement_file f ON f.acquirer = d.acquirer AND f.last_day >= d.clearing_day
GROUP BY ALL;
CREATE TEMP TABLE pool AS
SELECT w.merchant, w.terminal, w.clearing_day, bool_and(f.closed) AS closed
FROM wanted w
JOIN file_pool f ON f.acquirer = w.acquirer AND f.clearing_day = w.clearing_day
GROUP BY ALL;

CREATE TEMP TABLE counterpart (id VARCHAR, line_id VARCHAR, matched_by VARCHAR);
CREATE TEMP TABLE side AS
SELECT *, family(kind) AS family, reference(rrn) AS reference
FROM life
WHERE family(kind) IN ('debit', 'refund', 'void') AND (SELECT count(*) FROM line) > 0;

-- By the numbers on the slip. Where several attempts share a number, references decide, then who was approved.
INSERT INTO counterpart
WITH a AS (
    SELECT *, row_number() OVER (PARTITION BY merchant, terminal, batch, stan, family ORDER BY nth) AS place FROM side
),
l AS (
    SELECT *, row_number() OVER (PARTITION BY merchant, terminal, batch, stan, family ORDER BY moment, line_no) AS place
    FROM line
),
pair AS (
    SELECT a.id, l.id AS line_id,
           [(l.status = 'pending')::INT, (NOT coalesce(a.reference = l.rrn, false))::INT,
            abs(date_diff('day', a.clearing_day, l.clearing_day)),
            (NOT a.stands)::INT, (a.state = 'declined')::INT, abs(a.place - l.place)] AS cost
    FROM a JOIN l
      ON a.merchant = l.merchant AND a.terminal = l.terminal AND a.stan = l.stan AND a.family = l.family
     AND (a.batch = l.batch OR a.batch IS NULL OR l.batch IS NULL)
    WHERE abs(date_diff('day', a.clearing_day, l.clearing_day)) <= CASE WHEN a.batch = l.batch THEN 7 ELSE 1 END
)
SELECT id, line_id, 'numbers' FROM pair
QUALIFY row_number() OVER (PARTITION BY id ORDER BY cost, line_id) = 1
    AND row_number() OVER (PARTITION BY line_id ORDER BY cost, id) = 1;

-- By the reference number.
INSERT INTO counterpart
WITH pair AS (
    SELECT a.id, l.id AS line_id,
           [(l.status = 'pending')::INT, (a.amount_fen <> l.amount_fen)::INT, (NOT a.stands)::INT, (a.state = 'declined')::INT,
            abs(date_diff('day', a.clearing_day, l.clearing_day))] AS cost
    FROM side a JOIN line l ON a.merchant = l.merchant AND a.reference = l.rrn AND a.family = l.family
    WHERE abs(date_diff('day', a.clearing_day, l.clearing_day)) <= 7
      AND a.id NOT IN (SELECT id FROM counterpart) AND l.id NOT IN (SELECT line_id FROM counterpart)
)
SELECT id, line_id, 'reference' FROM pair
QUALIFY row_number() OVER (PARTITION BY id ORDER BY cost, line_id) = 1
    AND row_number() OVER (PARTITION BY line_id ORDER BY cost, id) = 1;

-- What has no numbers in common: by card, amount and time.
INSERT INTO counterpart
WITH pair AS (
    SELECT a.id, l.id AS line_id,
           [(a.state = 'declined' OR a.is_reversed)::INT, abs(date_diff('second', a.moment, l.moment))] AS cost
    FROM side a JOIN line l
      ON a.merchant = l.merchant AND a.amount_fen = l.amount_fen AND a.family = l.family
     AND (a.card = md5_number(l.card_token) OR same_mask(a.pan_masked, l.pan_masked))
    WHERE abs(date_diff('second', a.moment, l.moment)) <= 600
      AND (a.stan IS NULL OR l.stan IS NULL OR l.terminal IS NULL) AND (a.reference IS NULL OR l.rrn IS NULL)
      AND a.id NOT IN (SELECT id FROM counterpart) AND l.id NOT IN (SELECT line_id FROM counterpart)
)
SELECT id, line_id, 'card' FROM pair
QUALIFY row_number() OVER (PARTITION BY id ORDER BY cost, line_id) = 1
    AND row_number() OVER (PARTITION BY line_id ORDER BY cost, id) = 1;

-- The line of what was refused, or reversed, belongs to the approval of the same card and amount that was got later that day.
UPDATE counterpart SET id = forced.id
FROM (
    SELECT r.id AS refused, o.id
    FROM counterpart c JOIN side r ON r.id = c.id AND (r.state = 'declined' OR r.is_reversed)
    JOIN side o ON o.merchant = r.merchant AND o.card = r.card AND o.amount_fen = r.amount_fen AND o.family = r.family
               AND o.clearing_day = r.clearing_day AND o.stands AND o.nth > r.nth
    WHERE o.id NOT IN (SELECT id FROM counterpart)
    QUALIFY row_number() OVER (PARTITION BY r.id ORDER BY o.nth) = 1 AND row_number() OVER (PARTITION BY o.id ORDER BY r.nth) = 1
) forced
WHERE counterpart.id = forced.refused;

-- A line that another line takes back: its void, or its reversal, which carries its own numbers or its reference. A void that
-- was itself reversed takes nothing back.
CREATE TEMP TABLE undoing AS
WITH reversal_line AS (SELECT * FROM line WHERE family = 'reversal' AND status = 'settled'),
void_line AS (
    SELECT v.* FROM line v
    WHERE v.family = 'void' AND v.status = 'settled' AND v.id NOT IN (
        SELECT o.id FROM line o JOIN reversal_line r
          ON r.merchant = o.merchant AND r.acquirer = o.acquirer
         AND (r.orig_ref = o.acquirer_ref OR reference(r.orig_ref) = o.rrn
              OR r.terminal = o.terminal AND r.batch = o.batch AND r.stan = o.stan)
        WHERE o.family = 'void'
    )
)
SELECT * FROM void_line UNION ALL SELECT * FROM reversal_line;
CREATE TEMP TABLE taken_back AS
SELECT DISTINCT l.id, u.id AS undone_by, u.family AS undone_as
FROM line l
JOIN undoing u
  ON u.merchant = l.merchant AND u.acquirer = l.acquirer
 AND (u.orig_ref = l.acquirer_ref OR reference(u.orig_ref) = l.rrn
      OR u.family = 'reversal' AND u.terminal = l.terminal AND u.batch = l.batch AND u.stan = l.stan
      OR u.rrn = l.rrn AND u.amount_fen = l.amount_fen AND abs(date_diff('day', l.clearing_day, u.clearing_day)) <= 2)
WHERE l.family = 'debit'
UNION
SELECT sale.line_id, u.id, u.family
FROM life v
JOIN counterpart void ON void.id = v.id
JOIN undoing u ON u.id = void.line_id
JOIN counterpart sale ON sale.id = v.original
WHERE v.kind IN ('VOID', 'COMPLETION_VOID');

-- What the acquirer says of an attempt: `posted`; `undone` (posted and taken back, or failed); `pending`;
-- `absent` (no file has it, and none will); `waiting` (a file is yet to come); `unknown` (no statement).
CREATE TEMP TABLE posting AS
SELECT a.id, c.line_id, c.matched_by, l.acquirer, l.amount_fen AS posted_fen, l.discount_fen, l.fee_fen, l.statement_id,
       l.line_no, l.kind AS posted_kind,
       CASE WHEN l.id IS NULL AND p.closed THEN 'absent' WHEN l.id IS NULL AND p.closed IS NOT NULL THEN 'waiting'
            WHEN l.id IS NULL THEN 'unknown' WHEN l.status IN ('failed', 'reversed') OR t.id IS NOT NULL THEN 'undone'
            WHEN l.status = 'pending' THEN 'pending' ELSE 'posted' END AS posting
FROM side a
LEFT JOIN counterpart c ON c.id = a.id
LEFT JOIN line l ON l.id = c.line_id
LEFT JOIN (SELECT DISTINCT id FROM taken_back) t ON t.id = l.id
LEFT JOIN pool p ON p.merchant = a.merchant AND p.terminal = a.terminal AND p.clearing_day = a.clearing_day;

-- What cannot have been undone where records are missing: debits that the acquirer's files, the next one among them, have
-- as posted and not taken back, without a refund to that card that no terminal is known to have made.
CREATE TEMP VIEW vouched AS
WITH paid_back AS (
    SELECT merchant, clearing_day, pan_masked FROM line
    WHERE family = 'refund' AND id NOT IN (SELECT line_id FROM counterpart)
)
SELECT a.id
FROM side a
JOIN posting p ON p.id = a.id AND p.posting = 'posted'
JOIN pool w ON w.merchant = a.merchant AND w.terminal = a.terminal AND w.clearing_day = a.clearing_day AND w.closed
WHERE a.gap_later AND NOT EXISTS (
    SELECT 1 FROM paid_back b
    WHERE b.merchant = a.merchant AND b.clearing_day >= a.clearing_day
      AND coalesce(same_mask(a.pan_masked, b.pan_masked), true)
);

-- The kinds of difference that a reconciliation knows, one at most for an attempt or a line. Over: the acquirer
-- took, or paid back, more than the terminal; under: less. A discount that the file shows, a tip that
-- is posted apart, and a part that was approved of a larger sum, are none.
CREATE TEMP VIEW reconciled AS
SELECT a.id, p.line_id, a.merchant, a.terminal, a.business_date, a.clearing_day, p.posting,
       CASE WHEN a.family = 'debit' AND a.live AND p.posting IN ('absent', 'undone')
                THEN CASE p.posting WHEN 'absent' THEN 'missing_in_acquirer' ELSE 'status_under' END
            WHEN a.family IN ('debit', 'refund') AND p.posting = 'posted' AND NOT a.stands THEN 'status_over'
            WHEN p.posting = 'posted' AND a.stands AND p.posted_fen + p.discount_fen > a.amount_fen
                 AND p.posted_fen > a.amount_fen THEN 'amount_over'
            WHEN p.posting = 'posted' AND a.stands AND p.posted_fen + p.discount_fen < a.amount_fen
                 AND p.posted_fen IS DISTINCT FROM o.amount_fen AND a.response_code IS DISTINCT FROM '10' THEN 'amount_under'
       END AS difference
FROM side a JOIN posting p USING (id) JOIN attempt o USING (id)
UNION ALL
SELECT NULL, l.id, l.merchant, l.terminal, l.business_date, l.clearing_day, 'posted',
       CASE WHEN l.family = 'debit' THEN 'missing_in_terminal' END
FROM line l
WHERE l.id NOT IN (SELECT line_id FROM counterpart) AND l.status = 'settled'
  AND l.id NOT IN (SELECT id FROM taken_back);

-- The merchants with a contract of an acquirer and a day that there are files of; all with one, of which there is no file.
CREATE TEMP VIEW agreed_here AS
WITH filed AS (
    SELECT DISTINCT merchant, acquirer, business_date FROM line
    UNION SELECT DISTINCT merchant_id, acquirer, business_date FROM payouts
)
SELECT DISTINCT c.merchant
FROM contract c
LEFT JOIN filed f ON f.merchant = c.merchant
WHERE f.merchant IS NULL OR (c.acquirer IS NULL OR c.acquirer = f.acquirer)
      AND f.business_date BETWEEN c.since AND coalesce(c.until, DATE '9999-12-31');

-- What a merchant has beside its attempts: codes of vocabulary.NEEDS. A merchant lacks a batch number or a total when
-- settlements of it were accepted and none said one.
CREATE TEMP VIEW told AS
SELECT DISTINCT merchant, 'statement' AS what FROM line
UNION SELECT DISTINCT merchant_id, 'payouts' FROM payouts
UNION SELECT DISTINCT merchant_id, 'profits' FROM profit_lines
UNION SELECT merchant, 'contract' FROM agreed_here
UNION SELECT DISTINCT merchant, 'deposit' FROM deposit
UNION SELECT DISTINCT merchant, 'software_version' FROM running
UNION SELECT m.merchant, n.what
FROM merchant m
CROSS JOIN (SELECT unnest(['settled_batch', 'settled_amount', 'settled_count']) AS what) n
LEFT JOIN (SELECT merchant, count(batch) > 0 AS batch, bool_or(tells_amount) AS amount, bool_or(tells_count) AS counts
           FROM settlement WHERE outcome = 'approved' GROUP BY merchant) s ON s.merchant = m.merchant
WHERE CASE n.what WHEN 'settled_batch' THEN coalesce(s.batch, true) WHEN 'settled_amount' THEN coalesce(s.amount, true)
                  ELSE coalesce(s.counts, true) END
UNION SELECT merchant, 'licensed_payers' FROM merchant WHERE (SELECT count(*) FROM licensed_payer) > 0;

-- Which attempt undoes, repeats or completes which (docs/rules.md).
--
-- In:  attempt, settlement, gap.
-- Out: life, one row an attempt: what became of it; origin, those rows that another names.

-- A reversal carries its original's trace number. It has succeeded when the answer is
-- 00 (reversed), 25 (there was nothing to reverse) or 12 (the original was invalid).
CREATE TEMP TABLE reversal AS
SELECT trace,
       sum(sendings)::BIGINT AS reversal_sendings,
       count(*) FILTER (response_code IN ('00', '25', '12')) AS confirmed,
       list_sort(list_distinct(list(reason_code) FILTER (reason_code IS NOT NULL))) AS reasons,
       list_sort(list_distinct(list(response_code) FILTER (response_code IS NOT NULL))) AS answers,
       min(moment) AS first_reversal_at,
       arg_min(id, nth) AS first_reversal,
       list(id ORDER BY nth) AS reversals
FROM attempt
WHERE kind = 'REVERSAL'
GROUP BY trace;

-- The latest attempt of a trace is the one a reversal undoes; one that was begun after it has a trace of its own.
CREATE TEMP TABLE reversed AS
SELECT id
FROM attempt JOIN reversal USING (trace)
WHERE kind <> 'REVERSAL' AND state <> 'declined'
QUALIFY row_number() OVER (PARTITION BY trace ORDER BY nth DESC) <= confirmed;

-- A void names its original by batch and trace number on its own terminal. One that does not, or whose
-- terminal never had that number, may name it by reference (at any terminal of the merchant), a void of a
-- pre-authorisation by authorisation code and card (any terminal of the merchant may undo a hold).
CREATE TEMP TABLE void_by_number AS
SELECT v.id, o.id AS original, 'number' AS linked_by
FROM attempt v
JOIN attempt o
  ON o.merchant = v.merchant AND o.terminal = v.terminal
 AND o.batch IS NOT DISTINCT FROM coalesce(v.orig_batch_no, v.batch) AND o.stan = v.orig_stan
 AND (o.batch IS NOT NULL OR abs(date_diff('hour', o.moment, v.moment)) < 12)
 AND o.kind IN ('SALE', 'OFFLINE_SALE', 'QR_SALE', 'COMPLETION', 'PREAUTH')
 AND CASE v.kind WHEN 'VOID' THEN o.kind IN ('SALE', 'OFFLINE_SALE', 'QR_SALE')
                 WHEN 'COMPLETION_VOID' THEN o.kind = 'COMPLETION'
                 ELSE o.kind = 'PREAUTH' END
 AND o.state <> 'declined'
 AND abs(date_diff('day', o.business_date, v.business_date)) <= 335
LEFT JOIN reversed ON reversed.id = o.id
WHERE v.kind IN ('VOID', 'COMPLETION_VOID', 'PREAUTH_VOID')
QUALIFY row_number() OVER (
    PARTITION BY v.id
    ORDER BY coalesce(o.rrn = v.orig_rrn, false) DESC, reversed.id IS NULL DESC, o.nth < v.nth DESC, o.nth DESC
) = 1;

CREATE TEMP TABLE void_link AS
WITH nameless AS (
    SELECT * FROM attempt v
    WHERE v.kind IN ('VOID', 'COMPLETION_VOID', 'PREAUTH_VOID') AND v.id NOT IN (SELECT id FROM void_by_number)
)
SELECT * FROM void_by_number
UNION ALL
SELECT id, original, linked_by
FROM (
    SELECT v.id, o.id AS original, 'reference' AS linked_by, coalesce(o.card = v.card, false) AS same_card, o.nth
    FROM nameless v
    JOIN attempt o ON o.merchant = v.merchant AND o.rrn = v.orig_rrn
    WHERE o.state <> 'declined' AND o.nth < v.nth AND date_diff('day', o.business_date, v.business_date) BETWEEN 0 AND 1
      AND CASE v.kind WHEN 'VOID' THEN o.kind IN ('SALE', 'OFFLINE_SALE', 'QR_SALE')
                      WHEN 'COMPLETION_VOID' THEN o.kind = 'COMPLETION' ELSE o.kind = 'PREAUTH' END
    UNION ALL
    SELECT v.id, o.id, 'authorisation', true, o.nth
    FROM nameless v
    JOIN attempt o ON o.merchant = v.merchant AND o.auth_code = v.orig_auth_code AND o.card = v.card
    WHERE v.kind = 'PREAUTH_VOID' AND o.kind = 'PREAUTH' AND o.state <> 'declined' AND o.nth < v.nth
)
QUALIFY row_number() OVER (PARTITION BY id ORDER BY same_card DESC, linked_by DESC, nth DESC) = 1;

-- A void counts while it is approved and was not itself reversed.
CREATE TEMP TABLE voided AS
SELECT original AS id, count(*) AS voids, arg_min(v.id, v.nth) AS first_void, min(v.nth) AS first_void_nth,
       list(v.id ORDER BY v.nth) AS void_ids
FROM void_link
JOIN attempt v ON v.id = void_link.id
WHERE v.state = 'approved' AND v.id NOT IN (SELECT id FROM reversed)
GROUP BY original;

-- An adjustment replaces its original's amount: with a new total, or with a tip on top. One that was itself reversed, or
-- came when its original had been voided, changes nothing.
CREATE TEMP TABLE adjusted AS
SELECT o.id, arg_max(CASE WHEN a.tip_fen IS NULL THEN a.amount_fen ELSE o.amount_fen + a.tip_fen END, a.nth) AS amount_fen
FROM attempt a
JOIN attempt o
  ON o.merchant = a.merchant AND o.terminal = a.terminal
 AND o.batch = coalesce(a.orig_batch_no, a.batch) AND o.stan = a.orig_stan
 AND o.kind IN ('SALE', 'OFFLINE_SALE', 'COMPLETION')
 AND abs(date_diff('day', o.business_date, a.business_date)) <= 7
LEFT JOIN voided v ON v.id = o.id
WHERE a.kind = 'ADJUST' AND a.state = 'approved' AND a.id NOT IN (SELECT id FROM reversed) AND coalesce(v.first_void_nth > a.nth, true)
GROUP BY o.id;

-- A further pre-authorisation that quotes a hold's authorisation code adds to it: its own code stands for the hold as well.
CREATE TEMP TABLE addition AS
SELECT t.id, p.id AS original, t.amount_fen
FROM attempt t
JOIN attempt p
  ON p.merchant = t.merchant AND p.card = t.card AND p.auth_code = t.orig_auth_code AND p.nth < t.nth
WHERE t.kind = 'PREAUTH' AND t.state = 'approved' AND t.orig_auth_code IS NOT NULL AND p.kind = 'PREAUTH' AND p.state = 'approved'
  AND t.id NOT IN (SELECT id FROM reversed) AND t.id NOT IN (SELECT id FROM voided)
QUALIFY row_number() OVER (PARTITION BY t.id ORDER BY p.nth DESC) = 1;

-- A completion names its pre-authorisation by authorisation code, card and day. Another merchant's is
-- taken only when its own merchant has none. A hold that was reversed, or voided before, is none.
CREATE TEMP TABLE completion_link AS
SELECT c.id, coalesce(addition.original, p.id) AS original
FROM attempt c
JOIN attempt p
  ON p.auth_code = c.orig_auth_code AND p.card = c.card AND p.kind = 'PREAUTH'
 AND p.state = 'approved' AND p.business_date <= c.business_date
 AND (c.orig_date IS NULL OR c.orig_date IN (p.business_date, p.host_date, p.terminal_date))
LEFT JOIN addition ON addition.id = p.id
LEFT JOIN voided v ON v.id = p.id
WHERE c.kind = 'COMPLETION' AND p.id NOT IN (SELECT id FROM reversed) AND coalesce(v.first_void_nth > c.nth, true)
QUALIFY row_number() OVER (PARTITION BY c.id ORDER BY p.merchant = c.merchant DESC, p.nth DESC) = 1;

-- What became of a hold: what it grew to, and the completions that stand. An addition is part of its hold, and none itself.
CREATE TEMP TABLE hold AS
WITH grown AS (
    SELECT original AS id, sum(amount_fen)::BIGINT AS added_fen FROM addition GROUP BY original
),
completion AS (
    SELECT l.original AS id, list(c.id ORDER BY c.nth) AS completion_ids, count(*) AS completions,
           sum(c.amount_fen)::BIGINT AS completed_fen, min(c.nth) AS first_completion_nth, min(c.moment) AS first_completion_at
    FROM completion_link l
    JOIN attempt c ON c.id = l.id
    WHERE c.state = 'approved' AND c.id NOT IN (SELECT id FROM reversed) AND c.id NOT IN (SELECT id FROM voided)
    GROUP BY l.original
)
SELECT p.id, p.amount_fen + coalesce(g.added_fen, 0) AS hold_fen, c.completion_ids, coalesce(c.completions, 0) AS completions,
       coalesce(c.completed_fen, 0) AS completed_fen, c.first_completion_nth, c.first_completion_at
FROM attempt p
LEFT JOIN grown g USING (id)
LEFT JOIN completion c USING (id)
WHERE p.kind = 'PREAUTH' AND p.state = 'approved' AND p.id NOT IN (SELECT id FROM addition);

-- What can be paid back: every debit that a refund may name, by any of the ways below, with what is known to have
-- undone it.
CREATE TEMP TABLE refund AS SELECT * FROM attempt WHERE kind IN ('REFUND', 'QR_REFUND');
CREATE TEMP TABLE named AS
SELECT a.id FROM attempt_row a SEMI JOIN refund r ON r.orig_rrn = a.rrn
UNION
SELECT a.id FROM attempt_row a SEMI JOIN refund r ON r.merchant = a.merchant AND r.card = a.card
UNION
SELECT a.id FROM attempt_row a SEMI JOIN refund r ON r.merchant = a.merchant AND r.order_ref = a.order_ref
UNION
SELECT a.id FROM attempt_row a SEMI JOIN refund r
  ON r.merchant = a.merchant AND r.orig_batch_no = a.batch AND r.orig_stan = a.stan AND a.rrn IS NULL;
CREATE TEMP TABLE debit AS
SELECT a.* EXCLUDE (amount_fen), coalesce(adjusted.amount_fen, a.amount_fen) AS amount_fen,
       reversed.id IS NOT NULL AS is_reversed, coalesce(voided.voids, 0) AS voids,
       voided.first_void, voided.first_void_nth
FROM (SELECT * FROM attempt SEMI JOIN named USING (id)
      WHERE kind IN ('SALE', 'OFFLINE_SALE', 'QR_SALE', 'COMPLETION') AND state <> 'declined') a
LEFT JOIN reversed ON reversed.id = a.id
LEFT JOIN voided ON voided.id = a.id
LEFT JOIN adjusted ON adjusted.id = a.id;

-- A refund names its original by reference number and date. The reference number is unique for an
-- acquirer's day, so another merchant's sale is the original only when the card agrees as well.
-- The date is the terminal's, the host's or the settlement's: a sale at 22:59:50 may be posted next day. Where merchant,
-- card and reference agree, a date that is a day off was mistyped.
CREATE TEMP TABLE refund_link AS
WITH by_reference AS (
    SELECT r.id, d.id AS original, 'reference' AS linked_by
    FROM refund r
    JOIN debit d
      ON d.rrn = r.orig_rrn
     AND (d.merchant = r.merchant OR d.card = r.card)
     AND (r.orig_date IS NULL OR r.orig_date IN (d.business_date, d.host_date, d.terminal_date, d.settlement_date)
          OR d.merchant = r.merchant AND d.card = r.card AND abs(date_diff('day', r.orig_date, d.business_date)) <= 1)
     AND date_diff('day', d.business_date, r.business_date) BETWEEN 0 AND 335
    QUALIFY row_number() OVER (
        PARTITION BY r.id
        ORDER BY d.merchant = r.merchant DESC, d.state = 'approved' DESC, coalesce(d.card = r.card, false) DESC, d.nth DESC
    ) = 1
),
-- The sale's answer, and with it its reference, may not have been seen: its numbers name it as well.
by_number AS (
    SELECT r.id, d.id AS original, 'number' AS linked_by
    FROM refund r
    JOIN debit d
      ON d.merchant = r.merchant AND d.batch = r.orig_batch_no AND d.stan = r.orig_stan AND d.rrn IS NULL
     AND (r.orig_date IS NULL OR r.orig_date IN (d.business_date, d.host_date, d.terminal_date, d.settlement_date))
     AND date_diff('day', d.business_date, r.business_date) BETWEEN 0 AND 335
    WHERE r.id NOT IN (SELECT id FROM by_reference)
    QUALIFY row_number() OVER (PARTITION BY r.id ORDER BY coalesce(d.card = r.card, false) DESC, d.nth DESC) = 1
),
-- A code's payment is known by the till's order.
by_order AS (
    SELECT r.id, d.id AS original, 'order' AS linked_by
    FROM refund r
    JOIN debit d
      ON d.merchant = r.merchant AND d.order_ref = r.order_ref AND d.kind = 'QR_SALE' AND d.nth < r.nth
     AND date_diff('day', d.business_date, r.business_date) BETWEEN 0 AND 335
    WHERE r.kind = 'QR_REFUND' AND r.id NOT IN (SELECT id FROM by_reference) AND r.id NOT IN (SELECT id FROM by_number)
    QUALIFY row_number() OVER (PARTITION BY r.id ORDER BY d.state = 'approved' DESC, d.nth DESC) = 1
),
by_card AS (
    SELECT r.id, d.id AS original, 'card' AS linked_by
    FROM refund r
    JOIN debit d
      ON d.merchant = r.merchant AND d.card = r.card AND d.amount_fen >= r.amount_fen AND d.state = 'approved'
     AND NOT d.is_reversed AND d.voids = 0 AND d.nth < r.nth
     AND (r.orig_date IS NULL OR r.orig_date IN (d.business_date, d.host_date, d.terminal_date, d.settlement_date))
     AND date_diff('day', d.business_date, r.business_date) BETWEEN 0 AND 335
    WHERE r.id NOT IN (SELECT id FROM by_reference) AND r.id NOT IN (SELECT id FROM by_number)
      AND r.id NOT IN (SELECT id FROM by_order)
    QUALIFY row_number() OVER (PARTITION BY r.id ORDER BY d.nth DESC) = 1
)
SELECT * FROM by_reference
UNION ALL SELECT * FROM by_number
UNION ALL SELECT * FROM by_order
UNION ALL SELECT * FROM by_card;

CREATE TEMP TABLE refunded AS
SELECT original AS id, sum(r.amount_fen)::BIGINT AS refunded_fen
FROM refund_link
JOIN attempt r ON r.id = refund_link.id
WHERE r.state = 'approved' AND r.id NOT IN (SELECT id FROM reversed)
GROUP BY original;

-- All that was linked, by attempt: few have any of it, and each is looked for once.
CREATE TEMP TABLE fate AS
SELECT id, reversed.id IS NOT NULL AS is_reversed, voided.voids, voided.first_void, voided.first_void_nth, adjusted.amount_fen AS adjusted_fen,
       refunded.refunded_fen, coalesce(void_link.original, refund_link.original, completion_link.original) AS original,
       coalesce(refund_link.linked_by, void_link.linked_by) AS linked_by
FROM (SELECT id FROM reversed UNION SELECT id FROM voided UNION SELECT id FROM adjusted UNION SELECT id FROM refunded
      UNION SELECT id FROM void_link UNION SELECT id FROM refund_link UNION SELECT id FROM completion_link)
LEFT JOIN reversed USING (id)
LEFT JOIN voided USING (id)
LEFT JOIN adjusted USING (id)
LEFT JOIN refunded USING (id)
LEFT JOIN void_link USING (id)
LEFT JOIN refund_link USING (id)
LEFT JOIN completion_link USING (id);

-- `live`: approved and not undone. `exposed`: live and not fully paid back. `settled_at`: when the host
-- accepted the settlement of its batch. `act_by`: until when its day can still be corrected on the terminal.
-- `gap_later`: records are missing after it, and what undid it may have been among them: trace numbers of its
-- batch, or between it and the next one (it was not seen settled), records of its line that day which could not be read, or reversals and voids that name no original.
CREATE TEMP TABLE life AS
WITH closed AS (
    SELECT merchant, terminal, batch, epoch, min(moment) AS settled_at
    FROM settlement
    WHERE outcome = 'approved'
    GROUP BY merchant, terminal, batch, epoch
),
hole AS (
    SELECT merchant, terminal, batch, epoch, max(until) AS until
    FROM (
        SELECT merchant, terminal, batch, epoch, closes_at AS until FROM gap
        UNION ALL
        SELECT b.merchant, b.terminal, b.batch, b.epoch, b.next_moment
        FROM batch b ANTI JOIN closed USING (merchant, terminal, batch, epoch)
        WHERE b.end_lost
    )
    GROUP BY merchant, terminal, batch, epoch
),
unread AS (
    SELECT line, business_date, max(until) AS until
    FROM (
        SELECT line, business_date, seen_at AS until FROM rejects WHERE kind IN ('frame', 'gap')
        UNION ALL
        SELECT line, business_date, moment FROM attempt
        WHERE state <> 'declined' AND (kind = 'REVERSAL' AND stan IS NULL
              OR kind = 'VOID' AND orig_stan IS NULL AND orig_rrn IS NULL)
    )
    GROUP BY line, business_date
)
SELECT a.* EXCLUDE (amount_fen), coalesce(fate.adjusted_fen, a.amount_fen) AS amount_fen, a.amount_fen AS said_fen,
       coalesce(fate.is_reversed, false) AS is_reversed,
       coalesce(reversal.reversal_sendings, 0) AS reversal_sendings,
       coalesce(reversal.confirmed, 0) AS reversals_confirmed,
       coalesce(fate.voids, 0) AS voids, fate.first_void, fate.first_void_nth,
       coalesce(fate.refunded_fen, 0) AS refunded_fen, fate.original, fate.linked_by,
       a.state = 'approved' AND NOT coalesce(fate.is_reversed, false) AS stands,
       a.state = 'approved' AND NOT coalesce(fate.is_reversed, false) AND fate.voids IS NULL AS live,
       a.state = 'approved' AND NOT coalesce(fate.is_reversed, false) AND fate.voids IS NULL
           AND coalesce(fate.refunded_fen, 0) < coalesce(fate.adjusted_fen, a.amount_fen) AS exposed,
       coalesce(hole.until > a.moment, false) OR coalesce(unread.until > a.moment, false) AS gap_later,
       closed.settled_at,
       CASE WHEN closed.settled_at IS NULL
            THEN (a.clearing_day + to_seconds(merchant.cutoff_s)) AT TIME ZONE shop.zone END AS act_by
FROM attempt a
CROSS JOIN shop
JOIN merchant ON merchant.merchant = a.merchant
LEFT JOIN fate ON fate.id = a.id
LEFT JOIN reversal ON reversal.trace = a.trace AND a.kind <> 'REVERSAL'
LEFT JOIN closed ON closed.merchant = a.merchant AND closed.terminal = a.terminal
                AND closed.batch = a.batch AND closed.epoch = a.epoch
LEFT JOIN hole ON hole.merchant = a.merchant AND hole.terminal = a.terminal
              AND hole.batch = a.batch AND hole.epoch = a.epoch
LEFT JOIN unread ON unread.line = a.line AND unread.business_date = a.business_date;

-- What a void, a refund or a completion names: few, and asked for by most rules.
CREATE TEMP TABLE origin AS
SELECT * FROM life
WHERE id IN (SELECT original FROM void_link UNION SELECT original FROM refund_link UNION SELECT original FROM completion_link);

-- From here on an attempt is read where its life cycle stands: one copy of everything is enough.
CREATE OR REPLACE TEMP VIEW attempt AS
SELECT id, merchant, terminal, batch, epoch, stan, moment, business_date, trace, nth, kind, said_fen AS amount_fen, tip_fen, currency,
       profile, line, pan_masked, card_by_mask, card, state, response_code, reason_code, sendings, rrn, auth_code, operator_no, entry_mode, atc,
       aid, order_ref, card_org, orig_batch_no, orig_stan, orig_date, orig_rrn, orig_auth_code, requested_at, responded_at,
       terminal_dt, host_dt, settlement_date, journal_segment_id, only_in_journal, host_date, terminal_date, clearing_day
FROM life;
CREATE OR REPLACE TEMP VIEW number_used AS
SELECT id, 'attempt' AS source, kind AS what, merchant, terminal, batch, stan, business_date, moment FROM life
UNION ALL SELECT * FROM other_number;
DROP TABLE attempt_row;

-- What was agreed, beside what was charged.
--
-- In:  line, taken_back, contract, contract_rate, notice (the settings), payouts, profit_lines.
-- Out: fee_told (a settled line with the fee of its contract, and whether it was taken back again), acquirer_record
--      (whatever an acquirer's file names), payout; once changes are looked for, fee_line (what was not taken back).

-- The first rate that fits holds. A line whose class is not told is judged only by a rate for all classes; fees of
-- foreign cards, of instalments and of what is only called another class are agreed apart: no rate for all classes is
-- theirs, nor that of a card without a class whose number no domestic network gives (3, 4, 5, 22 to 27), where at most a
-- tenth of the merchant's are such: else the numbers tell nothing.
-- Agreed instant payout: what the contract says of it, in yuan a sale, is part of the fee, and 5 yuan are let pass else.
-- `reason`: what makes a fee higher than the contract's, the most particular first.
CREATE TEMP TABLE fee_told AS
WITH told AS (
    SELECT merchant FROM line WHERE family = 'debit' AND pan_masked IS NOT NULL
    GROUP BY merchant HAVING count(*) FILTER (regexp_matches(pan_masked, '^(3|4|5|2[2-7])')) * 10 <= count(*)
),
charged AS (
    SELECT l.*, CASE WHEN l.kind = 'QR_SALE' THEN 'qr' ELSE l.card_class END AS class, t.id IS NOT NULL AS is_taken_back,
           l.kind <> 'QR_SALE' AND CASE WHEN l.card_class IS NULL
                                        THEN told.merchant IS NOT NULL AND coalesce(regexp_matches(l.pan_masked, '^(3|4|5|2[2-7])'), false)
                                        ELSE l.card_class IN ('foreign', 'instalment', 'other') END AS is_apart
    FROM line l
    LEFT JOIN (SELECT DISTINCT id FROM taken_back) t ON t.id = l.id
    LEFT JOIN told ON told.merchant = l.merchant
    WHERE l.status = 'settled' AND l.family = 'debit' AND l.fee_fen IS NOT NULL AND l.amount_fen > 0 AND l.currency = '156'
),
fitting AS (
    SELECT l.id, c.contract, c.cycle, c.instant_since, r.place, r.rate_ppm AS agreed_ppm, r.cap_fen, r.fixed_fen,
           r.minimum_fen, array_length(r.cards) = 0 AND NOT l.is_apart OR coalesce(list_contains(r.cards, l.class), false) AS class_fits,
           l.amount_fen > r.above_fen AND (r.to_fen IS NULL OR l.amount_fen <= r.to_fen) AS band_fits,
           r.to_fen IS NOT NULL OR list_contains(r.cards, 'qr') AS is_concession, list_contains(r.cards, 'credit') AS is_credit,
           l.amount_fen * r.rate_ppm AS exactly,
           c.instant_fee_fen IS NULL AND l.business_date >= c.instant_since AS may_cost,
           CASE WHEN l.settlement_cycle IN ('T0', 'D0') AND (l.business_date >= c.instant_since OR c.cycle IN ('T0', 'D0'))
                THEN c.instant_fee_fen END AS agreed_instant_fen,
           CASE c.rounding WHEN 'floor' THEN 0 WHEN 'ceil' THEN 999999 ELSE 500000 END AS added
    FROM charged l
    JOIN contract c ON c.merchant = l.merchant AND (c.acquirer IS NULL OR c.acquirer = l.acquirer)
                   AND l.business_date BETWEEN c.since AND coalesce(c.until, DATE '9999-12-31')
    JOIN contract_rate r ON r.contract = c.contract AND (r.until IS NULL OR l.business_date <= r.until)
),
priced AS (
    SELECT *, greatest(least((exactly + added) // 1000000, coalesce(cap_fen, 9223372036854775807)) + fixed_fen, minimum_fen)
                  AS expected_fen,
           (exactly + added) // 1000000 > cap_fen AS is_capped,
           (exactly + added) // 1000000 + fixed_fen < minimum_fen AS is_minimum
    FROM fitting
),
agreed AS (
    SELECT * FROM priced WHERE class_fits AND band_fits QUALIFY row_number() OVER (PARTITION BY id ORDER BY contract, place) = 1
),
other AS (
    SELECT l.id, bool_or(p.is_credit) AS as_credit, true AS as_other
    FROM charged l JOIN agreed a USING (id) JOIN priced p USING (id)
    WHERE p.place <> a.place AND p.expected_fen > a.expected_fen + 1 AND abs(l.fee_fen - p.expected_fen) <= 1
    GROUP BY l.id
),
allowed AS (
    SELECT l.*, a.* EXCLUDE (id, exactly, added, class_fits, band_fits, is_credit, place),
           CASE WHEN a.agreed_instant_fen IS NULL THEN 0
                ELSE least(a.agreed_instant_fen - least(a.agreed_instant_fen, coalesce(l.surcharge_fen, 0)),
                           greatest(l.fee_fen - a.expected_fen, 0)) END AS of_fee_fen
    FROM charged l
    LEFT JOIN agreed a USING (id)
),
charge AS (
    SELECT * REPLACE (surcharge_fen - least(coalesce(agreed_instant_fen, 0), coalesce(surcharge_fen, 0)) AS surcharge_fen,
                      expected_fen + of_fee_fen AS expected_fen, fixed_fen + of_fee_fen AS fixed_fen)
    FROM allowed
),
explained AS (
SELECT l.*, l.fee_fen - l.expected_fen AS over_fen,
       CASE WHEN l.settlement_cycle IN ('T0', 'D0') AND l.cycle IN ('T1', 'D1')
                 AND (l.instant_since IS NULL OR l.business_date < l.instant_since)
                 AND (l.fee_fen > l.expected_fen + 1 OR l.surcharge_fen > 0) THEN 'instant'
            WHEN l.fee_fen <= l.expected_fen + 1 AND coalesce(l.surcharge_fen, 0) <= 0 THEN NULL
            WHEN l.class = 'debit' AND o.as_credit THEN 'class'
            WHEN l.is_capped THEN 'cap'
            WHEN l.is_concession AND o.as_other THEN 'concession'
            WHEN coalesce(l.settlement_cycle, '') IN ('T0', 'D0') AND l.may_cost
                 AND greatest(l.fee_fen - l.expected_fen, coalesce(l.surcharge_fen, 0)) <= 500 THEN NULL
            WHEN l.surcharge_fen > 0 OR least(abs(l.fee_fen - l.expected_fen - 100), abs(l.fee_fen - l.expected_fen - 200),
                       abs(l.fee_fen - l.expected_fen - 300)) <= 1 THEN 'surcharge'
            ELSE 'rate' END AS reason
FROM charge l
LEFT JOIN other o USING (id)
),
-- One fee of a higher rate may come out at another class's rate, or a whole yuan too high, by chance: what most of the
-- fees that are too high about then do not have in common is the rate.
about AS (
    SELECT id, count(*) FILTER (reason = 'class') OVER w AS class, count(*) FILTER (reason = 'concession') OVER w AS concession,
           count(*) FILTER (reason = 'surcharge') OVER w AS surcharge, count(*) OVER w AS every
    FROM explained
    WHERE reason IN ('class', 'concession', 'surcharge', 'rate')
    WINDOW w AS (PARTITION BY merchant, acquirer, explained.class, is_taken_back ORDER BY business_date, moment, id
                 ROWS BETWEEN 8 PRECEDING AND 8 FOLLOWING)
)
SELECT e.* REPLACE (
    CASE WHEN coalesce(surcharge_fen, 0) <= 0
              AND CASE reason WHEN 'class' THEN a.class WHEN 'concession' THEN a.concession WHEN 'surcharge' THEN a.surcharge END * 2
                  < a.every
         THEN 'rate' ELSE reason END AS reason)
FROM explained e LEFT JOIN about a USING (id);

CREATE TEMP VIEW acquirer_record AS
SELECT id, coalesce(terminal, '') AS terminal, batch, stan, kind, amount_fen, rrn, pan_masked, moment, currency FROM line
UNION ALL
SELECT line_id, '', NULL, NULL, 'PAYOUT', amount_fen, payout_ref, NULL, paid_at, '156' FROM payouts
QUALIFY row_number() OVER (PARTITION BY line_id ORDER BY statement_id) = 1
UNION ALL
SELECT line_id, coalesce(terminal_id, ''), NULL, NULL, 'PROFIT', profit_fen, rrn, NULL, occurred_at, '156' FROM profit_lines
QUALIFY row_number() OVER (PARTITION BY line_id ORDER BY statement_id) = 1;

-- A payout is the last that was said of its number. One that does not say which days it pays is not `is_dated`.
CREATE TEMP TABLE payout AS
SELECT line_id AS id, merchant_id AS merchant, acquirer, coalesce(payout_ref, line_id) AS payout_ref, source, state,
       coalesce(amount_fen, 0) AS amount_fen, planned_fen, suspended_fen, deducted_fen, fee_fen, settlement_cycle,
       coalesce(first_date, settlement_date) AS first_day, settlement_date AS last_day, settlement_date IS NOT NULL AS is_dated,
       paid_at, payer, remark, replaces_ref, business_date
FROM payouts
QUALIFY row_number() OVER (
    PARTITION BY merchant_id, acquirer, source, coalesce(payout_ref, line_id)
    ORDER BY business_date DESC, state IN ('failed', 'returned') DESC, state = 'paid' DESC, state = 'frozen' DESC, line_id
) = 1;

-- How far the terms of each registered deposit are met; `met_on` is the day of the first, told by its own `met_` column.
-- `is_open`: more was taken, or charged, than is known, since records or files begin after it was signed; or the
-- register does not say what brings it back.
CREATE TEMP VIEW deposit_met AS
WITH sold AS (
    SELECT d.deposit, l.business_date, sum(sum(l.amount_fen)) OVER (PARTITION BY d.deposit ORDER BY l.business_date) AS volume
    FROM deposit d
    JOIN life l ON l.merchant = d.merchant AND (d.terminal IS NULL OR l.terminal = d.terminal) AND l.business_date >= d.signed_on
    WHERE l.exposed AND family(l.kind) = 'debit'
    GROUP BY d.deposit, l.business_date
),
charged AS (
    SELECT d.deposit, l.business_date, sum(sum(l.fee_fen)) OVER (PARTITION BY d.deposit ORDER BY l.business_date) AS fees
    FROM deposit d
    JOIN line l ON l.merchant = d.merchant AND (d.terminal IS NULL OR l.terminal = d.terminal) AND l.business_date >= d.signed_on
    WHERE l.status = 'settled' AND l.fee_fen IS NOT NULL
    GROUP BY d.deposit, l.business_date
),
reached AS (
    SELECT d.*, (d.signed_on + to_months(d.months::INTEGER))::DATE AS months_on,
           (SELECT min(s.business_date) FROM sold s WHERE s.deposit = d.deposit AND s.volume >= d.volume_fen) AS volume_on,
           (SELECT min(c.business_date) FROM charged c WHERE c.deposit = d.deposit AND c.fees >= d.fees_fen) AS fees_on,
           (SELECT max(s.volume) FROM sold s WHERE s.deposit = d.deposit)::BIGINT AS volume_so_far_fen,
           (SELECT max(c.fees) FROM charged c WHERE c.deposit = d.deposit)::BIGINT AS fees_so_far_fen
    FROM deposit d
),
begin AS (
    SELECT d.deposit, min(u.business_date) AS records_from
    FROM deposit d JOIN used u ON u.merchant = d.merchant AND (d.terminal IS NULL OR u.terminal = d.terminal)
    GROUP BY d.deposit
),
filed AS (
    SELECT d.deposit, min(l.business_date) AS files_from
    FROM deposit d JOIN line l ON l.merchant = d.merchant AND (d.terminal IS NULL OR l.terminal = d.terminal)
    GROUP BY d.deposit
),
met AS (
    SELECT r.*, least(r.months_on, r.volume_on, r.fees_on) AS met_on,
           r.volume_fen IS NOT NULL AND coalesce(b.records_from > r.signed_on, true)
               OR r.fees_fen IS NOT NULL AND coalesce(f.files_from > r.signed_on, true)
               OR coalesce(r.volume_fen, r.fees_fen, r.months) IS NULL AS is_open
    FROM reached r
    LEFT JOIN begin b ON b.deposit = r.deposit
    LEFT JOIN filed f ON f.deposit = r.deposit
)
SELECT *, CASE WHEN met_on = volume_on THEN volume_fen END AS met_volume_fen,
       CASE WHEN met_on = fees_on AND met_on IS DISTINCT FROM volume_on THEN fees_fen END AS met_fees_fen,
       CASE WHEN met_on IS DISTINCT FROM volume_on AND met_on IS DISTINCT FROM fees_on THEN months END AS met_months
FROM met;

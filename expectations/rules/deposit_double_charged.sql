-- One row a deposit that was taken for a terminal that had one already: twice in the register, or a deduction that names
-- a deposit of a registered price after each registered one of that price was paid, by an earlier deduction or otherwise
-- (paid_on), and was not given back since. The register alone does not say that a deposit was paid: the first deduction
-- is its payment, but where it comes more than 60 days after they all were signed and payouts are known from later than
-- that only (`unseen`): a deposit is paid when the terminal comes. `untold`: more of them than the merchant has terminals,
-- and no number says whose they are.
WITH pair AS (
    SELECT d.deposit, e.deposit AS other, d.terminal = e.terminal AS is_same, d.terminal IS NULL OR e.terminal IS NULL AS is_untold
    FROM deposit d JOIN deposit e ON e.merchant = d.merchant AND e.deposit <> d.deposit
                                  AND (e.signed_on < d.signed_on OR e.signed_on = d.signed_on AND e.deposit < d.deposit)
                                  AND (NOT e.is_returned OR e.returned_on > d.signed_on)
),
told AS (
    SELECT deposit, count(*) FILTER (is_same) AS same, count(*) AS earlier, bool_or(is_untold) AS is_untold FROM pair GROUP BY deposit
),
machines AS (SELECT merchant, count(DISTINCT terminal) AS terminals FROM used GROUP BY merchant),
deduction AS (
    SELECT p.* FROM payout p
    WHERE p.deducted_fen > 0 AND regexp_matches(coalesce(p.remark, ''), '押金|保证金') AND p.source IS DISTINCT FROM 'bank'
      AND p.state IN ('paid', 'in_progress')
),
own AS (
    SELECT p.id, d.deposit
    FROM deduction p
    JOIN deposit d ON d.merchant = p.merchant AND d.amount_fen = p.deducted_fen
                  AND abs(date_diff('day', d.paid_on, p.business_date)) <= 7
    QUALIFY row_number() OVER (PARTITION BY p.id ORDER BY abs(date_diff('day', d.paid_on, p.business_date)), d.deposit) = 1
        AND row_number() OVER (PARTITION BY d.deposit ORDER BY abs(date_diff('day', d.paid_on, p.business_date)), p.id) = 1
),
further AS (
    SELECT p.*, row_number() OVER (PARTITION BY p.merchant, p.deducted_fen ORDER BY p.business_date, p.id) AS nth
    FROM deduction p WHERE p.id NOT IN (SELECT id FROM own)
),
room AS (
    SELECT p.id, p.nth, count(*) AS registered, max(d.signed_on) < least(p.business_date - 60, any_value(known.first_day)) AS is_late,
           sum(CASE WHEN d.paid_on IS NULL THEN 1 ELSE 0 END + CASE WHEN d.is_returned AND d.returned_on <= p.business_date THEN 1 ELSE 0 END)
               AS places
    FROM further p
    JOIN deposit d ON d.merchant = p.merchant AND d.amount_fen = p.deducted_fen
    JOIN (SELECT merchant, min(business_date) AS first_day FROM payout GROUP BY merchant) known ON known.merchant = p.merchant
    GROUP BY p.id, p.nth, p.business_date
)
SELECT concat_ws('|', d.merchant, d.terminal, d.amount_fen, d.signed_on) AS key,
       1 + CASE WHEN t.same > 0 THEN t.same ELSE t.earlier END AS deposits_of_this_terminal,
       []::VARCHAR[] AS subjects, d.merchant, coalesce(d.terminal, '') AS terminal, d.signed_on AS business_date,
       d.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by, CASE WHEN t.same > 0 THEN 'clear' ELSE 'untold' END AS grade,
       CASE WHEN t.same > 0 THEN []::VARCHAR[] ELSE ['deposit_terminal'] END AS missing, []::VARCHAR[] AS also_ruled_out,
       CASE WHEN t.same > 0 THEN t.same ELSE t.earlier END AS earlier, d.signed_on
FROM deposit d
JOIN told t ON t.deposit = d.deposit
LEFT JOIN machines m ON m.merchant = d.merchant
WHERE in_scope(d.signed_on) AND (t.same > 0 OR t.is_untold AND t.earlier >= m.terminals)
UNION ALL
SELECT p.id, 1 + r.registered, [p.id], p.merchant, '', p.business_date, p.deducted_fen, NULL,
       CASE WHEN r.nth > r.places THEN 'clear' ELSE 'unseen' END, CASE WHEN r.nth > r.places THEN [] ELSE ['deposit_payment'] END, [],
       r.registered, NULL
FROM further p
JOIN room r ON r.id = p.id
WHERE (r.nth > r.places OR r.is_late) AND in_scope(p.business_date)

-- One row a debit that counts and shares reference and settlement date with an earlier one of another number: one
-- reference, posted twice. References are unique for an acquirer's day; the acquirer is the profile and the first three
-- digits of the merchant number. Another amount makes it less sure (`other`), another card a matter for review (`cards`), which
-- counts at the same terminal only: hosts that make the reference of the terminal's number give two terminals the same one. Only
-- references seen twice are looked at.
WITH debit AS (
    SELECT *, profile || left(merchant, 3) AS acquirer, coalesce(settlement_date, clearing_day) AS posting_day
    FROM life
    WHERE kind IN ('SALE', 'OFFLINE_SALE', 'COMPLETION', 'QR_SALE') AND exposed AND rrn IS NOT NULL AND rrn <> '000000000000'
      AND hash(rrn) IN (SELECT hash(rrn) FROM attempt WHERE state = 'approved' AND rrn IS NOT NULL GROUP BY 1 HAVING count(*) > 1)
),
repeat AS (
    SELECT later.id, count(*) AS earlier, list(first.id ORDER BY first.nth) AS first_ids,
           min(first.moment) AS first_moment, bool_or(first.gap_later OR later.gap_later) AS gap,
           bool_or(first.amount_fen = later.amount_fen AND first.card IS NOT DISTINCT FROM later.card) AS alike,
           bool_or(first.card = later.card) AS one_card
    FROM debit later
    JOIN debit first
      ON first.acquirer = later.acquirer AND first.rrn = later.rrn AND first.posting_day = later.posting_day
     AND first.kind = later.kind AND first.nth < later.nth AND first.trace <> later.trace
     AND (first.card = later.card AND (first.merchant = later.merchant OR first.amount_fen = later.amount_fen)
          OR first.terminal = later.terminal AND first.merchant = later.merchant
          OR first.card IS NULL AND later.card IS NULL AND first.amount_fen = later.amount_fen)
    GROUP BY later.id
)
SELECT id AS key, 1 + earlier AS debits_of_this_reference, [id] || first_ids AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN gap OR card IS NULL THEN 'gap' WHEN alike THEN 'clear' WHEN one_card THEN 'other' ELSE 'cards' END AS grade,
       ['acquirer_file'] || CASE WHEN gap THEN ['stan_gap'] ELSE [] END AS missing, []::VARCHAR[] AS also_ruled_out,
       date_diff('second', first_moment, moment) AS seconds_apart, posting_day
FROM debit JOIN repeat USING (id)
WHERE in_scope(business_date) AND id NOT IN (SELECT id FROM accused WHERE rule IN ('dup_stan_resent', 'dup_same_atc'))
UNION ALL
-- The same on the acquirer's side: lines of one day and reference, of one terminal or one card, of which the terminal has one at most.
-- One of another amount that names no number of its own may be a part of the sale (`other`), as a tip that is posted apart is.
SELECT l.id, count(*) + 1, [l.id] || list(f.id ORDER BY f.id), l.merchant, any_value(coalesce(l.terminal, f.terminal, '')),
       l.business_date, l.amount_fen, NULL::TIMESTAMPTZ,
       CASE WHEN bool_or(f.amount_fen = l.amount_fen OR f.stan <> l.stan) THEN 'posted' ELSE 'other' END, []::VARCHAR[], []::VARCHAR[],
       min(abs(date_diff('second', f.moment, l.moment))), l.clearing_day
FROM line l
JOIN line f
  ON f.acquirer = l.acquirer AND f.merchant = l.merchant AND f.rrn = l.rrn AND f.clearing_day = l.clearing_day AND f.kind = l.kind
 AND f.id <> l.id
 AND (f.amount_fen = l.amount_fen OR l.kind <> 'QR_SALE' AND (f.terminal = l.terminal OR same_mask(f.pan_masked, l.pan_masked)))
LEFT JOIN (SELECT c.line_id FROM counterpart c JOIN life a ON a.id = c.id WHERE a.amount_fen <> a.said_fen) t ON t.line_id = f.id
WHERE l.family = 'debit' AND l.status = 'settled' AND f.status = 'settled'
  AND l.id NOT IN (SELECT line_id FROM counterpart) AND l.id NOT IN (SELECT id FROM taken_back)
  AND f.id NOT IN (SELECT id FROM taken_back)
  AND (f.amount_fen = l.amount_fen OR t.line_id IS NULL)
  AND (f.id IN (SELECT line_id FROM counterpart) OR f.id < l.id) AND in_scope(l.business_date)
GROUP BY l.id, l.merchant, l.business_date, l.amount_fen, l.clearing_day

-- One row what may be a terminal's deposit and is in no register: a deduction from a payout of such a price or under such
-- a word (押金, 保证金, 冻结), or one of a terminal's first three sales, at the beginning of its trace numbers, of a price that the shop
-- takes nowhere else.
WITH price AS (SELECT merchant, unnest(prices_fen)::BIGINT AS price FROM parameter),
first_sale AS (
    SELECT l.*, row_number() OVER (PARTITION BY l.merchant, l.terminal ORDER BY l.nth) AS place FROM life l
    WHERE l.kind = 'SALE' AND l.state = 'approved'
      AND (l.merchant, l.terminal) IN (SELECT f.merchant, f.terminal FROM life f JOIN price p ON p.merchant = f.merchant AND p.price = f.amount_fen
                                       WHERE f.kind = 'SALE' AND f.state = 'approved' AND f.stan <= 10)
)
SELECT s.id AS key, 1 AS deposits_not_registered, [s.id] AS subjects, s.merchant, s.terminal, s.business_date,
       s.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by, 'sale' AS grade, []::VARCHAR[] AS missing,
       []::VARCHAR[] AS also_ruled_out, s.amount_fen AS price_fen
FROM first_sale s
JOIN price p ON p.merchant = s.merchant AND p.price = s.amount_fen
WHERE s.place <= 3 AND s.stan <= 10 AND in_scope(s.business_date)
  AND NOT EXISTS (SELECT 1 FROM life o WHERE o.merchant = s.merchant AND o.amount_fen = s.amount_fen AND o.terminal <> s.terminal)
  AND (SELECT count(*) FROM life o WHERE o.merchant = s.merchant AND o.amount_fen = s.amount_fen) <= 1
  AND NOT EXISTS (SELECT 1 FROM deposit d WHERE d.merchant = s.merchant AND d.amount_fen = s.amount_fen)
UNION ALL
SELECT p.id, 1, [p.id], p.merchant, '', p.business_date, p.deducted_fen, NULL, 'deduction', [], [], p.deducted_fen
FROM payout p
WHERE p.deducted_fen > 0 AND in_scope(p.business_date)
  AND (regexp_matches(coalesce(p.remark, ''), '押金|保证金|冻结')
       OR (p.merchant, p.deducted_fen) IN (SELECT merchant, price FROM price))
  AND NOT EXISTS (SELECT 1 FROM deposit d WHERE d.merchant = p.merchant AND d.amount_fen = p.deducted_fen)

-- One row a sale whose signature is nearly an earlier one's at this merchant with another card: bits of 64 by which their
-- hashes differ. Of hashes at most four bits apart, one of five pieces is equal: only those are compared. Ink that lies
-- elsewhere tells two signatures apart: laid over 15 x 15 cells each, 97 in 100 of those that either inks are inked by both.
-- The same customer signs alike, and stamps are alike, so this is never more than a hint.
WITH signed AS (
    SELECT s.merchant, s.sha256, s.phash, ('0x' || s.phash)::UBIGINT AS bits, s.cells, l.id, l.card, l.terminal, l.business_date, l.amount_fen, l.nth
    FROM signature s JOIN life l ON l.id = s.signs
    WHERE length(s.phash) = 16 AND s.ink_ratio > 0.002
    QUALIFY row_number() OVER (PARTITION BY l.id ORDER BY s.moment DESC) = 1
),
piece AS (
    SELECT *, unnest(generate_series(0, 4)) AS place, (bits >> (13 * place)) & 8191 AS piece FROM signed
),
pair AS (
    SELECT later.id, first.id AS first_id, any_value(bit_count(xor(later.bits, first.bits)))::BIGINT AS bits_apart
    FROM piece later
    JOIN piece first ON first.merchant = later.merchant AND first.place = later.place AND first.piece = later.piece
                    AND first.nth < later.nth AND first.sha256 <> later.sha256 AND first.card <> later.card
    WHERE in_scope(later.business_date)
    GROUP BY later.id, first.id
),
quarter AS (
    SELECT id, unnest(generate_series(1, 4)) AS place, ('0x' || substr(cells, (16 * place - 15)::INTEGER, 16))::UBIGINT AS ink
    FROM signed WHERE length(cells) = 60
),
laid_over AS (
    SELECT p.id, p.first_id, sum(bit_count(a.ink & b.ink))::BIGINT AS inked_by_both, sum(bit_count(a.ink | b.ink))::BIGINT AS inked
    FROM pair p
    JOIN quarter a ON a.id = p.id
    JOIN quarter b ON b.id = p.first_id AND b.place = a.place
    WHERE p.bits_apart <= 4
    GROUP BY p.id, p.first_id
)
SELECT p.id AS key, p.bits_apart, [p.id, p.first_id] AS subjects,
       s.merchant, s.terminal, s.business_date, s.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, CASE WHEN o.id IS NULL THEN ['strokes'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       o.inked_by_both * 100 // o.inked AS overlap_percent
FROM pair p
JOIN signed s USING (id)
LEFT JOIN laid_over o ON o.id = p.id AND o.first_id = p.first_id
WHERE coalesce(o.inked_by_both * 100 >= o.inked * 97, true)
QUALIFY row_number() OVER (PARTITION BY p.id ORDER BY p.bits_apart, p.first_id) = 1

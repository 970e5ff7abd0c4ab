-- One row a voided sale whose fee did not come back with its void: both lines are there and say a fee, their fees do not add
-- up to nothing, and the files that could bring the rest have come. A void that names neither its sale nor a number of
-- the terminal's is the one sale's of that acquirer, day, card and amount, where there is only one (`card`). A fee that a line
-- does not tell is unknown, not kept.
WITH void_line AS (
    SELECT v.* FROM undoing v
    JOIN file_pool p ON p.acquirer = v.acquirer AND p.clearing_day = v.clearing_day AND p.closed
    WHERE v.family = 'void' AND v.fee_fen IS NOT NULL
),
pair AS (
    SELECT t.id, t.undone_by, 'clear' AS grade FROM taken_back t WHERE t.undone_as = 'void'
    UNION ALL
    SELECT min(s.id), v.id, 'card'
    FROM void_line v
    JOIN line s ON s.merchant = v.merchant AND s.acquirer = v.acquirer AND s.amount_fen = v.amount_fen AND s.clearing_day = v.clearing_day
               AND same_mask(s.pan_masked, v.pan_masked)
    WHERE s.family = 'debit' AND s.status = 'settled' AND v.orig_ref IS NULL AND v.id NOT IN (SELECT undone_by FROM taken_back)
    GROUP BY v.id
    HAVING count(*) = 1
)
SELECT s.id AS key, s.fee_fen + v.fee_fen AS fee_left_fen, [s.id, v.id] AS subjects, s.merchant,
       coalesce(s.terminal, '') AS terminal, s.business_date, s.fee_fen + v.fee_fen AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, t.grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, s.fee_fen
FROM pair t
JOIN line s ON s.id = t.id
JOIN void_line v ON v.id = t.undone_by
WHERE s.fee_fen > 0 AND in_scope(s.business_date)

-- One row a completion that counts, of a pre-authorisation that was completed before: what both come to, against
-- 115 % of the hold. Equal parts that stay within it may be agreed: those are only to be looked at. A completion is of a
-- hold by merchant, authorisation code, card and day: another merchant's is another debit (completion_other_merchant).
WITH completion AS (
    SELECT c.*, h.hold_fen,
           row_number() OVER w AS place, (sum(c.amount_fen) OVER w)::BIGINT AS completed_fen,
           list(c.id) OVER w AS ids, first_value(c.moment) OVER w AS first_at,
           count(*) OVER (PARTITION BY c.original, c.made_by, c.amount_fen ORDER BY c.nth) AS of_this_amount
    FROM (SELECT l.*, coalesce(f.family, l.merchant) AS made_by FROM life l LEFT JOIN family f ON f.merchant = l.merchant) c
    JOIN hold h ON h.id = c.original
    WHERE c.kind = 'COMPLETION' AND c.exposed AND h.completions > 1
    WINDOW w AS (PARTITION BY c.original, c.made_by ORDER BY c.nth ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT id AS key,
       CASE WHEN place > 1 AND (completed_fen * 100 > hold_fen * 115 OR of_this_amount > 1) THEN place ELSE 1 END
           AS completions_of_this_hold,
       [id] || list_filter(ids, lambda each: each <> id) || [original] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN completed_fen * 100 <= hold_fen * 115 THEN 'review' WHEN gap_later THEN 'gap' ELSE 'clear' END AS grade,
       ['acquirer_file'] || CASE WHEN gap_later THEN ['stan_gap'] ELSE [] END AS missing, []::VARCHAR[] AS also_ruled_out,
       hold_fen, completed_fen, date_diff('second', first_at, moment) AS seconds_apart
FROM completion
WHERE place > 1 AND in_scope(business_date) AND id NOT IN (SELECT id FROM accused)

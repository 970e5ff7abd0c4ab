-- One row a debit or a refund that the terminal was refused, or that it took back with a reversal that was confirmed, and
-- that the acquirer settled. Where an approval of the same card and amount followed that day and has no line of its
-- own, the line is the approval's. It waits for the files that could still take it back, counted from the reversal's day;
-- a line that gives the same back, by its numbers or to that card, acquits. After a reversal a missing record, or another
-- reference than the terminal's, leaves room for a sale that was sent again under that number.
WITH undone AS (
    SELECT l.*, p.posted_fen, p.line_id, p.matched_by
    FROM reconciled r
    JOIN life l ON l.id = r.id
    JOIN posting p ON p.id = r.id
    WHERE r.difference = 'status_over' AND (l.state = 'declined' OR l.is_reversed) AND l.voids = 0 AND l.refunded_fen = 0
      AND in_scope(l.business_date)
),
last_told AS (
    SELECT id, max(clearing_day) AS clearing_day
    FROM (
        SELECT id, clearing_day FROM undone
        UNION ALL SELECT u.id, v.clearing_day FROM undone u JOIN life v ON v.trace = u.trace WHERE v.kind = 'REVERSAL'
    )
    GROUP BY id
),
given_back AS (
    SELECT u.id
    FROM undone u
    JOIN line l ON l.id = u.line_id
    JOIN line g ON g.merchant = l.merchant AND g.acquirer = l.acquirer AND g.id <> l.id
    WHERE g.family IN ('refund', 'void', 'reversal') AND g.status IN ('settled', 'pending')
      AND (g.orig_ref = l.acquirer_ref OR reference(g.orig_ref) = l.rrn
           OR g.family = 'reversal' AND g.terminal = l.terminal AND g.batch = l.batch AND g.stan = l.stan)
    UNION
    SELECT u.id
    FROM undone u
    JOIN line l ON l.id = u.line_id
    JOIN line g ON g.merchant = l.merchant AND g.acquirer = l.acquirer AND g.amount_fen = l.amount_fen AND g.clearing_day >= l.clearing_day
               AND same_mask(g.pan_masked, l.pan_masked)
    WHERE l.family = 'debit' AND g.family IN ('refund', 'void', 'reversal') AND g.status IN ('settled', 'pending')
      AND g.id NOT IN (SELECT line_id FROM counterpart)
)
SELECT u.id AS key, 1 AS postings_of_a_decline, [u.id, u.line_id] AS subjects, u.merchant, u.terminal, u.business_date,
       u.posted_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN u.matched_by = 'card' THEN 'card'
            WHEN u.is_reversed AND (u.gap_later OR reference(u.rrn) <> l.rrn) THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN u.is_reversed AND u.gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END
           || CASE WHEN u.is_reversed AND reference(u.rrn) <> l.rrn THEN ['repeated_numbers'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out, u.response_code AS declined_with, u.reversals_confirmed, u.matched_by
FROM undone u
JOIN line l ON l.id = u.line_id
JOIN last_told t ON t.id = u.id
JOIN pool w ON w.merchant = u.merchant AND w.terminal = u.terminal AND w.clearing_day = t.clearing_day AND w.closed
WHERE u.id NOT IN (SELECT id FROM given_back)

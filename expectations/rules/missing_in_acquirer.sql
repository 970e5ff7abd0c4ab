-- One row a debit that stands at the terminal and that the acquirer's statement lacks, or shows as failed, taken back or
-- still under way. It waits for the next two files after its own clearing day's. Codes (QR) are judged only at terminals whose codes
-- the statement shows: elsewhere they are paid under another number. A lost reversal leaves no gap in trace numbers: it
-- shows where the terminal settled fewer debits than its records hold, and what the acquirer took back without a void
-- is proven only where the terminal settled what its records hold. A void line whose own number is missing at the
-- terminal (`lost`) is most likely the record that was lost; one that the terminal sent without an answer, and did not take back, was
-- done.
WITH coded AS (
    SELECT DISTINCT l.merchant, l.terminal FROM life l JOIN posting p USING (id)
    WHERE l.kind = 'QR_SALE' AND p.line_id IS NOT NULL
),
counted AS (
    SELECT merchant, terminal, batch, epoch,
           counts_that_differ = 0 AND fen_that_differ = 0 AS settled_so,
           counted_counts.rmb_debit + coalesce(counted_counts.foreign_debit, 0)
               > reported_counts.rmb_debit + coalesce(reported_counts.foreign_debit, 0) AS settled_fewer
    FROM batch_total
),
void_line AS (
    SELECT t.id, coalesce(bool_or(v.state = 'open' AND NOT v.is_reversed), false) AS done_after_all, bool_or(v.id IS NULL AND h.line_id IS NOT NULL) AS lost,
           bool_and(v.id IS NOT NULL OR h.line_id IS NULL AND b.batch IS NOT NULL) AS accounted
    FROM taken_back t
    JOIN line u ON u.id = t.undone_by AND u.family = 'void'
    LEFT JOIN counterpart c ON c.line_id = u.id
    LEFT JOIN life v ON v.id = c.id
    LEFT JOIN (SELECT DISTINCT u.id AS line_id FROM line u JOIN missing_run g ON g.merchant = u.merchant AND g.terminal = u.terminal
               WHERE u.family = 'void' AND in_gap(u.batch, u.stan, g.batch, g.first_stan, g.last_stan)
                 AND u.moment BETWEEN g.opens_at - INTERVAL 1 DAY AND g.closes_at + INTERVAL 1 DAY) h ON h.line_id = u.id
    LEFT JOIN (SELECT DISTINCT merchant, terminal, batch, first_stan, last_stan FROM batch) b
      ON b.merchant = u.merchant AND b.terminal = u.terminal AND b.batch = u.batch
     AND (u.stan - b.first_stan + 999999) % 999999 <= (b.last_stan - b.first_stan + 999999) % 999999
    GROUP BY t.id
)
SELECT l.id AS key, 0 AS postings, [l.id] || CASE WHEN p.line_id IS NULL THEN [] ELSE [p.line_id] END AS subjects,
       l.merchant, l.terminal, l.business_date, l.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN v.lost THEN 'lost'
            WHEN l.gap_later OR c.settled_fewer THEN 'gap'
            WHEN p.posting = 'undone' AND NOT coalesce(v.accounted, c.settled_so, false) THEN 'gap'
            WHEN p.posting IN ('undone', 'pending') THEN p.posting
            WHEN l.stan IS NULL AND l.rrn IS NULL THEN 'numberless' ELSE 'clear' END AS grade,
       CASE WHEN l.gap_later OR v.lost THEN ['stan_gap'] ELSE []::VARCHAR[] END
           || CASE WHEN grade IN ('gap', 'lost') AND NOT coalesce(c.settled_so, false) THEN ['batch_totals'] ELSE [] END AS missing,
       []::VARCHAR[] AS also_ruled_out,
       l.clearing_day, p.posting, CASE WHEN p.posting = 'undone' THEN p.line_no END AS taken_back_line
FROM life l
JOIN posting p USING (id)
LEFT JOIN counted c ON c.merchant = l.merchant AND c.terminal = l.terminal AND c.batch = l.batch AND c.epoch = l.epoch
LEFT JOIN pool w ON w.merchant = l.merchant AND w.terminal = l.terminal AND w.clearing_day = l.clearing_day
LEFT JOIN void_line v ON v.id = p.line_id AND p.posting = 'undone'
WHERE family(l.kind) = 'debit' AND l.exposed AND (p.posting = 'absent' OR p.posting IN ('undone', 'pending') AND w.closed) AND NOT coalesce(v.done_after_all, false)
  AND (l.kind <> 'QR_SALE' OR (l.merchant, l.terminal) IN (SELECT merchant, terminal FROM coded))
  AND in_scope(l.business_date)

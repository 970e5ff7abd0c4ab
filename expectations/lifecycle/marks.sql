-- What there is to judge, by words of Rule.marks: a rule whose marks are not all there would find nothing.
--
-- In: attempt, line, clock. Out: one row a mark.
WITH debit AS (
    SELECT * FROM attempt WHERE state = 'approved' AND kind IN ('SALE', 'OFFLINE_SALE', 'QR_SALE', 'COMPLETION')
)
SELECT 'NUMBER_TWICE' AS mark WHERE EXISTS (SELECT 1 FROM debit GROUP BY trace HAVING count(*) > 1)
    OR EXISTS (SELECT 1 FROM line WHERE stan IS NOT NULL GROUP BY merchant, terminal, batch, stan, kind HAVING count(*) > 1)
UNION ALL
SELECT 'COUNTER_TWICE' WHERE EXISTS (
    SELECT 1 FROM debit WHERE atc IS NOT NULL AND card IS NOT NULL GROUP BY merchant, card, atc HAVING count(*) > 1)
UNION ALL
SELECT 'REFERENCE_TWICE' WHERE EXISTS (SELECT 1 FROM debit WHERE rrn IS NOT NULL GROUP BY rrn HAVING count(*) > 1)
    OR EXISTS (SELECT 1 FROM line WHERE rrn IS NOT NULL GROUP BY acquirer, clearing_day, rrn HAVING count(*) > 1)
UNION ALL
SELECT 'PRICE_TWICE' WHERE EXISTS (
    SELECT 1 FROM debit WHERE card IS NOT NULL GROUP BY merchant, card, amount_fen HAVING count(*) > 1)
UNION ALL
SELECT 'CARD_TWICE' WHERE EXISTS (
    SELECT 1 FROM attempt WHERE card IS NOT NULL AND kind IN ('SALE', 'QR_SALE') GROUP BY merchant, card HAVING count(*) > 1)
UNION ALL
SELECT 'LINES' WHERE EXISTS (SELECT 1 FROM attempt GROUP BY terminal HAVING count(DISTINCT line) > 1)
UNION ALL
SELECT 'MERCHANTS' WHERE EXISTS (SELECT 1 FROM attempt GROUP BY terminal HAVING count(DISTINCT merchant) > 1)
UNION ALL
SELECT 'TERMINALS' WHERE EXISTS (SELECT 1 FROM attempt GROUP BY merchant HAVING count(DISTINCT terminal) > 1)
UNION ALL
SELECT 'BATCHES' WHERE EXISTS (SELECT 1 FROM attempt GROUP BY merchant, terminal HAVING count(DISTINCT batch) > 1)
UNION ALL
SELECT 'HUNDRED_SALES' WHERE EXISTS (SELECT 1 FROM debit WHERE kind = 'SALE' GROUP BY merchant HAVING count(*) >= 100)
UNION ALL
SELECT 'VOIDS_TWICE' WHERE EXISTS (
    SELECT 1 FROM attempt WHERE kind = 'VOID' AND operator_no IS NOT NULL GROUP BY merchant, operator_no HAVING count(*) > 1)
UNION ALL
SELECT 'REFUNDS_TWICE' WHERE (SELECT count(*) FROM attempt WHERE kind IN ('REFUND', 'QR_REFUND')) > 1
UNION ALL
SELECT 'DECLINES_TWICE' WHERE (SELECT count(*) FROM attempt WHERE state <> 'approved') > 1
UNION ALL
SELECT 'KEYED' WHERE EXISTS (SELECT 1 FROM attempt WHERE left(entry_mode, 2) = '01')
UNION ALL
SELECT 'CONTACTLESS' WHERE EXISTS (SELECT 1 FROM attempt WHERE left(entry_mode, 2) IN ('07', '91', '96', '98'))
UNION ALL
SELECT 'LOG' WHERE EXISTS (SELECT 1 FROM attempt WHERE journal_segment_id IS NOT NULL)
UNION ALL
SELECT 'LONG_TEXT' WHERE EXISTS (SELECT 1 FROM attempt WHERE length(order_ref) >= 13 OR length(operator_no) >= 13)
UNION ALL
SELECT 'CLOCK_OFF' WHERE EXISTS (SELECT 1 FROM clock WHERE ahead_us <> 0)
UNION ALL
SELECT 'HOUR' WHERE (SELECT max(moment) - min(moment) FROM attempt) >= INTERVAL 1 HOUR

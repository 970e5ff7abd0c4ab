-- One row an approved refund that the acquirer's files do not show as paid, counted in days up to the last day that
-- they cover: calendar days for cards, working days for codes. After `dispute_days` the cardholder may dispute it.
WITH until AS (
    SELECT t.merchant, t.terminal, min(f.last_day) AS last_day
    FROM terminal_acquirer t
    JOIN (SELECT acquirer, max(last_day) AS last_day FROM statement_file GROUP BY acquirer) f USING (acquirer)
    GROUP BY ALL
),
waiting AS (
    SELECT r.*, p.posting, p.line_id, u.last_day, date_diff('day', r.clearing_day, u.last_day) AS days_waited,
           CASE WHEN r.kind = 'QR_REFUND' THEN working_days(r.clearing_day, u.last_day) > w.qr_working_days
                ELSE date_diff('day', r.clearing_day, u.last_day) > w.card_days END AS is_late, w.dispute_days
    FROM life r
    JOIN posting p USING (id)
    JOIN pool o ON o.merchant = r.merchant AND o.terminal = r.terminal AND o.clearing_day = r.clearing_day AND o.closed
    JOIN until u ON u.merchant = r.merchant AND u.terminal = r.terminal
    JOIN parameter w ON w.merchant = r.merchant
    WHERE r.kind IN ('REFUND', 'QR_REFUND') AND r.stands AND r.live AND p.posting IN ('absent', 'pending', 'undone')
)
SELECT r.id AS key, 0 AS payments, [r.id] || CASE WHEN o.id IS NULL THEN [] ELSE [o.id] END AS subjects,
       r.merchant, r.terminal, r.business_date, r.amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN days_waited >= dispute_days THEN 'dispute' ELSE 'late' END AS grade,
       []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, days_waited, posting
FROM waiting r
LEFT JOIN origin o ON o.id = r.original
WHERE is_late AND in_scope(r.business_date)

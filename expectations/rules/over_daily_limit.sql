-- One row a merchant's day: the sum of its sales that count, against the limit of that day. The sale that crossed it is
-- accused.
WITH running AS (
    SELECT l.*, (sum(l.amount_fen) OVER (PARTITION BY l.merchant, l.business_date ORDER BY l.nth
                                         ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))::BIGINT AS so_far_fen
    FROM life l
    JOIN parameter USING (merchant)
    WHERE l.kind IN ('SALE', 'OFFLINE_SALE', 'QR_SALE', 'COMPLETION') AND l.live AND in_scope(l.business_date)
),
limited AS (
    SELECT r.*, CASE WHEN r.business_date BETWEEN p.raised_from AND p.raised_to THEN greatest(p.limit_fen, p.raised_fen) ELSE p.limit_fen END AS limit_fen
    FROM running r
    JOIN parameter p USING (merchant)
)
SELECT concat_ws('|', merchant, business_date) AS key, max(so_far_fen) AS day_fen, any_value(limit_fen) AS limit_fen,
       [arg_min(id, nth) FILTER (so_far_fen > limit_fen)] AS subjects,
       merchant, arg_min(terminal, nth) FILTER (so_far_fen > limit_fen) AS terminal, business_date,
       max(so_far_fen) - any_value(limit_fen) AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out
FROM limited
GROUP BY merchant, business_date
HAVING max(so_far_fen) > any_value(limit_fen)

-- One row a completion that counts: how many pre-authorisations it may belong to. The day it names was not collected,
-- or has a gap, or it names none: then nothing is proven. A hold that was reversed or voided before is none, and shown.
WITH completion AS (
    SELECT c.*, c.orig_auth_code IS NULL OR c.orig_date IS NULL AS unnamed,
           NOT EXISTS (SELECT 1 FROM used u WHERE u.merchant = c.merchant AND u.business_date = c.orig_date) AS not_collected,
           EXISTS (SELECT 1 FROM terminal_day t WHERE t.merchant = c.merchant AND t.business_date = c.orig_date)
               AS has_gap,
           c.orig_date <= (SELECT min(business_date) FROM used u WHERE u.merchant = c.merchant) AS first_day
    FROM life c
    WHERE c.kind = 'COMPLETION' AND c.live AND in_scope(c.business_date)
),
undone AS (
    SELECT c.id, arg_max(p.id, p.nth) AS hold_id
    FROM completion c
    JOIN life p ON p.merchant = c.merchant AND p.card = c.card AND p.auth_code = c.orig_auth_code AND p.kind = 'PREAUTH'
               AND p.state = 'approved' AND (p.is_reversed OR p.first_void_nth < c.nth) AND p.nth < c.nth
    WHERE c.original IS NULL
    GROUP BY c.id
)
SELECT id AS key, CASE WHEN original IS NULL THEN 0 ELSE 1 END AS preauthorisations,
       CASE WHEN hold_id IS NULL THEN [id] ELSE [id, hold_id] END AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, act_by,
       CASE WHEN hold_id IS NULL AND (unnamed OR not_collected OR has_gap OR first_day) THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN hold_id IS NOT NULL THEN []::VARCHAR[] WHEN unnamed THEN ['original_not_named'] WHEN not_collected OR first_day THEN ['original_day_not_collected']
            WHEN has_gap THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       orig_date AS original_date
FROM completion LEFT JOIN undone USING (id)

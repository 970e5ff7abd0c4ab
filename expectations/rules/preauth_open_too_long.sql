-- One row a pre-authorisation whose term has ended, dated the day after: whether it was completed or voided by then.
-- One that was renewed (another hold on the same card since) is not looked for.
WITH term AS (
    SELECT a.*, p.days, (a.business_date + p.days::INT + 1) AS ended_on, h.completions, h.hold_fen
    FROM life a
    JOIN parameter p USING (merchant)
    JOIN hold h USING (id)
    WHERE a.kind = 'PREAUTH' AND a.stands
      AND in_scope(a.business_date + p.days::INT + 1)
      AND (SELECT max(known_until) FROM merchant) >= (a.moment + to_days(p.days::INT))
      AND NOT EXISTS (SELECT 1 FROM attempt t WHERE t.merchant = a.merchant AND t.card = a.card AND t.kind = 'PREAUTH'
                        AND t.state = 'approved' AND t.nth > a.nth AND t.id NOT IN (SELECT id FROM addition))
)
SELECT id AS key, CASE WHEN completions = 0 AND voids = 0 THEN 1 ELSE 0 END AS holds_left_open, [id] AS subjects,
       merchant, terminal, ended_on AS business_date, hold_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN gap_later THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       business_date AS held_on, days AS days_valid
FROM term

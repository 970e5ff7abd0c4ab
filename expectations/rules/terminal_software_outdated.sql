-- One row a terminal and release that it ought to run, on the first day on which it was heard after the days in which
-- it may be put on. The version is the one that the terminal told last; versions that begin with other letters are
-- another model's, and not compared.
WITH late AS (
    SELECT r.merchant, r.terminal, r.told, r.wanted, r.since, r.is_older, r.is_urgent, p.days,
           min(a.business_date) AS business_date, arg_min(a.id, a.nth) AS id
    FROM running r JOIN parameter p USING (merchant)
    JOIN attempt a ON a.merchant = r.merchant AND a.terminal = r.terminal AND date_diff('day', r.since, a.business_date) > p.days
    GROUP BY r.merchant, r.terminal, r.told, r.wanted, r.since, r.is_older, r.is_urgent, p.days
)
SELECT concat_ws('|', merchant, terminal, wanted) AS key,
       CASE WHEN is_older THEN date_diff('day', since, business_date) ELSE 0 END AS days_behind, days AS days_allowed,
       [id] AS subjects, merchant, terminal, business_date, 0 AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN is_urgent THEN 'urgent' ELSE 'clear' END AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       told, wanted, since
FROM late
WHERE in_scope(business_date)

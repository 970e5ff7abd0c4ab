-- One row a line's day: records of a kind that the profile does not know.
SELECT id AS key, unknown AS records_of_unknown_type, [id] AS subjects, merchant, terminal, business_date, 0 AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, line, first_error
FROM unread_day
WHERE unknown > 0 AND in_scope(business_date)

-- One row a line's day: records that the collector could not keep, or that were damaged since.
SELECT id AS key, gaps AS records_lost, [id] AS subjects, merchant, terminal, business_date, 0 AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, line, first_error
FROM unread_day
WHERE gaps > 0 AND in_scope(business_date)

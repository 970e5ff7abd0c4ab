-- One row a line's day: records that are frames and could not be decoded, or bytes that are no frame (from three on).
SELECT id AS key, frames AS records_not_read, [id] AS subjects, merchant, terminal, business_date, 0 AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, line, first_error
FROM unread_day
WHERE frames > 0 AND in_scope(business_date)

-- One row an approved void with its sale: how many clearing days lie between them. Where the host put both into one
-- settlement date, they are of one day whatever the clock says. A void of another day that the host refused although the
-- batch was still open is no fault, only a hint that a refund is the way (`refused`).
SELECT v.id AS key,
       CASE WHEN v.settlement_date = o.settlement_date THEN 0
            ELSE abs(date_diff('day', o.clearing_day, v.clearing_day)) END AS clearing_days_apart,
       [v.id, o.id] AS subjects,
       v.merchant, v.terminal, v.business_date, CASE v.state WHEN 'approved' THEN v.amount_fen ELSE 0 END AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE v.state WHEN 'approved' THEN 'clear' ELSE 'refused' END AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       o.clearing_day AS sale_clearing_day, v.clearing_day AS void_clearing_day, CASE WHEN v.state <> 'approved' THEN date_diff('second', o.moment, v.moment) END AS refused_s
FROM life v
JOIN origin o ON o.id = v.original
WHERE v.kind = 'VOID' AND (v.stands OR v.state = 'declined' AND o.live AND v.batch = o.batch AND coalesce(o.settled_at > v.moment, true))
  AND in_scope(v.business_date)
  AND v.id NOT IN (SELECT id FROM accused WHERE rule = 'void_after_settlement')

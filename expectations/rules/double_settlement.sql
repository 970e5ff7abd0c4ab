-- One row a batch whose settlement the host accepted more than once with the same totals: how often its money moved. That
-- is seen in the payouts: its days were paid twice, in the same amount, cycle and source, and the first did not come
-- back. RMB and foreign totals that are sent apart are two parts of one settlement; a request that was repeated after a
-- time-out, and paid once, is none.
WITH accepted AS (
    SELECT merchant, terminal, batch, epoch, count(*) AS settlements, list(id ORDER BY moment, id) AS ids,
           arg_max(business_date, moment) AS business_date
    FROM settlement
    WHERE outcome = 'approved' AND batch IS NOT NULL
    GROUP BY merchant, terminal, batch, epoch, rmb_debit_amount_fen, rmb_credit_amount_fen, foreign_debit_amount_fen,
             foreign_credit_amount_fen, total_amount_fen, total_count
    HAVING count(*) > 1
),
again AS (
    SELECT p.id, p.merchant, p.amount_fen, p.first_day, p.last_day, p.payout_ref, p.business_date, list(e.id ORDER BY e.paid_at, e.id) AS earlier
    FROM payout p
    JOIN payout e
      ON e.merchant = p.merchant AND e.acquirer = p.acquirer AND e.source IS NOT DISTINCT FROM p.source
     AND e.settlement_cycle IS NOT DISTINCT FROM p.settlement_cycle AND e.first_day = p.first_day AND e.last_day = p.last_day
     AND e.amount_fen = p.amount_fen AND e.payout_ref <> p.payout_ref AND (e.paid_at, e.id) < (p.paid_at, p.id)
    WHERE p.state = 'paid' AND e.state = 'paid' AND p.is_dated AND e.is_dated AND p.amount_fen > 0
      AND p.replaces_ref IS NULL AND NOT contains(coalesce(p.remark, ''), e.payout_ref)
      AND NOT EXISTS (SELECT 1 FROM payout r WHERE r.merchant = e.merchant AND r.payout_ref = e.payout_ref
                        AND r.state IN ('returned', 'failed'))
    GROUP BY ALL
),
day AS (
    SELECT DISTINCT a.merchant, a.terminal, a.batch, a.epoch, l.clearing_day
    FROM accepted a JOIN life l USING (merchant, terminal, batch, epoch)
    WHERE l.live
),
moved AS (
    SELECT DISTINCT a.*, p.id AS payout_id, p.earlier, p.amount_fen, p.payout_ref, p.business_date AS paid_on
    FROM accepted a
    LEFT JOIN day d USING (merchant, terminal, batch, epoch)
    LEFT JOIN again p ON p.merchant = a.merchant AND d.clearing_day BETWEEN p.first_day AND p.last_day
    QUALIFY row_number() OVER (PARTITION BY coalesce(p.id, a.ids[1]) ORDER BY a.terminal, a.batch) = 1
)
SELECT coalesce(payout_id, ids[1]) AS key, 1 + coalesce(array_length(earlier), 0) AS times_money_moved,
       CASE WHEN payout_id IS NULL THEN ids ELSE [payout_id] || earlier || ids END AS subjects,
       merchant, terminal, coalesce(paid_on, business_date) AS business_date, coalesce(amount_fen, 0) AS amount_at_risk_fen,
       NULL::TIMESTAMPTZ AS act_by, 'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out,
       batch AS batch_no, settlements, payout_ref
FROM moved
WHERE in_scope(coalesce(paid_on, business_date))

-- One row a refund whose line gives back less of the fee than the contract says: the part of the sale's fee that the
-- refund is of the sale. Only where the contract says that refunds return fees and the refund's line says a fee, once the
-- files that could bring it have come; a fen is left for rounding.
SELECT r.id AS key, -r.fee_fen - sale.fee_fen * r.amount_fen // sale.amount_fen + 1 AS short_of_return_fen,
       [r.id, sale.id] AS subjects, r.merchant, coalesce(r.terminal, '') AS terminal, r.business_date,
       sale.fee_fen * r.amount_fen // sale.amount_fen + r.fee_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, sale.fee_fen
FROM line r
JOIN line sale ON sale.merchant = r.merchant AND sale.acquirer = r.acquirer AND sale.family = 'debit' AND sale.amount_fen > 0
              AND (r.orig_ref = sale.acquirer_ref OR reference(r.orig_ref) = sale.rrn)
JOIN file_pool p ON p.acquirer = r.acquirer AND p.clearing_day = r.clearing_day AND p.closed
JOIN contract c ON c.merchant = r.merchant AND (c.acquirer IS NULL OR c.acquirer = r.acquirer) AND c.refund_returns_fee
               AND r.business_date BETWEEN c.since AND coalesce(c.until, DATE '9999-12-31')
WHERE r.family = 'refund' AND r.status = 'settled' AND r.fee_fen IS NOT NULL AND sale.fee_fen > 0 AND in_scope(r.business_date)
QUALIFY row_number() OVER (PARTITION BY r.id ORDER BY sale.business_date DESC, c.contract) = 1

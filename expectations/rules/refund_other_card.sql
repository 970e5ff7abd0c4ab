-- One row a refund that stands, with the sale its reference names: how many cards the two know.
-- A phone's card number differs from the plastic of the same account; the last four digits may agree.
WITH refund AS (
    SELECT r.*, o.id AS sale_id, o.card AS sale_card, o.pan_masked AS sale_pan,
           coalesce(left(r.entry_mode, 2) IN ('07', '91', '96', '98') OR left(o.entry_mode, 2) IN ('07', '91', '96', '98'), false)
               AS contactless
    FROM life r
    JOIN origin o ON o.id = r.original
    WHERE r.kind = 'REFUND' AND r.stands AND r.linked_by = 'reference' AND o.kind <> 'QR_SALE'
      AND r.card_by_mask = o.card_by_mask
      AND in_scope(r.business_date)
)
SELECT id AS key,
       CASE WHEN card = sale_card THEN 1
            WHEN contactless AND right(pan_masked, 4) = right(sale_pan, 4) THEN 1 ELSE 2 END AS cards,
       [id, sale_id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN contactless THEN 'wallet' ELSE 'clear' END AS grade,
       CASE WHEN contactless THEN ['payment_account_reference'] ELSE []::VARCHAR[] END AS missing,
       CASE WHEN contactless THEN []::VARCHAR[] ELSE ['wallet_or_plastic'] END AS also_ruled_out,
       pan_masked AS refund_card, sale_pan AS sale_card
FROM refund

-- One row an approved void with its sale: how many cards the two know. A phone's card number differs from the
-- plastic of the same account; the last four digits may agree.
WITH void AS (
    SELECT v.*, o.id AS sale_id, o.card AS sale_card, o.pan_masked AS sale_pan, o.gap_later AS sale_gap,
           coalesce(left(v.entry_mode, 2) IN ('07', '91', '96', '98') OR left(o.entry_mode, 2) IN ('07', '91', '96', '98'), false)
               AS contactless
    FROM life v
    JOIN origin o ON o.id = v.original
    WHERE v.kind = 'VOID' AND v.stands AND o.kind <> 'QR_SALE' AND v.card_by_mask = o.card_by_mask
      AND in_scope(v.business_date)
)
SELECT id AS key,
       CASE WHEN card = sale_card OR contactless AND right(pan_masked, 4) = right(sale_pan, 4) THEN 1 ELSE 2 END AS cards,
       [id, sale_id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN contactless THEN 'wallet' WHEN sale_gap THEN 'gap' ELSE 'clear' END AS grade,
       CASE WHEN contactless THEN ['payment_account_reference'] ELSE []::VARCHAR[] END
           || CASE WHEN sale_gap THEN ['stan_gap'] ELSE [] END AS missing,
       CASE WHEN contactless THEN []::VARCHAR[] ELSE ['wallet_or_plastic'] END AS also_ruled_out,
       pan_masked AS void_card, sale_pan AS sale_card
FROM void

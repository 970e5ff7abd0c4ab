-- One row a sale that counts, at a terminal that asks for signatures, without one when its batch was settled or its day
-- over. Whether a signature is asked for is learned: of this terminal's sales of the same kind (contactless or not, PIN or
-- not, above or up to the limit without signature), at least five, four in five are signed.
WITH sale AS (
    SELECT l.*, left(l.entry_mode, 2) IN ('07', '91', '96', '98') AS contactless, right(l.entry_mode, 1) AS pin,
           l.amount_fen > p.free_fen AS above, p.grave_fen, s.signs IS NOT NULL AS signed,
           coalesce(l.settled_at, CASE WHEN (SELECT max(known_until) FROM merchant) > (l.clearing_day + to_seconds(m.cutoff_s)) AT TIME ZONE shop.zone
                                       THEN l.moment END) AS due_at
    FROM life l
    CROSS JOIN shop
    JOIN merchant m USING (merchant)
    JOIN parameter p USING (merchant)
    LEFT JOIN (SELECT DISTINCT signs FROM signature) s ON s.signs = l.id
    WHERE l.kind = 'SALE' AND l.live AND l.entry_mode IS NOT NULL
      AND (l.merchant, l.terminal) IN (SELECT merchant, terminal FROM signature)
),
asked AS (
    SELECT *, count(*) OVER w AS alike, count(*) FILTER (signed) OVER w AS alike_signed
    FROM sale
    WINDOW w AS (PARTITION BY merchant, terminal, contactless, pin, above)
)
SELECT id AS key, CASE WHEN signed THEN 1 ELSE 0 END AS signatures, [id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN gap_later THEN 'gap' WHEN amount_fen >= grave_fen THEN 'grave' ELSE 'clear' END AS grade,
       CASE WHEN gap_later THEN ['stan_gap'] ELSE ['slip'] END AS missing, []::VARCHAR[] AS also_ruled_out,
       alike AS sales_alike, alike_signed
FROM asked
WHERE due_at IS NOT NULL AND alike >= 5 AND alike_signed * 5 >= alike * 4 AND NOT (contactless AND NOT above) AND NOT signed
  AND in_scope(business_date)

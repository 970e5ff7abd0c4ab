-- One row a sale whose signature is, pixel by pixel, that of an earlier one: how many sales the picture signs so far. The
-- same sale's picture sent again is one, and blank pictures are alike by construction.
WITH signed AS (
    SELECT s.merchant, s.sha256, l.id, l.terminal, l.business_date, l.amount_fen, l.nth, l.moment
    FROM signature s JOIN life l ON l.id = s.signs
    WHERE s.sha256 IS NOT NULL AND s.ink_ratio > 0.002
    QUALIFY row_number() OVER (PARTITION BY l.id, s.sha256 ORDER BY s.moment) = 1
),
repeat AS (
    SELECT *, row_number() OVER w AS sales_signed, list(id) OVER w AS ids, first_value(moment) OVER w AS first_at
    FROM signed
    WINDOW w AS (PARTITION BY merchant, sha256 ORDER BY nth ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT concat_ws('|', id, sha256) AS key, sales_signed AS sales_of_this_picture, list_reverse(ids)[1:10] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       'clear' AS grade, []::VARCHAR[] AS missing, []::VARCHAR[] AS also_ruled_out, date_diff('second', first_at, moment) AS seconds_apart
FROM repeat
WHERE sales_signed > 1 AND in_scope(business_date)

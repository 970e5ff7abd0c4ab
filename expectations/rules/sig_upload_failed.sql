-- One row a signature that the host did not take, when its batch was settled: the terminal then wipes it. One that was
-- taken at a later try is none.
WITH upload AS (
    SELECT l.*, s.id AS signature_id, s.upload_state, s.response_code AS upload_code, s.moment AS uploaded_at,
           max(CASE WHEN s.upload_state = 'sent' THEN 1 ELSE 0 END) OVER (PARTITION BY l.id) AS taken
    FROM signature s JOIN life l ON l.id = s.signs
    WHERE l.live
    QUALIFY row_number() OVER (PARTITION BY l.id ORDER BY s.moment DESC, s.id) = 1
)
SELECT id AS key, taken AS pictures_taken, [id] AS subjects,
       merchant, terminal, business_date, amount_fen AS amount_at_risk_fen, NULL::TIMESTAMPTZ AS act_by,
       CASE WHEN upload_state = 'refused' THEN 'clear' ELSE 'unanswered' END AS grade,
       CASE WHEN gap_later THEN ['stan_gap'] ELSE []::VARCHAR[] END AS missing, []::VARCHAR[] AS also_ruled_out,
       upload_code AS upload_response_code, settled_at
FROM upload
WHERE settled_at IS NOT NULL AND in_scope(business_date)

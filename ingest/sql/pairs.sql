-- episodes -> pairs of rows: each exchange's request and answer, and how often it was tried.
WITH answered AS (
    SELECT a.key, a.episode, a.day, a.place AS answer, q.place AS request
      FROM (SELECT * FROM episodes WHERE NOT is_request) a
      ASOF LEFT JOIN (SELECT * FROM episodes WHERE is_request) q
        ON a.key = q.key AND a.episode = q.episode AND a.place >= q.place
),
sendings AS (
    SELECT e.key, e.episode, e.place, e.day, hit.request IS NOT NULL AS hit
      FROM episodes e
      LEFT JOIN (SELECT DISTINCT key, request FROM answered) hit ON hit.key = e.key AND hit.request = e.place
     WHERE e.is_request
),
-- an unanswered sending is an attempt of the next answered one, else of the last, else all are one
folded AS (
    SELECT *,
           CASE WHEN hit THEN place ELSE coalesce(
               min(CASE WHEN hit THEN place END) OVER (
                   PARTITION BY key, episode ORDER BY place ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING),
               max(CASE WHEN hit THEN place END) OVER (
                   PARTITION BY key, episode ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
               min(place) OVER (PARTITION BY key, episode)) END AS target
      FROM sendings
),
attempts AS (
    SELECT key, target, count(*) AS attempts, arg_min(day, place) AS seen_date FROM folded GROUP BY key, target
),
paired AS (
    SELECT t.key, t.target AS request, d.answer, t.attempts, t.seen_date
      FROM attempts t
      LEFT JOIN answered d ON d.key = t.key AND d.request = t.target
     UNION ALL
    SELECT key, NULL, answer, 0, day FROM answered WHERE request IS NULL
)
SELECT p.key, coalesce(q.row, -1) AS request, coalesce(a.row, -1) AS answer, p.attempts::BIGINT AS attempts,
       p.seen_date - DATE '1970-01-01' AS day,
       coalesce(p.request, -1) AS request_place, coalesce(p.answer, -1) AS answer_place
  FROM paired p
  LEFT JOIN episodes q ON q.key = p.key AND q.place = p.request
  LEFT JOIN episodes a ON a.key = p.key AND a.place = p.answer

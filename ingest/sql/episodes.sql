-- keyed -> episodes: one request, its repetitions and their answers. The law is in ingest/exchange.py.
-- keyed holds the frames of those keys that are not told apart without it, cut at their silences: ingest/pairing.py;
-- silence is in microseconds.
CREATE TABLE episodes AS
WITH
-- the same capture read twice
read_once AS (
    SELECT * FROM keyed
   QUALIFY row_number() OVER (PARTITION BY key, digest, seen_us, is_request ORDER BY segment_id, seq) = 1
),
-- the same answer sent twice
answered_once AS (
    SELECT * FROM read_once
   QUALIFY is_request
        OR coalesce(seen_us - lag(seen_us) OVER (PARTITION BY key, digest, is_request ORDER BY seen_us), silence + 1)
           > silence
),
ordered AS (
    SELECT *,
           row_number() OVER (PARTITION BY key ORDER BY seen_us, is_request DESC, segment_id, seq) AS place
      FROM answered_once
),
neighbours AS (
    SELECT *,
           seen_us - lag(seen_us) OVER (PARTITION BY key ORDER BY place) AS pause,
           last_value(CASE WHEN is_request THEN digest END IGNORE NULLS) OVER (
               PARTITION BY key ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS request_before
      FROM ordered
)
-- A chain is the most an episode can be while days before are not loaded: answers whose request may lie there count in.
SELECT * EXCLUDE (pause, request_before, silence),
       sum(CASE WHEN pause > silence OR (is_request AND digest IS DISTINCT FROM request_before) THEN 1 ELSE 0 END)
           OVER (PARTITION BY key ORDER BY place) AS episode,
       sum(CASE WHEN pause > silence OR (is_request AND digest <> request_before) THEN 1 ELSE 0 END)
           OVER (PARTITION BY key ORDER BY place) AS chain
  FROM neighbours

-- Readings of a meter that last into the next one, where one of the two was staged: readings of two lengths, or of a
-- clock that is off by less than one. A local day is taken for its shortest, 23 hours.
-- Gives the staged line, both times and the interval of the first, by line, and the number of all.
WITH pair AS (
    SELECT reading_interval, reading_timestamp AS first_at,
        lead(reading_timestamp) OVER (ORDER BY reading_timestamp) AS second_at
    FROM meter_reading
    WHERE meter_id = %(meter)s AND reading_timestamp > %(first)s::timestamptz - interval '1 day'
        AND reading_timestamp < %(last)s::timestamptz + interval '1 day'
)
SELECT coalesce(second.line, first.line) AS line, first_at, reading_interval, second_at, count(*) OVER ()
FROM pair
    LEFT JOIN staged_reading AS first ON first.reading_timestamp = pair.first_at
    LEFT JOIN staged_reading AS second ON second.reading_timestamp = pair.second_at
WHERE coalesce(second.line, first.line) IS NOT NULL
    AND second_at < first_at + CASE reading_interval
        WHEN 'daily' THEN interval '23 hours' WHEN 'hourly' THEN interval '1 hour'
        WHEN '15min' THEN interval '15 minutes' WHEN 'min' THEN interval '1 minute'
        WHEN 'sec' THEN interval '1 second' ELSE interval '1 millisecond' END
ORDER BY line
LIMIT %(limit)s

-- Seconds of each meter by what the ledger says of them, and beside them what they rest on, from the same snapshot: how
-- many readings, the SHA-256 of all of them in a canonical form, and the first ones of useful time without energy.
-- One row for each of the plants that are told of.
, tally AS (
    SELECT number, meter_id, state, category, is_excused,
        sum(extract(epoch FROM upper(stretch) - lower(stretch)))::bigint AS seconds
    FROM ledger CROSS JOIN unnest(spans) AS stretch
    GROUP BY number, meter_id, state, category, is_excused
), tallied AS (
    SELECT number, jsonb_agg(jsonb_build_array(meter_id, state, category, is_excused, seconds)
        ORDER BY meter_id, state, category, is_excused) AS slots
    FROM tally
    GROUP BY number
), hashed AS (
    SELECT number, sum(readings)::bigint AS readings, string_agg(canonical, E'\n' ORDER BY meter_id) AS canonical
    FROM told
    GROUP BY number
), down AS (
    SELECT number, meter_id, lower(span) AS starts_at,
        row_number() OVER (PARTITION BY number ORDER BY lower(span), meter_id) AS place
    FROM told JOIN said USING (number, meter_id) CROSS JOIN unnest(perhaps_down) AS span
    WHERE span && useful
), sample AS (
    -- Numbers as text: JSON's would come back as floats.
    SELECT number, jsonb_agg(jsonb_build_object(
        'meter_id', reading.meter_id, 'reading_timestamp', reading_timestamp, 'reading_interval', reading_interval,
        'energy_wh', trim_scale(energy_wh)::text, 'irradiance_wm2', trim_scale(irradiance_wm2)::text,
        'quality', quality, 'source_system', source_system
    ) ORDER BY place) AS readings
    FROM down JOIN meter_reading AS reading ON reading.meter_id = down.meter_id AND reading_timestamp = starts_at
    WHERE place <= 12
        AND reading_timestamp > %(first)s::timestamptz - interval '1 hour' AND reading_timestamp < %(last)s
    GROUP BY number
)
SELECT number, coalesce(slots, '[]'), coalesce(hashed.readings, 0),
    encode(sha256(convert_to(coalesce(canonical, ''), 'UTF8')), 'hex'), coalesce(sample.readings, '[]')
FROM (SELECT DISTINCT number FROM unit) AS told
    LEFT JOIN tallied USING (number)
    LEFT JOIN hashed USING (number)
    LEFT JOIN sample USING (number)

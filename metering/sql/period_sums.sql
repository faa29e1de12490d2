-- What the aggregates of meters say of a time, for several plants at once: seconds and energy of those months, or days
-- where the time does not consist of whole ones, that lie in it. Seconds that none of them covers are unknown.
-- Beside the sums what they rest on: how many, all of them in a canonical form to be hashed, and whether the meter has
-- readings of its own in that time.
SELECT number, meter_id,
    coalesce(sum(seconds_available), 0)::bigint,
    coalesce(sum(seconds_expected), 0)::bigint,
    (extract(epoch FROM ends - starts) - coalesce(sum(extract(epoch FROM period_end - period_start)), 0)
        + coalesce(sum(coalesce(seconds_unknown, extract(epoch FROM period_end - period_start))), 0))::bigint,
    sum(energy_wh),
    count(period_start),
    string_agg(
        concat_ws('|', meter_id, extract(epoch FROM period_start)::bigint, extract(epoch FROM period_end)::bigint,
            coalesce(trim_scale(energy_wh)::text, '-'), coalesce(seconds_available::text, '-'),
            coalesce(seconds_expected::text, '-'), coalesce(seconds_unknown::text, '-')),
        E'\n' ORDER BY period_start),
    EXISTS (
        SELECT FROM meter_reading AS reading
        WHERE reading.meter_id = part.meter_id AND reading_timestamp >= %(first)s AND reading_timestamp < %(last)s
            AND reading_timestamp >= starts AND reading_timestamp < ends
    )
FROM unnest(%(numbers)s::integer[], %(meters)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
        %(grains)s::text[]) AS part (number, meter_id, starts, ends, grain)
    LEFT JOIN LATERAL (
        SELECT period_start, period_end, energy_wh, seconds_available, seconds_expected, seconds_unknown
        FROM meter_aggregate AS aggregate
        WHERE aggregate.meter_id = part.meter_id AND period_type = grain
            AND period_start >= starts AND period_start < ends AND period_end <= ends
    ) AS inside ON true
GROUP BY number, meter_id, starts, ends
ORDER BY number, meter_id

-- Aggregates of lake_aggregate beside those that are stored, over the time of which the files hold everything.
-- Gives how many were compared, how many differ, and the first differences in words.
WITH held AS (
    SELECT * FROM unnest(%(organizations)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS held (organization_id, starts, ends)
), stored AS (
    SELECT aggregate.*
    FROM meter_aggregate AS aggregate JOIN held
        ON held.organization_id = aggregate.organization_id
            AND aggregate.period_start >= starts AND aggregate.period_end <= ends
), compared AS (
    SELECT coalesce(made.meter_id, stored.meter_id) AS meter_id,
        coalesce(made.period_type, stored.period_type) AS period_type,
        coalesce(made.period_start, stored.period_start) AS period_start,
        made.meter_id IS NULL AS is_extra, stored.meter_id IS NULL AS is_missing, difference
    FROM lake_aggregate AS made
        FULL JOIN stored ON stored.meter_id = made.meter_id AND stored.period_type = made.period_type
            AND stored.period_start = made.period_start AND stored.period_end = made.period_end
        LEFT JOIN LATERAL (
            SELECT string_agg(
                format('%%s %%s, archive %%s', name, coalesce(here, 'null'), coalesce(there, 'null')), '; ' ORDER BY name
            ) AS difference
            FROM (VALUES
                ('energy_wh', stored.energy_wh::text, made.energy_wh::text),
                ('energy_kwh', stored.energy_kwh::text, made.energy_kwh::text),
                ('total_production', stored.total_production::text, made.total_production::text),
                ('total_consumption', stored.total_consumption::text, made.total_consumption::text),
                ('seconds_available', stored.seconds_available::text, made.seconds_available::text),
                ('seconds_expected', stored.seconds_expected::text, made.seconds_expected::text),
                ('seconds_unknown', stored.seconds_unknown::text, made.seconds_unknown::text),
                ('hours_available', stored.hours_available::text, made.hours_available::text),
                ('hours_expected', stored.hours_expected::text, made.hours_expected::text),
                ('availability_percent', stored.availability_percent::text, made.availability_percent::text),
                ('reading_count', stored.reading_count::text, made.reading_count::text),
                ('data_completeness_percent', stored.data_completeness_percent::text,
                    made.data_completeness_percent::text),
                ('source_system', stored.source_system, made.source_system),
                ('opening_register_wh', stored.opening_register_wh::text, made.opening_register_wh::text),
                ('closing_register_wh', stored.closing_register_wh::text, made.closing_register_wh::text)
            ) AS field (name, here, there)
            WHERE here IS DISTINCT FROM there
        ) AS field ON made.meter_id IS NOT NULL AND stored.meter_id IS NOT NULL
            AND (stored.energy_wh, stored.energy_kwh, stored.total_production, stored.total_consumption,
                stored.seconds_available, stored.seconds_expected, stored.seconds_unknown, stored.hours_available,
                stored.hours_expected, stored.availability_percent, stored.reading_count,
                stored.data_completeness_percent, stored.source_system, stored.opening_register_wh,
                stored.closing_register_wh)
            IS DISTINCT FROM (made.energy_wh, made.energy_kwh, made.total_production, made.total_consumption,
                made.seconds_available, made.seconds_expected, made.seconds_unknown, made.hours_available,
                made.hours_expected, made.availability_percent, made.reading_count,
                made.data_completeness_percent, made.source_system, made.opening_register_wh,
                made.closing_register_wh)
), total AS (
    SELECT count(*) AS compared,
        count(*) FILTER (WHERE is_extra OR is_missing OR difference IS NOT NULL) AS differing
    FROM compared
), shown AS (
    SELECT format('meter %%s, %%s from %%s UTC: %%s', meter_id, period_type,
        to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
        CASE WHEN is_extra THEN 'the archive has no readings for it' WHEN is_missing THEN 'not stored'
            ELSE difference END) AS words
    FROM compared
    WHERE is_extra OR is_missing OR difference IS NOT NULL
    ORDER BY meter_id, period_start, period_type
    LIMIT %(limit)s
)
SELECT compared, differing, words FROM total LEFT JOIN shown ON true

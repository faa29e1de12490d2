-- Moves staged readings of one meter into meter_reading. A reading that stands there with the same values is left
-- alone; one that differs is replaced, and what it replaced is kept in other_metrics under "replaced".
-- Power without energy is integrated: mean power times the length of the interval.
-- Gives the number of new and of replaced readings.
WITH loaded AS (
    INSERT INTO meter_reading AS stored (
        organization_id, project_id, meter_id, source_system, external_device_id, reading_timestamp,
        reading_interval, energy_wh, power_w, irradiance_wm2, temperature_c, quality
    )
    SELECT
        %(organization)s, %(project)s, %(meter)s, %(source)s, external_device_id, reading_timestamp,
        %(interval)s::updated_frequency, coalesce(energy_wh, power_w * %(seconds)s / 3600), power_w,
        irradiance_wm2, temperature_c, quality
    FROM staged_reading
    ORDER BY reading_timestamp
    ON CONFLICT (meter_id, reading_timestamp) DO UPDATE SET
        source_system = excluded.source_system,
        external_device_id = excluded.external_device_id,
        reading_interval = excluded.reading_interval,
        energy_wh = excluded.energy_wh,
        power_w = excluded.power_w,
        irradiance_wm2 = excluded.irradiance_wm2,
        temperature_c = excluded.temperature_c,
        quality = excluded.quality,
        ingested_at = excluded.ingested_at,
        other_metrics = coalesce(stored.other_metrics, '{}') || jsonb_build_object(
            'replaced', coalesce(stored.other_metrics -> 'replaced', '[]') || jsonb_build_object(
                'source_system', stored.source_system,
                'reading_interval', stored.reading_interval,
                'energy_wh', stored.energy_wh,
                'power_w', stored.power_w,
                'irradiance_wm2', stored.irradiance_wm2,
                'temperature_c', stored.temperature_c,
                'quality', stored.quality,
                'ingested_at', stored.ingested_at
            )
        )
    WHERE (
        stored.reading_interval, stored.energy_wh, stored.power_w, stored.irradiance_wm2, stored.temperature_c,
        stored.quality
    ) IS DISTINCT FROM (
        excluded.reading_interval, excluded.energy_wh, excluded.power_w, excluded.irradiance_wm2,
        excluded.temperature_c, excluded.quality
    )
    -- A row that was replaced has its past there, a new one has nothing.
    RETURNING other_metrics IS NULL AS is_new
)
SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM loaded

-- Does with the due readings what is to be done. What a reading replaces is kept in other_metrics under "replaced",
-- oldest first, with the file that brought it.
-- What this load itself brought and only now completes has replaced nothing.
-- Gives for each meter and UTC month in which something changed: its span, and how many are new and replaced.
WITH inserted AS (
    INSERT INTO meter_reading (
        organization_id, project_id, meter_id, source_system, external_device_id, reading_timestamp, reading_interval,
        interval_seconds, energy_wh, power_w, register_wh, irradiance_wm2, temperature_c, other_metrics, quality,
        reported_at, ingestion_log_id
    )
    SELECT organization_id, project_id, meter_id, source_system, external_device_id, reading_timestamp,
        reading_interval, interval_seconds, energy_wh, power_w, register_wh, irradiance_wm2, temperature_c,
        other_metrics, quality, reported_at, ingestion_log_id
    FROM pg_temp.due_reading
    WHERE fate = 'new'
    ORDER BY meter_id, reading_timestamp
    RETURNING meter_id, reading_timestamp, interval_seconds, 'new' AS fate
), updated AS (
    UPDATE meter_reading AS stored SET
        source_system = due.source_system,
        external_device_id = due.external_device_id,
        reading_interval = due.reading_interval,
        interval_seconds = due.interval_seconds,
        energy_wh = due.energy_wh,
        power_w = due.power_w,
        register_wh = due.register_wh,
        irradiance_wm2 = due.irradiance_wm2,
        temperature_c = due.temperature_c,
        quality = due.quality,
        reported_at = due.reported_at,
        ingestion_log_id = CASE due.fate WHEN 'restated' THEN stored.ingestion_log_id ELSE due.ingestion_log_id END,
        ingested_at = CASE due.fate WHEN 'replaces' THEN now() ELSE stored.ingested_at END,
        other_metrics = CASE WHEN due.fate IN ('replaces', 'corrects') THEN
            coalesce(due.other_metrics, '{}') || jsonb_build_object(
                'replaced', coalesce(stored.other_metrics -> 'replaced', '[]') || jsonb_build_object(
                    'source_system', stored.source_system,
                    'reading_interval', stored.reading_interval,
                    'interval_seconds', stored.interval_seconds,
                    'energy_wh', stored.energy_wh,
                    'power_w', stored.power_w,
                    'register_wh', stored.register_wh,
                    'irradiance_wm2', stored.irradiance_wm2,
                    'temperature_c', stored.temperature_c,
                    'other_metrics', nullif(stored.other_metrics - 'replaced', '{}'),
                    'quality', stored.quality,
                    'reported_at', stored.reported_at,
                    'ingested_at', stored.ingested_at,
                    'ingestion_log_id', stored.ingestion_log_id
                )
            )
            WHEN due.fate = 'completed' THEN due.other_metrics
            ELSE stored.other_metrics
        END
    FROM pg_temp.due_reading AS due
    WHERE due.fate NOT IN ('new', 'older') AND stored.id = due.stored_id
        AND stored.meter_id = due.meter_id AND stored.reading_timestamp = due.reading_timestamp
        -- Written out, so that other months are not even opened.
        AND stored.reading_timestamp BETWEEN %(first)s AND %(last)s
    RETURNING stored.meter_id, stored.reading_timestamp, stored.interval_seconds, due.fate
)
SELECT meter_id, to_char(reading_timestamp AT TIME ZONE 'UTC', 'YYYY-MM'), min(reading_timestamp),
    max(reading_timestamp + make_interval(secs => interval_seconds)),
    count(*) FILTER (WHERE fate = 'new'), count(*) FILTER (WHERE fate <> 'new')
FROM (SELECT * FROM inserted UNION ALL SELECT * FROM updated) AS changed
WHERE fate IN ('new', 'replaces', 'corrects')
GROUP BY 1, 2

-- How the server, the tables and the loading of data are doing.

-- param days: how many days to look back
\if :{?days} \else \set days '30' \endif

-- name: server_health
-- The server, its connections and its age.
\C server_health
SELECT current_setting('server_version') AS version, date_trunc('second', pg_postmaster_start_time()) AS running_since,
    current_database() AS database, pg_size_pretty(pg_database_size(current_database())) AS size,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS sessions,
    current_setting('max_connections')::integer AS sessions_at_most,
    age(datfrozenxid) AS oldest_transaction_age, pg_is_in_recovery() AS is_replica
FROM pg_database
WHERE datname = current_database();

-- name: long_transactions
-- Sessions that have been in a transaction for a minute or more: they hold up schema changes and vacuum.
-- Cure: end the program, or SELECT pg_terminate_backend(pid).
\C long_transactions
SELECT pid, usename AS login, application_name AS application, state, date_trunc('second', xact_start) AS began_at,
    date_trunc('second', now() - xact_start)::text AS lasting, pg_blocking_pids(pid)::text AS waits_for,
    left(regexp_replace(query, '\s+', ' ', 'g'), 80) AS query
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start <= clock_timestamp() - interval '1 minute'
ORDER BY xact_start;

-- name: table_sizes
-- The twenty largest tables with their indexes, partitions under their table; rows are estimates.
\C table_sizes
SELECT stored.relname AS table, count(*) FILTER (WHERE pg_class.relkind = 'r') AS parts,
    sum(n_live_tup)::bigint AS rows, sum(n_dead_tup)::bigint AS dead_rows,
    pg_size_pretty(sum(pg_relation_size(pg_class.oid))) AS size,
    pg_size_pretty(sum(pg_indexes_size(pg_class.oid))) AS index_size,
    date_trunc('second', max(greatest(last_vacuum, last_autovacuum))) AS vacuumed_at,
    date_trunc('second', max(greatest(last_analyze, last_autoanalyze))) AS analyzed_at
FROM pg_class
    JOIN pg_stat_user_tables AS statistics ON statistics.relid = pg_class.oid
    JOIN pg_class AS stored ON stored.oid = coalesce(pg_partition_root(pg_class.oid), pg_class.oid)
WHERE pg_class.relnamespace = 'public'::regnamespace
GROUP BY stored.relname
ORDER BY sum(pg_total_relation_size(pg_class.oid)) DESC, stored.relname
LIMIT 20;

-- name: reading_partitions
-- The months of meter_reading; rows are estimates.
\C reading_partitions
SELECT pg_class.relname AS partition, bound.ends[1]::timestamptz AS from_instant,
    bound.ends[2]::timestamptz AS to_instant, n_live_tup AS rows,
    pg_size_pretty(pg_total_relation_size(inhrelid)) AS size
FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    JOIN pg_stat_user_tables ON relid = inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(relpartbound, inhrelid), '^FOR VALUES FROM \(''(.*)''\) TO \(''(.*)''\)$')
        AS bound (ends)
WHERE inhparent = 'meter_reading'::regclass
ORDER BY 2;

-- name: unused_indexes
-- Indexes that no query has used since the statistics began, unique ones and those of foreign keys apart.
\C unused_indexes
SELECT indexrelid::regclass::text AS index, indrelid::regclass::text AS table,
    pg_size_pretty(pg_relation_size(indexrelid)) AS size
FROM pg_index JOIN pg_stat_user_indexes USING (indexrelid)
WHERE schemaname = 'public' AND idx_scan = 0 AND NOT indisunique
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid)
    AND NOT EXISTS (SELECT FROM pg_constraint
        WHERE contype = 'f' AND conrelid = indrelid AND conkey[1] = indkey[0])
ORDER BY pg_relation_size(indexrelid) DESC, 1;

-- name: ingestion
-- Files of the last days by organization and outcome; a file that is being processed for an hour was given up.
\C ingestion
SELECT organization.name AS organization, ingestion_status AS status, count(*) AS files,
    count(*) FILTER (WHERE ingestion_status = 'processing' AND processing_started_at < now() - interval '1 hour')
        AS given_up,
    sum(rows_loaded)::bigint AS rows_loaded, sum(rows_failed)::bigint AS rows_failed,
    round(avg(processing_time_ms)) AS average_ms, date_trunc('second', max(log.created_at)) AS latest_at
FROM ingestion_log AS log LEFT JOIN organization ON organization.id = organization_id
WHERE log.created_at >= now() - make_interval(days => :'days'::integer)
GROUP BY organization.name, ingestion_status
ORDER BY 1, 2;

-- name: silent_meters
-- Meters whose readings ended, longest silent first; days are counted from the end of the last reading to now.
\C silent_meters
SELECT meter.id AS meter_id, project.name AS project, type.code AS meter_type, last_reading.at AS last_reading_at,
    extract(day FROM now() - last_reading.at)::integer AS days_silent
FROM meter
    JOIN project ON project.id = project_id
    JOIN meter_type AS type ON type.id = meter_type_id
    CROSS JOIN LATERAL (SELECT max(reading_timestamp) FROM meter_reading WHERE meter_id = meter.id) AS last_reading (at)
WHERE last_reading.at < now() - interval '1 day'
ORDER BY last_reading.at, meter.id;

-- name: failing_sites
-- Sites of vendors' portals whose last syncs failed, or whose key is refused or about to end.
\C failing_sites
SELECT site.id AS site_id, organization.name AS organization, source.name AS source,
    coalesce(external_site_name, external_site_id) AS site, consecutive_failures, last_sync_at, last_sync_error,
    credential.error_count AS key_errors, credential.token_expires_at
FROM integration_site AS site
    JOIN integration_credential AS credential ON credential.id = integration_credential_id
    JOIN organization ON organization.id = site.organization_id
    JOIN data_source AS source ON source.id = site.data_source_id
WHERE site.is_active AND sync_enabled
    AND (consecutive_failures > 0 OR credential.error_count > 0 OR NOT credential.is_active
        OR credential.token_expires_at < now() + interval '1 day')
ORDER BY consecutive_failures DESC, site.id;

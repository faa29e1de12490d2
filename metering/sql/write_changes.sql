-- Notes in which spans readings came or changed, for those who compute from readings.
INSERT INTO reading_change (
    organization_id, project_id, meter_id, ingestion_log_id, period_start, period_end, rows_new, rows_replaced
)
SELECT %(organization)s, %(project)s, change.meter_id, %(log)s, first_at, end_at, rows_new, rows_replaced
FROM unnest(%(meters)s::bigint[], %(firsts)s::timestamptz[], %(ends)s::timestamptz[], %(new)s::integer[],
        %(replaced)s::integer[]) AS change (meter_id, first_at, end_at, rows_new, rows_replaced)
ORDER BY change.meter_id, first_at

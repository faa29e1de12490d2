-- What there is of each month of meter_reading: the bounds of its partition, whether an interrupted detachment left it
-- out of sight, the table apart that bears a month's name, and the state of its archive.
-- Decisions rest on bounds. A table apart has none: its name is all there is, until its rows are compared.
WITH attached AS (
    SELECT (bound.ends[1]::timestamptz AT TIME ZONE 'UTC')::date AS month, inhdetachpending AS is_pending,
        format('%I.%I', nspname, relname) AS partition
    FROM pg_inherits
        JOIN pg_class ON pg_class.oid = inhrelid
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        CROSS JOIN LATERAL (
            SELECT regexp_match(pg_get_expr(relpartbound, inhrelid), $$FROM \('([^']+)'\) TO \('([^']+)'\)$$) AS ends
        ) AS bound
    WHERE inhparent = 'public.meter_reading'::regclass
        -- A partition of any other span is for schema_verify to tell, and never touched here.
        AND date_trunc('month', bound.ends[1]::timestamptz, 'UTC') = bound.ends[1]::timestamptz
        AND (bound.ends[1]::timestamptz AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
            = bound.ends[2]::timestamptz
), apart AS (
    SELECT to_date(substr(relname, 15), 'YYYY_MM') AS month,
        min(format('%I.%I', nspname, relname) COLLATE "C") AS table_name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind = 'r' AND NOT relispartition AND nspname IN ('public', 'frontier_ops')
        AND relname ~ '^meter_reading_[0-9]{4}_(0[1-9]|1[0-2])$'
    GROUP BY relname
)
SELECT to_char(month, 'YYYY-MM'), coalesce(NOT is_pending, false), coalesce(is_pending, false),
    coalesce(partition, ''), coalesce(table_name, ''), state, detached_at, restored_at
FROM attached
    FULL JOIN apart USING (month)
    FULL JOIN reading_archive USING (month)
ORDER BY month

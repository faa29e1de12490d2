-- What a dump of the schema leaves out: the partitions of meter_reading, this month's and the next three, and where
-- pg_cron serves this database the monthly job that makes those to come. As in 006_meter_reading_v2.sql.

SELECT public.create_meter_reading_partition((date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC'
    + make_interval(months => ahead))::date)
FROM generate_series(0, 3) AS ahead;

DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_cron')
        OR current_setting('cron.database_name', true) IS DISTINCT FROM current_database() THEN
        RAISE NOTICE 'pg_cron is not at hand: partitions are made by ingestion and by command';
        RETURN;
    END IF;
    CREATE EXTENSION IF NOT EXISTS pg_cron;
    PERFORM cron.schedule('meter-reading-partition-maintenance', '0 0 1 * *',
        $job$
        SELECT public.create_meter_reading_partition((date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC'
            + make_interval(months => ahead))::date)
        FROM generate_series(0, 3) AS ahead
        $job$);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'pg_cron may not be used by %: %', current_user, SQLERRM
        USING HINT = 'On Supabase enable it under Database, Extensions, then run this end of the snapshot again.';
END $$;

-- Rebuilds meter_reading for the ingestion lake-house: one canonical row for each measured interval, partitioned
-- by month. Adds create_meter_reading_partition and, where pg_cron is at hand, the monthly job that makes the
-- partitions of the next three months.

SET CONSTRAINTS ALL IMMEDIATE;

-- The old table steps aside; its rows are carried over below.
DO $$ BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'public.meter_reading'::regclass) = 'r' THEN
        ALTER TABLE meter_reading RENAME TO meter_reading_v1;
        ALTER TABLE meter_reading_v1 RENAME CONSTRAINT meter_reading_pkey TO meter_reading_v1_pkey;
        ALTER SEQUENCE meter_reading_id_seq RENAME TO meter_reading_v1_id_seq;
        DROP INDEX idx_meter_reading_project, idx_meter_reading_meter;
    END IF;
END $$;

-- Partitions cannot share an identity column before PostgreSQL 17, so the number comes from a sequence.
CREATE SEQUENCE IF NOT EXISTS meter_reading_id_seq AS bigint;

CREATE TABLE IF NOT EXISTS meter_reading (
    id                 bigint NOT NULL DEFAULT nextval('meter_reading_id_seq'),
    organization_id    bigint NOT NULL,
    project_id         bigint NOT NULL,
    meter_id           bigint NOT NULL,
    source_system      varchar(50) NOT NULL,
    external_site_id   varchar(255),
    external_device_id varchar(255),
    reading_timestamp  timestamptz NOT NULL,
    reading_interval   updated_frequency NOT NULL DEFAULT '15min',
    energy_wh          numeric(24,9),
    power_w            numeric(24,9),
    irradiance_wm2     numeric(12,6),
    temperature_c      numeric(12,6),
    other_metrics      jsonb,
    quality            varchar(20) NOT NULL DEFAULT 'measured',
    ingested_at        timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT meter_reading_pkey PRIMARY KEY (id, reading_timestamp),
    CONSTRAINT meter_reading_meter_id_reading_timestamp_key UNIQUE (meter_id, reading_timestamp),
    CONSTRAINT chk_meter_reading_quality CHECK (quality IN ('measured', 'estimated', 'missing')),
    CONSTRAINT chk_meter_reading_source
        CHECK (source_system IN ('solaredge', 'enphase', 'sma', 'goodwe', 'snowflake', 'manual')),
    CONSTRAINT meter_reading_organization_id_fkey FOREIGN KEY (organization_id)
        REFERENCES organization (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT meter_reading_project_id_fkey FOREIGN KEY (project_id)
        REFERENCES project (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT meter_reading_meter_id_fkey FOREIGN KEY (meter_id)
        REFERENCES meter (id) DEFERRABLE INITIALLY DEFERRED
) PARTITION BY RANGE (reading_timestamp);

ALTER SEQUENCE meter_reading_id_seq OWNED BY meter_reading.id;

CREATE INDEX IF NOT EXISTS idx_meter_reading_org ON meter_reading (organization_id);
CREATE INDEX IF NOT EXISTS idx_meter_reading_project ON meter_reading (project_id);
CREATE INDEX IF NOT EXISTS idx_meter_reading_meter ON meter_reading (meter_id);
CREATE INDEX IF NOT EXISTS idx_meter_reading_source ON meter_reading (source_system);
CREATE INDEX IF NOT EXISTS idx_meter_reading_external_site ON meter_reading (external_site_id);
CREATE INDEX IF NOT EXISTS idx_meter_reading_timestamp ON meter_reading (reading_timestamp);
CREATE INDEX IF NOT EXISTS idx_meter_reading_org_project_ts
    ON meter_reading (organization_id, project_id, reading_timestamp);

COMMENT ON TABLE meter_reading IS
    'Fact: one measured interval of one meter; reading_timestamp is its start.';

CREATE OR REPLACE FUNCTION create_meter_reading_partition(partition_date date) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, public
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    month_start    date := date_trunc('month', partition_date)::date;
    partition_name text := 'meter_reading_' || to_char(month_start, 'YYYY_MM');
    lower_bound    text := to_char(month_start, 'YYYY-MM-DD') || ' 00:00:00+00';
    upper_bound    text := to_char(month_start + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
    existing       text;
    grantee_name   text;
    granted        record;
    policy         record;
BEGIN
    IF partition_date IS NULL THEN
        RAISE EXCEPTION 'create_meter_reading_partition needs a date of the month, got null';
    END IF;

    -- Two makers of one month take turns; the second finds the work done.
    PERFORM pg_advisory_xact_lock(hashtext('create_meter_reading_partition'));

    -- What counts is the bounds that a partition has, not the name that it bears.
    SELECT child.relname INTO existing
    FROM pg_inherits JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
    WHERE pg_inherits.inhparent = 'public.meter_reading'::regclass
        AND pg_get_expr(child.relpartbound, child.oid)
            = format('FOR VALUES FROM (%L) TO (%L)', lower_bound, upper_bound);
    IF existing IS NOT NULL THEN
        RETURN existing;
    END IF;

    IF to_regclass(format('public.%I', partition_name)) IS NOT NULL THEN
        RAISE EXCEPTION 'table % exists but is not the partition from % to %', partition_name, lower_bound, upper_bound
            USING HINT = 'Rename it or attach it by hand; it may hold readings.';
    END IF;

    -- Made apart and then attached: a query that reads meter_reading for an hour does not hold this up.
    EXECUTE format('CREATE TABLE public.%I (LIKE public.meter_reading INCLUDING ALL)', partition_name);

    -- A partition that is named directly is guarded by its own owner, grants and policies, not by its parent's.
    EXECUTE format('ALTER TABLE public.%I OWNER TO %s', partition_name, (
        SELECT relowner::regrole FROM pg_class WHERE oid = 'public.meter_reading'::regclass));
    FOR grantee_name IN
        SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
        FROM pg_class, aclexplode(relacl)
        WHERE oid = format('public.%I', partition_name)::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('REVOKE ALL ON public.%I FROM %s', partition_name, grantee_name);
    END LOOP;
    FOR granted IN
        SELECT privilege_type, is_grantable,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee_name
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'public.meter_reading'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON public.%I TO %s%s', granted.privilege_type, partition_name,
            granted.grantee_name, CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    FOR policy IN
        SELECT * FROM pg_policies WHERE schemaname = 'public' AND tablename = 'meter_reading'
    LOOP
        EXECUTE format('CREATE POLICY %I ON public.%I AS %s FOR %s TO %s%s%s',
            policy.policyname, partition_name, policy.permissive, policy.cmd,
            (SELECT string_agg(CASE name WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(name) END, ', ')
             FROM unnest(policy.roles) AS name),
            coalesce(' USING (' || policy.qual || ')', ''),
            coalesce(' WITH CHECK (' || policy.with_check || ')', ''));
    END LOOP;
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = 'public.meter_reading'::regclass) THEN
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition_name);
    END IF;
    IF (SELECT relforcerowsecurity FROM pg_class WHERE oid = 'public.meter_reading'::regclass) THEN
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition_name);
    END IF;
    EXECUTE format('COMMENT ON TABLE public.%I IS %L', partition_name,
        obj_description('public.meter_reading'::regclass, 'pg_class'));

    EXECUTE format(
        'ALTER TABLE public.%I ADD CONSTRAINT in_month CHECK (reading_timestamp >= %L AND reading_timestamp < %L)',
        partition_name, lower_bound, upper_bound);
    EXECUTE format('ALTER TABLE public.meter_reading ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        partition_name, lower_bound, upper_bound);
    EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT in_month', partition_name);
    RETURN partition_name;
END $$;
COMMENT ON FUNCTION create_meter_reading_partition(date) IS
    'Makes the partition of meter_reading for the UTC month of a date, unless it exists; returns its name.';

DO $$
DECLARE
    unknown_units text;
BEGIN
    IF to_regclass('public.meter_reading_v1') IS NULL THEN
        RETURN;
    END IF;

    SELECT string_agg(DISTINCT unit, ', ') INTO unknown_units
    FROM meter_reading_v1 WHERE unit NOT IN ('Wh', 'kWh', 'MWh', 'GWh', 'W', 'kW', 'MW', 'GW');
    IF unknown_units IS NOT NULL THEN
        RAISE EXCEPTION 'meter_reading has values in units that are neither energy nor power: %', unknown_units
            USING HINT = 'Correct the unit of these rows to one of Wh, kWh, MWh, GWh, W, kW, MW, GW and apply again.';
    END IF;

    PERFORM create_meter_reading_partition(month::date)
    FROM (SELECT DISTINCT date_trunc('month', reading_timestamp, 'UTC') AT TIME ZONE 'UTC'
          FROM meter_reading_v1) AS months (month);

    INSERT INTO meter_reading (
        organization_id, project_id, meter_id, source_system, reading_timestamp, reading_interval,
        energy_wh, power_w, quality, ingested_at, created_at
    )
    SELECT project.organization_id, project.id, old.meter_id, 'manual', old.reading_timestamp, old.reading_interval,
        CASE WHEN unit.is_energy THEN old.value * unit.factor END,
        CASE WHEN NOT unit.is_energy THEN old.value * unit.factor END,
        CASE WHEN old.value IS NULL THEN 'missing' ELSE 'measured' END,
        old.created_at, old.created_at
    FROM meter_reading_v1 AS old
        JOIN meter ON meter.id = old.meter_id
        JOIN project ON project.id = meter.project_id
        JOIN (VALUES ('Wh', true, 1), ('kWh', true, 1000), ('MWh', true, 1000000), ('GWh', true, 1000000000),
                     ('W', false, 1), ('kW', false, 1000), ('MW', false, 1000000), ('GW', false, 1000000000))
            AS unit (name, is_energy, factor) ON unit.name = old.unit;

    DROP TABLE meter_reading_v1;
END $$;

-- This month and the next three, so that readings can be written from the first day on.
SELECT create_meter_reading_partition((date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC'
    + make_interval(months => ahead))::date)
FROM generate_series(0, 3) AS ahead;

-- pg_cron lives in one database of a server. Elsewhere, and without it, the same plan is run by a command.
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
        USING HINT = 'On Supabase enable it under Database, Extensions, then apply this file again.';
END $$;

-- Makes meter_reading and meter_aggregate cheap to write, and says of each reading how long it lasts, what the register
-- showed, when the source stated it and which file brought it.
-- Takes away the indexes that no query needs and the foreign keys that were checked for each of millions of rows. What
-- they promised is kept: triggers look up once for each statement what all its rows refer to, and guards hold fast to
-- what readings and aggregates refer to.

SET CONSTRAINTS ALL IMMEDIATE;

ALTER TABLE meter_reading
    DROP CONSTRAINT IF EXISTS meter_reading_organization_id_fkey,
    DROP CONSTRAINT IF EXISTS meter_reading_project_id_fkey,
    DROP CONSTRAINT IF EXISTS meter_reading_meter_id_fkey;

DROP INDEX IF EXISTS idx_meter_reading_org;
DROP INDEX IF EXISTS idx_meter_reading_project;
DROP INDEX IF EXISTS idx_meter_reading_meter;
DROP INDEX IF EXISTS idx_meter_reading_source;
DROP INDEX IF EXISTS idx_meter_reading_external_site;
DROP INDEX IF EXISTS idx_meter_reading_timestamp;
DROP INDEX IF EXISTS idx_meter_reading_org_project_ts;

-- Nearly all aggregates are hours, which are found by meter and time. Those of an organization, of a period or of a
-- billing period are looked for among days and months.
ALTER TABLE meter_aggregate
    DROP CONSTRAINT IF EXISTS meter_aggregate_meter_id_fkey,
    DROP CONSTRAINT IF EXISTS meter_aggregate_organization_id_fkey;

DROP INDEX IF EXISTS idx_meter_aggregate_meter_id;
DROP INDEX IF EXISTS idx_meter_aggregate_org;
DROP INDEX IF EXISTS idx_meter_aggregate_period;
DROP INDEX IF EXISTS idx_meter_aggregate_type;
DROP INDEX IF EXISTS idx_meter_aggregate_billing_period_id;
DROP INDEX IF EXISTS idx_meter_aggregate_data_source_id;
-- lint: allow index-blocks-writes because aggregates can be computed anew, and these indexes leave nearly all out
CREATE INDEX IF NOT EXISTS idx_meter_aggregate_period
    ON meter_aggregate (period_type, period_start, period_end) WHERE NOT period_type = 'hourly';
-- lint: allow index-blocks-writes because aggregates can be computed anew, and these indexes leave nearly all out
CREATE INDEX IF NOT EXISTS idx_meter_aggregate_billing_period_id
    ON meter_aggregate (billing_period_id) WHERE billing_period_id IS NOT NULL;
-- lint: allow index-blocks-writes because aggregates can be computed anew, and these indexes leave nearly all out
CREATE INDEX IF NOT EXISTS idx_meter_aggregate_data_source_id
    ON meter_aggregate (data_source_id) WHERE data_source_id IS NOT NULL;

-- interval_seconds of a day are those of the local one; register_wh is the cumulative register at the end of the
-- interval; reported_at is null where the source does not say, then ingested_at counts. The account of a file may go
-- before its readings, so that no foreign key leads to it.
ALTER TABLE meter_reading
    ADD COLUMN IF NOT EXISTS interval_seconds integer NOT NULL DEFAULT 900,
    ADD COLUMN IF NOT EXISTS register_wh      numeric(24,9),
    ADD COLUMN IF NOT EXISTS reported_at      timestamptz,
    ADD COLUMN IF NOT EXISTS ingestion_log_id bigint;

-- lint: allow changes-many-rows because readings of another length than the default's are few up to now
UPDATE meter_reading
SET interval_seconds = CASE reading_interval
    WHEN 'daily' THEN extract(epoch FROM
        (reading_timestamp AT TIME ZONE time_zone + interval '1 day') AT TIME ZONE time_zone - reading_timestamp)
    WHEN 'hourly' THEN 3600
    WHEN 'min' THEN 60
    ELSE 1
END
FROM meter JOIN project ON project.id = meter.project_id
WHERE meter.id = meter_id AND reading_interval IN ('daily', 'hourly', 'min', 'sec', 'millisec')
    AND interval_seconds = 900;

-- lint: allow scans-under-lock because the file rewrites what readings refer to and is applied when nobody writes
ALTER TABLE meter_reading
    DROP CONSTRAINT IF EXISTS chk_meter_reading_interval,
    ADD CONSTRAINT chk_meter_reading_interval CHECK (
        (interval_seconds = 900 AND reading_interval = '15min')
        OR (interval_seconds = 300 AND reading_interval = '5min')
        OR (interval_seconds = 1800 AND reading_interval = '30min')
        OR (interval_seconds = 3600 AND reading_interval = 'hourly')
        OR (interval_seconds >= 82800 AND interval_seconds <= 90000 AND reading_interval = 'daily')
        OR (interval_seconds = 60 AND reading_interval = 'min')
        OR (interval_seconds = 1 AND reading_interval = 'sec')
        OR (interval_seconds = 1 AND reading_interval = 'millisec')
    );

-- Readings come roughly in the order of time: a summary of each stretch of pages finds a span of all meters.
-- lint: allow index-blocks-writes because a partitioned table takes no index CONCURRENTLY, and this one reads once
CREATE INDEX IF NOT EXISTS idx_meter_reading_time ON meter_reading USING brin (reading_timestamp);

-- What a foreign key does, for all rows of a statement at once. Runs with the rights of its owner, as foreign keys do:
-- who writes readings need not be allowed to read meters.
CREATE OR REPLACE FUNCTION check_meter_reading_references() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, public
AS $$
DECLARE
    strangers text;
BEGIN
    -- Held until the commit, so that nobody takes away or moves what these readings refer to.
    SELECT string_agg(format('organization %s, project %s, meter %s', organization_id, project_id, meter_id), '; '
        ORDER BY meter_id, project_id, organization_id)
    INTO strangers
    FROM (
        SELECT named.*
        FROM (
            SELECT DISTINCT meter_id, project_id, organization_id FROM written
            ORDER BY meter_id, project_id, organization_id
        ) AS named
            LEFT JOIN LATERAL (
                SELECT true AS is_known
                FROM public.meter JOIN public.project ON project.id = meter.project_id
                WHERE meter.id = named.meter_id AND project.id = named.project_id
                    AND project.organization_id = named.organization_id
                FOR KEY SHARE
            ) AS held ON true
        WHERE is_known IS NULL
        LIMIT 10
    ) AS stranger;
    IF strangers IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = 'readings refer to what does not exist or does not belong together: ' || strangers,
            HINT = 'A reading names a meter, the project of the meter and the organization of the project.';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER meter_reading_insert_references
    AFTER INSERT ON meter_reading
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION check_meter_reading_references();

CREATE OR REPLACE TRIGGER meter_reading_update_references
    AFTER UPDATE ON meter_reading
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION check_meter_reading_references();

CREATE OR REPLACE FUNCTION check_meter_aggregate_references() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, public
AS $$
DECLARE
    strangers text;
BEGIN
    SELECT string_agg(format('organization %s, meter %s', organization_id, meter_id), '; '
        ORDER BY meter_id, organization_id)
    INTO strangers
    FROM (
        SELECT named.*
        FROM (SELECT DISTINCT meter_id, organization_id FROM written ORDER BY meter_id, organization_id) AS named
            LEFT JOIN LATERAL (
                SELECT true AS is_known
                FROM public.meter JOIN public.project ON project.id = meter.project_id
                WHERE meter.id = named.meter_id AND project.organization_id = named.organization_id
                FOR KEY SHARE
            ) AS held ON true
        WHERE is_known IS NULL
        LIMIT 10
    ) AS stranger;
    IF strangers IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = 'aggregates refer to what does not exist or does not belong together: ' || strangers,
            HINT = 'An aggregate names a meter and the organization of the meter''s project.';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER meter_aggregate_insert_references
    AFTER INSERT ON meter_aggregate
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION check_meter_aggregate_references();

CREATE OR REPLACE TRIGGER meter_aggregate_update_references
    AFTER UPDATE ON meter_aggregate
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION check_meter_aggregate_references();

-- The other side: what readings and aggregates refer to stays. Locks first and looks then, so that it waits for readings which are
-- not committed yet and sees them, and readings that come meanwhile wait for it.
CREATE OR REPLACE FUNCTION guard_meter_of_readings() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, public
AS $$
DECLARE
    holding text;
    deed    text := CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'renumbered or moved to another project' END;
BEGIN
    PERFORM FROM public.meter WHERE id = OLD.id FOR UPDATE;
    holding := CASE
        WHEN EXISTS (SELECT FROM public.meter_reading WHERE meter_id = OLD.id) THEN 'readings'
        WHEN EXISTS (SELECT FROM public.meter_aggregate WHERE meter_id = OLD.id) THEN 'aggregates'
    END;
    IF holding IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = format('meter %s has %s and may not be %s', OLD.id, holding, deed);
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('meter %s may not be %s in a transaction that is %s', OLD.id, deed,
                current_setting('transaction_isolation')),
            HINT = 'Its old snapshot does not show the newest readings. Do it in READ COMMITTED.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE OR REPLACE TRIGGER meter_with_readings_stays
    BEFORE DELETE ON meter
    FOR EACH ROW EXECUTE FUNCTION guard_meter_of_readings();

CREATE OR REPLACE TRIGGER meter_with_readings_keeps_its_project
    BEFORE UPDATE ON meter
    FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id OR OLD.project_id IS DISTINCT FROM NEW.project_id)
    EXECUTE FUNCTION guard_meter_of_readings();

-- A project without meters has neither readings nor aggregates, and one with meters is not deleted or renumbered: they refer to it.
CREATE OR REPLACE FUNCTION guard_project_of_readings() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, public
AS $$
DECLARE
    holding text;
BEGIN
    PERFORM FROM public.project WHERE id = OLD.id FOR UPDATE;
    -- One look into the index for each meter, whatever the planner thinks.
    holding := CASE
        WHEN EXISTS (
            SELECT FROM public.meter CROSS JOIN LATERAL (
                SELECT FROM public.meter_reading WHERE meter_id = meter.id LIMIT 1
            ) AS reading
            WHERE project_id = OLD.id
        ) THEN 'readings'
        WHEN EXISTS (
            SELECT FROM public.meter CROSS JOIN LATERAL (
                SELECT FROM public.meter_aggregate WHERE meter_id = meter.id LIMIT 1
            ) AS aggregate
            WHERE project_id = OLD.id
        ) THEN 'aggregates'
    END;
    IF holding IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = format('project %s has %s and may not be moved to another organization', OLD.id, holding);
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('project %s may not be moved to another organization in a transaction that is %s', OLD.id,
                current_setting('transaction_isolation')),
            HINT = 'Its old snapshot does not show the newest readings. Do it in READ COMMITTED.';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER project_with_readings_keeps_its_organization
    BEFORE UPDATE ON project
    FOR EACH ROW WHEN (OLD.organization_id IS DISTINCT FROM NEW.organization_id)
    EXECUTE FUNCTION guard_project_of_readings();

-- TRUNCATE meter CASCADE took readings and aggregates along while foreign keys tied them.
CREATE OR REPLACE FUNCTION guard_truncated_meters() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, public
AS $$
BEGIN
    IF EXISTS (SELECT FROM public.meter_reading) OR EXISTS (SELECT FROM public.meter_aggregate) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = 'there are readings or aggregates, and the meters they refer to may not be truncated',
            HINT = 'Truncate meter_reading and meter_aggregate in the same statement.';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER meters_with_readings_are_not_truncated
    AFTER TRUNCATE ON meter
    FOR EACH STATEMENT EXECUTE FUNCTION guard_truncated_meters();

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
    left_as        text;
    grantee_name   text;
    granted        record;
    policy         record;
    checking       record;
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

    -- New readings beside those in the archive would be taken for all that there are of the month.
    SELECT state INTO left_as FROM public.reading_archive
    WHERE month = month_start AND state IN ('detached', 'dropped');
    IF left_as IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the readings of %s were archived and %s', to_char(month_start, 'YYYY-MM'), left_as),
            HINT = format('manage.py partitions restore %s', to_char(month_start, 'YYYY-MM'));
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
    -- PostgreSQL copies the triggers of rows by itself, those of statements never.
    FOR checking IN
        SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger
        WHERE tgrelid = 'public.meter_reading'::regclass AND NOT tgisinternal AND tgtype & 1 = 0
    LOOP
        EXECUTE replace(checking.definition, ' ON public.meter_reading ', format(' ON public.%I ', partition_name));
    END LOOP;
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

-- The partitions that are there already.
DO $$
DECLARE
    checking record;
BEGIN
    FOR checking IN
        SELECT replace(replace(pg_get_triggerdef(pg_trigger.oid), 'CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER'),
            ' ON public.meter_reading ', format(' ON public.%I ', child.relname)) AS definition
        FROM pg_trigger
            JOIN pg_inherits ON inhparent = tgrelid
            JOIN pg_class AS child ON child.oid = inhrelid
        WHERE tgrelid = 'public.meter_reading'::regclass AND NOT tgisinternal AND tgtype & 1 = 0
    LOOP
        EXECUTE checking.definition;
    END LOOP;
END $$;

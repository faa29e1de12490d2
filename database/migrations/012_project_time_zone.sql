-- Says in which time zone a project's days and months are cut.
-- Adds project.time_zone; projects from before keep the cut they had, UTC.

ALTER TABLE project
    ADD COLUMN IF NOT EXISTS time_zone varchar NOT NULL DEFAULT 'UTC';

CREATE OR REPLACE FUNCTION is_time_zone(name character varying) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (SELECT FROM pg_catalog.pg_timezone_names AS known WHERE known.name = $1)
$$;
COMMENT ON FUNCTION is_time_zone(character varying) IS
    'Whether the server knows a time zone by this name; a bare offset such as -07:00 is none, its sign is ambiguous.';

-- Checked when it is written: the list of zones belongs to the server and may grow, never shrink.
ALTER TABLE project
    DROP CONSTRAINT IF EXISTS project_time_zone_check,
    ADD CONSTRAINT project_time_zone_check CHECK (is_time_zone(time_zone));

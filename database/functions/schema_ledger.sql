-- The ledger of schema files: one row for each file that reached this database, written in the file's own
-- transaction. It lies in a schema of its own, so that neither snapshots nor the proofs of the schema see it. The schema's name is nobody's login: sessions of a
-- login look for tables in the schema of its name first.

CREATE SCHEMA IF NOT EXISTS frontier_ops;
REVOKE ALL ON SCHEMA frontier_ops FROM PUBLIC;

CREATE TABLE IF NOT EXISTS frontier_ops.schema_ledger (
    number           integer PRIMARY KEY CHECK (number >= 0),
    name             text NOT NULL UNIQUE,
    sha256           text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    django_migration text NOT NULL,
    applied_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by       text NOT NULL DEFAULT session_user,
    duration_ms      integer NOT NULL CHECK (duration_ms >= 0)
);
COMMENT ON TABLE frontier_ops.schema_ledger IS
    'Fact: which schema file was applied, with which content, when, by whom and for how long.';

-- What the first ledgers lacked. Rows from before keep null: nobody wrote these things down at the time.
DO $$ BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'frontier_ops.schema_ledger'::regclass AND attname = 'snapshot' AND NOT attisdropped
    ) THEN
        RETURN;
    END IF;
    ALTER TABLE frontier_ops.schema_ledger
        ADD COLUMN token_sha256   text CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
        ADD COLUMN sql_zlib       bytea,
        ADD COLUMN server_version text,
        ADD COLUMN kind           text NOT NULL DEFAULT 'applied' CHECK (kind IN ('applied', 'adopted')),
        ADD COLUMN snapshot       text;
    ALTER TABLE frontier_ops.schema_ledger
        ALTER COLUMN server_version SET DEFAULT current_setting('server_version');
    COMMENT ON COLUMN frontier_ops.schema_ledger.token_sha256 IS
        'Checksum of what the file says to PostgreSQL: the same after an edit of comments, blanks or line ends.';
    COMMENT ON COLUMN frontier_ops.schema_ledger.sql_zlib IS 'The file as it was applied, UTF-8, compressed with zlib.';
    COMMENT ON COLUMN frontier_ops.schema_ledger.kind IS
        'applied: run here. adopted: found to be here already, after a comparison of the whole schema.';
    COMMENT ON COLUMN frontier_ops.schema_ledger.snapshot IS
        'The snapshot that brought the file, where it did not run by itself.';
END $$;

-- How far a file has come that cannot run in one transaction. Empty but for a run that was interrupted.
CREATE TABLE IF NOT EXISTS frontier_ops.schema_progress (
    name        text NOT NULL,
    statement   integer NOT NULL CHECK (statement > 0),
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, statement)
);
COMMENT ON TABLE frontier_ops.schema_progress IS
    'Derived: the statements of an unfinished file that are done; removed when the file enters the ledger.';

REVOKE ALL ON ALL TABLES IN SCHEMA frontier_ops FROM PUBLIC, anon, authenticated, service_role;

CREATE OR REPLACE FUNCTION frontier_ops.refuse_ledger_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the schema ledger is only ever added to: % refused', TG_OP
        USING HINT = 'Make a new numbered file instead of changing what was applied.';
END $$;

CREATE OR REPLACE TRIGGER schema_ledger_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON frontier_ops.schema_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION frontier_ops.refuse_ledger_change();

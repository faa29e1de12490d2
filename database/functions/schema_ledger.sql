-- The ledger of schema files: one row for each file that reached this database, written in the file's own
-- transaction. It lies in a schema of its own, so that neither snapshots nor the proofs of the schema see it.

CREATE SCHEMA IF NOT EXISTS frontier;
REVOKE ALL ON SCHEMA frontier FROM PUBLIC;

CREATE TABLE IF NOT EXISTS frontier.schema_ledger (
    number           integer PRIMARY KEY CHECK (number >= 0),
    name             text NOT NULL UNIQUE,
    sha256           text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    django_migration text NOT NULL,
    applied_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by       text NOT NULL DEFAULT session_user,
    duration_ms      integer NOT NULL CHECK (duration_ms >= 0)
);
COMMENT ON TABLE frontier.schema_ledger IS
    'Fact: which schema file was applied, with which content, when, by whom and for how long.';

CREATE OR REPLACE FUNCTION frontier.refuse_ledger_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the schema ledger is only ever added to: % refused', TG_OP
        USING HINT = 'Make a new numbered file instead of changing what was applied.';
END $$;

CREATE OR REPLACE TRIGGER schema_ledger_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON frontier.schema_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION frontier.refuse_ledger_change();

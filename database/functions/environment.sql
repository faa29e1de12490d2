-- What a database is used for, written in the database itself: a production database says so to every program that
-- reaches it, whatever the environment of that program claims. No row means that nobody has said.

CREATE SCHEMA IF NOT EXISTS frontier_ops;
REVOKE ALL ON SCHEMA frontier_ops FROM PUBLIC;

CREATE TABLE IF NOT EXISTS frontier_ops.environment (
    is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
    name            text NOT NULL CHECK (name IN ('development', 'test', 'production')),
    marked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    marked_by       text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE frontier_ops.environment IS
    'Fact: what this database is used for. Nothing destructive is done where it says production.';

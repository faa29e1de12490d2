-- What the checks of sql/validation found each time they ran, so that a page can show the last run without the work.

CREATE SCHEMA IF NOT EXISTS frontier_ops;
REVOKE ALL ON SCHEMA frontier_ops FROM PUBLIC;

CREATE TABLE IF NOT EXISTS frontier_ops.validation_run (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ran_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ran_by  text NOT NULL DEFAULT session_user,
    report  jsonb NOT NULL CHECK (jsonb_typeof(report) = 'object')
);
COMMENT ON TABLE frontier_ops.validation_run IS
    'Fact: when the validation queries ran, and the report they gave.';

-- What each run of the maintenance of partitions did, whoever ran it, so that everybody can see which scheduler lives
-- and when it last achieved something.

CREATE SCHEMA IF NOT EXISTS frontier_ops;
REVOKE ALL ON SCHEMA frontier_ops FROM PUBLIC;

CREATE TABLE IF NOT EXISTS frontier_ops.partition_run (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scheduler      text NOT NULL CHECK (scheduler IN ('command', 'worker', 'ingestion', 'pg_cron')),
    ran_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    months_made    text[] NOT NULL DEFAULT '{}',
    months_dropped text[] NOT NULL DEFAULT '{}',
    months_ahead   integer,
    error          text
);
COMMENT ON TABLE frontier_ops.partition_run IS
    'Fact: when partitions were maintained and by whom, the months it made and dropped, and how many lay ahead then.';

-- Makes the tables in which readings wait: those that are to be compared with what stands, some at a time, and those
-- with which something is to be done.
-- The caller's transaction may hold those of an earlier file.
DROP TABLE IF EXISTS pg_temp.staged_reading, pg_temp.due_reading;
CREATE TEMPORARY TABLE staged_reading (
    organization_id    bigint,
    project_id         bigint,
    meter_id           bigint,
    source_system      varchar(50),
    external_device_id varchar(255),
    reading_timestamp  timestamptz,
    reading_interval   updated_frequency,
    interval_seconds   integer,
    energy_wh          numeric(24,9),
    power_w            numeric(24,9),
    register_wh        numeric(24,9),
    irradiance_wm2     numeric(12,6),
    temperature_c      numeric(12,6),
    other_metrics      jsonb,
    quality            varchar(20),
    reported_at        timestamptz,
    ingestion_log_id   bigint
) ON COMMIT DROP;
CREATE TEMPORARY TABLE due_reading (
    LIKE staged_reading,
    stored_id      bigint,
    stated_at      timestamptz,
    standing_since timestamptz,
    fate           text
) ON COMMIT DROP

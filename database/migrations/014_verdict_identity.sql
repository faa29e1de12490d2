-- Gives a verdict its identity: one for each clause and period, however often it is computed.
-- Adds clause and period to default_event, period and content hash to rule_output, and when either was superseded.

ALTER TABLE default_event
    ADD COLUMN IF NOT EXISTS clause_id     bigint,
    ADD COLUMN IF NOT EXISTS period_start  timestamptz,
    ADD COLUMN IF NOT EXISTS period_end    timestamptz,
    ADD COLUMN IF NOT EXISTS superseded_at timestamptz;

ALTER TABLE default_event
    DROP CONSTRAINT IF EXISTS default_event_clause_id_fkey,
    ADD CONSTRAINT default_event_clause_id_fkey FOREIGN KEY (clause_id)
        REFERENCES clause (id) DEFERRABLE INITIALLY DEFERRED,
    DROP CONSTRAINT IF EXISTS default_event_period_check,
    ADD CONSTRAINT default_event_period_check CHECK (period_end > period_start);

CREATE INDEX IF NOT EXISTS idx_default_event_clause_id ON default_event (clause_id);
CREATE UNIQUE INDEX IF NOT EXISTS uq_default_event_current ON default_event (clause_id, period_start, period_end)
    WHERE superseded_at IS NULL;

ALTER TABLE rule_output
    ADD COLUMN IF NOT EXISTS period_start  timestamptz,
    ADD COLUMN IF NOT EXISTS period_end    timestamptz,
    ADD COLUMN IF NOT EXISTS content_hash  varchar(64),
    ADD COLUMN IF NOT EXISTS superseded_at timestamptz;

ALTER TABLE rule_output
    DROP CONSTRAINT IF EXISTS rule_output_period_check,
    ADD CONSTRAINT rule_output_period_check CHECK (period_end > period_start);

CREATE UNIQUE INDEX IF NOT EXISTS uq_rule_output_current ON rule_output (clause_id, period_start, period_end)
    WHERE superseded_at IS NULL;

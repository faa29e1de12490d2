-- Readings of five minutes and of half an hour, which utilities and vendors deliver, get a name of their own.
-- Adds two labels to updated_frequency. They are used from the next file on: PostgreSQL knows them after the commit.

ALTER TYPE updated_frequency ADD VALUE IF NOT EXISTS '30min' BEFORE '15min';
ALTER TYPE updated_frequency ADD VALUE IF NOT EXISTS '5min' AFTER '15min';

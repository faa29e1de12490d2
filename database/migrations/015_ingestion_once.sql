-- A file is loaded once: the database refuses a second success for the same content in one organization.

CREATE UNIQUE INDEX IF NOT EXISTS uq_ingestion_log_loaded_file ON ingestion_log (organization_id, file_hash)
    WHERE ingestion_status = 'success';

-- Rows that nothing uses: allowed, and often forgotten.

-- name: orphaned_data
-- A row for each thing that hangs in the air: its kind, id and name, and what it lacks.
\C orphaned_data
SELECT 'organization' AS kind, id, name, 'has no project' AS why
FROM organization WHERE NOT EXISTS (SELECT FROM project WHERE organization_id = organization.id)
UNION ALL
SELECT 'project', id, name, 'has no contract'
FROM project WHERE NOT EXISTS (SELECT FROM contract WHERE project_id = project.id)
UNION ALL
SELECT 'project', id, name, 'has no meter'
FROM project WHERE NOT EXISTS (SELECT FROM meter WHERE project_id = project.id)
UNION ALL
SELECT 'contract', id, name, 'names no project: neither meters nor a time zone'
FROM contract WHERE project_id IS NULL
UNION ALL
SELECT 'contract', id, name, 'has no clause'
FROM contract WHERE NOT EXISTS (SELECT FROM clause WHERE contract_id = contract.id)
UNION ALL
SELECT 'contract', id, name, 'has no tariff'
FROM contract WHERE NOT EXISTS (SELECT FROM clause_tariff WHERE contract_id = contract.id)
UNION ALL
SELECT 'clause', id, name, 'has no category: nothing judges it'
FROM clause WHERE clause_category_id IS NULL
UNION ALL
SELECT 'counterparty', id, name, 'is in no contract'
FROM counterparty WHERE NOT EXISTS (SELECT FROM contract WHERE counterparty_id = counterparty.id)
UNION ALL
SELECT 'meter', meter.id, project.name || coalesce(', ' || model, ''), 'has no reading'
FROM meter JOIN project ON project.id = project_id
WHERE NOT EXISTS (SELECT FROM meter_reading WHERE meter_id = meter.id)
UNION ALL
SELECT 'integration_credential', id, coalesce(label, auth_type), 'has no site'
FROM integration_credential AS credential
WHERE NOT EXISTS (SELECT FROM integration_site WHERE integration_credential_id = credential.id)
UNION ALL
SELECT 'integration_site', id, coalesce(external_site_name, external_site_id), 'feeds no meter'
FROM integration_site WHERE meter_id IS NULL
UNION ALL
SELECT 'received_invoice_header', id, coalesce(invoice_number, 'no number'), 'was compared with nothing'
FROM received_invoice_header AS received
WHERE NOT EXISTS (SELECT FROM invoice_comparison WHERE received_invoice_header_id = received.id)
    -- A statement that was sent again took its place.
    AND NOT EXISTS (
        SELECT FROM invoice_comparison
            JOIN received_invoice_header AS other ON other.id = received_invoice_header_id
        WHERE other.contract_id = received.contract_id AND other.billing_period_id = received.billing_period_id
    )
UNION ALL
SELECT 'default_event', id, coalesce(description, 'no description'), 'was never notified'
FROM default_event
WHERE superseded_at IS NULL AND status = 'open'
    AND NOT EXISTS (SELECT FROM notification WHERE default_event_id = default_event.id)
ORDER BY kind, why, id;

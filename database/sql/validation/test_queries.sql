-- Whether schema and data are sound. Each query returns no row when all is well, else a row for each finding: the
-- object, and what is wrong with it.

-- param since: readings and their sums are looked at from this instant on, as 2026-01-01 or -infinity for all
\if :{?since} \else \set since '-infinity' \endif


-- Schema
-- ------

-- name: constraints_are_validated
-- Constraints that PostgreSQL does not vouch for: they were added NOT VALID, and older rows may break them.
-- Cure: correct the rows, then ALTER TABLE ... VALIDATE CONSTRAINT in a new schema file.
\C constraints_are_validated
SELECT conrelid::regclass || '.' || conname AS object, 'is not validated: ' || pg_get_constraintdef(oid) AS finding
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND NOT convalidated
ORDER BY 1;

-- name: triggers_are_enabled
-- Triggers that were switched off, those that enforce foreign keys among them.
-- Cure: ALTER TABLE ... ENABLE TRIGGER ALL, then see foreign_keys_hold.
\C triggers_are_enabled
SELECT tgrelid::regclass || '.' || coalesce(conname, tgname) AS object,
    'does not fire: ' || CASE count(*) WHEN 1 THEN 'its trigger is' ELSE count(*) || ' triggers of it are' END
        || ' disabled' AS finding
FROM pg_trigger
    JOIN pg_class ON pg_class.oid = tgrelid AND relnamespace = 'public'::regnamespace
    LEFT JOIN pg_constraint ON pg_constraint.oid = tgconstraint
WHERE tgenabled NOT IN ('O', 'A')
GROUP BY 1
ORDER BY 1;

-- name: foreign_keys_hold
-- Rows that name a row that does not exist, for every foreign key there is: rows loaded while triggers were off.
-- Cure: restore the missing rows, or correct those that name them.
\C foreign_keys_hold
-- ts_stat runs a query that is made at run time and counts what it returns; nothing else does so within a SELECT on
-- every build of PostgreSQL.
WITH reference AS (
    SELECT conname, conrelid::regclass AS child, confrelid::regclass AS parent,
        string_agg(format('child.%I = parent.%I', referring.attname, referred.attname), ' AND ') AS same,
        string_agg(format('child.%I IS NOT NULL', referring.attname), ' AND ') AS is_named
    FROM pg_constraint
        CROSS JOIN unnest(conkey, confkey) AS pair (child_number, parent_number)
        JOIN pg_attribute AS referring ON referring.attrelid = conrelid AND referring.attnum = child_number
        JOIN pg_attribute AS referred ON referred.attrelid = confrelid AND referred.attnum = parent_number
    WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conparentid = 0
    GROUP BY pg_constraint.oid, conname, conrelid, confrelid
)
SELECT child || '.' || conname AS object,
    ndoc || ' of its rows name a row of ' || parent || ' that does not exist' AS finding
FROM reference CROSS JOIN ts_stat(format(
    'SELECT ''lost''::tsvector FROM %s AS child WHERE %s AND NOT EXISTS (SELECT FROM %s AS parent WHERE %s)',
    child, is_named, parent, same))
ORDER BY 1;

-- name: indexes_are_valid
-- Indexes that an interrupted CREATE INDEX CONCURRENTLY left behind, and those that a partition still lacks.
-- Cure: DROP INDEX and create it again, or ATTACH the partition's.
\C indexes_are_valid
SELECT indexrelid::regclass::text AS object, 'is not valid: no query uses it' AS finding
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid AND relnamespace = 'public'::regnamespace
WHERE NOT indisvalid
ORDER BY 1;

-- name: policies_are_in_force
-- Tables that have policies and do not obey them, because row security is off.
-- Cure: ALTER TABLE ... ENABLE ROW LEVEL SECURITY in a new schema file.
\C policies_are_in_force
SELECT polrelid::regclass::text AS object, 'has ' || count(*) || ' policies and row security is not enabled' AS finding
FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid AND relnamespace = 'public'::regnamespace
WHERE NOT relrowsecurity
GROUP BY polrelid
ORDER BY 1;

-- name: partitions_guard_like_their_parent
-- Partitions whose owner, grants, row security, policies or triggers differ from their parent's: who names the partition
-- itself meets the partition's guards alone.
-- Cure: give the partition what its parent has; create_meter_reading_partition does so for a new one.
\C partitions_guard_like_their_parent
WITH guarded AS (
    SELECT pg_class.oid, relname, relowner::regrole AS owner, relrowsecurity, relforcerowsecurity,
        (SELECT coalesce(string_agg(concat_ws(' ', grantee, privilege_type, is_grantable), ', '
                ORDER BY grantee, privilege_type, is_grantable), '')
         FROM aclexplode(coalesce(relacl, acldefault('r', relowner))) WHERE grantee <> relowner) AS grants,
        -- Within a subquery an expression names the table of its columns, each its own.
        (SELECT coalesce(string_agg(concat_ws(' ', polname, polcmd, polpermissive, polroles::text,
                replace(pg_get_expr(polqual, polrelid), relname || '.', ''), '/',
                replace(pg_get_expr(polwithcheck, polrelid), relname || '.', '')), ', ' ORDER BY polname), '')
         FROM pg_policy WHERE polrelid = pg_class.oid) AS policies,
        (SELECT coalesce(string_agg(regexp_replace(pg_get_triggerdef(pg_trigger.oid), ' ON \S+ ', ' ') || tgenabled::text,
                ', ' ORDER BY tgname), '')
         FROM pg_trigger WHERE tgrelid = pg_class.oid AND NOT tgisinternal) AS triggers
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
)
SELECT child.oid::regclass::text AS object, concat_ws('; ',
    CASE WHEN child.owner <> parent.owner THEN format('belongs to %s, %s to %s', child.owner, parent.relname,
        parent.owner) END,
    CASE WHEN child.relrowsecurity <> parent.relrowsecurity THEN 'row security is '
        || CASE WHEN child.relrowsecurity THEN 'on' ELSE 'off' END || ', other than that of ' || parent.relname END,
    CASE WHEN child.relforcerowsecurity <> parent.relforcerowsecurity THEN 'row security is '
        || CASE WHEN child.relforcerowsecurity THEN '' ELSE 'not ' END || 'forced, other than that of '
        || parent.relname END,
    CASE WHEN child.grants <> parent.grants THEN 'grants are not those of ' || parent.relname END,
    CASE WHEN child.policies <> parent.policies THEN 'policies are not those of ' || parent.relname END,
    CASE WHEN child.triggers <> parent.triggers THEN 'triggers are not those of ' || parent.relname END) AS finding
FROM pg_inherits
    JOIN guarded AS child ON child.oid = inhrelid
    JOIN guarded AS parent ON parent.oid = inhparent
WHERE (child.owner, child.relrowsecurity, child.relforcerowsecurity, child.grants, child.policies, child.triggers)
    <> (parent.owner, parent.relrowsecurity, parent.relforcerowsecurity, parent.grants, parent.policies,
        parent.triggers)
ORDER BY 1;

-- name: partitions_reach_ahead
-- Months of UTC, this one and the next two, for which meter_reading has no partition: their readings would be refused.
-- Cure: SELECT create_meter_reading_partition('2026-06-01'), and see that the scheduled job runs.
\C partitions_reach_ahead
WITH month AS (
    SELECT to_char(first_day, 'YYYY-MM') AS name, first_day AT TIME ZONE 'UTC' AS starts_at
    FROM generate_series(0, 2) AS ahead
        CROSS JOIN LATERAL (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))
            AS day (first_day)
)
SELECT 'meter_reading' AS object, 'has no partition for ' || month.name AS finding
FROM month
WHERE NOT EXISTS (
    SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        CROSS JOIN LATERAL regexp_match(pg_get_expr(relpartbound, inhrelid), '^FOR VALUES FROM \(''(.*)''\) TO \(''(.*)''\)$')
            AS bound (ends)
    WHERE inhparent = 'meter_reading'::regclass
        AND bound.ends[1]::timestamptz <= month.starts_at AND month.starts_at < bound.ends[2]::timestamptz
)
ORDER BY 2;


-- Rows that belong together
-- -------------------------

-- name: roles_have_a_user
-- Roles of nobody: role.user_id names a user by id, and no foreign key reaches into Supabase's table.
-- Cure: invite the person again, or delete the role.
\C roles_have_a_user
SELECT 'role ' || role.id AS object, format('%s of organization %s is no user of auth.users', name, organization_id)
    AS finding
FROM role
WHERE NOT EXISTS (SELECT FROM auth.users WHERE users.id = role.user_id)
ORDER BY role.id;

-- name: tenants_agree
-- Rows that belong to one organization and hang on a row of another.
-- Cure: correct organization_id, or what the row hangs on.
\C tenants_agree
WITH owned (object, organization_id, parent, parent_organization_id) AS (
    SELECT 'contract ' || contract.id, contract.organization_id, 'project ' || project.id, project.organization_id
    FROM contract JOIN project ON project.id = project_id
    UNION ALL
    SELECT 'event ' || event.id, event.organization_id, 'project ' || project.id, project.organization_id
    FROM event JOIN project ON project.id = project_id
    UNION ALL
    SELECT 'default_event ' || default_event.id, default_event.organization_id, 'contract ' || contract.id,
        contract.organization_id
    FROM default_event JOIN contract ON contract.id = contract_id
    UNION ALL
    SELECT 'notification ' || notification.id, notification.organization_id, 'default_event ' || default_event.id,
        default_event.organization_id
    FROM notification JOIN default_event ON default_event.id = default_event_id
    UNION ALL
    SELECT 'integration_site ' || site.id, site.organization_id, 'integration_credential ' || credential.id,
        credential.organization_id
    FROM integration_site AS site JOIN integration_credential AS credential ON credential.id = integration_credential_id
    UNION ALL
    SELECT 'integration_site ' || site.id, site.organization_id, 'project ' || project.id, project.organization_id
    FROM integration_site AS site JOIN project ON project.id = project_id
    UNION ALL
    SELECT 'ingestion_log ' || log.id, log.organization_id, 'integration_site ' || site.id, site.organization_id
    FROM ingestion_log AS log JOIN integration_site AS site ON site.id = integration_site_id
    UNION ALL
    SELECT DISTINCT 'meter_aggregate of meter ' || meter_id, aggregate.organization_id, 'project ' || project.id,
        project.organization_id
    FROM meter_aggregate AS aggregate JOIN meter ON meter.id = meter_id JOIN project ON project.id = meter.project_id
    UNION ALL
    SELECT DISTINCT 'meter_reading of meter ' || meter_id, reading.organization_id, 'project ' || project.id,
        project.organization_id
    FROM meter_reading AS reading JOIN meter ON meter.id = meter_id JOIN project ON project.id = meter.project_id
    WHERE reading_timestamp >= :'since'::timestamptz
)
SELECT object, format('belongs to organization %s, %s to organization %s', organization_id, parent,
    parent_organization_id) AS finding
FROM owned
WHERE organization_id <> parent_organization_id
ORDER BY 1, 2;

-- name: projects_agree
-- Rows that name one project and hang on a row of another.
-- Cure: correct project_id, or what the row hangs on.
\C projects_agree
WITH placed (object, project_id, parent, parent_project_id) AS (
    SELECT 'clause ' || clause.id, clause.project_id, 'contract ' || contract.id, contract.project_id
    FROM clause JOIN contract ON contract.id = contract_id
    UNION ALL
    SELECT 'clause_tariff ' || tariff.id, tariff.project_id, 'contract ' || contract.id, contract.project_id
    FROM clause_tariff AS tariff JOIN contract ON contract.id = contract_id
    UNION ALL
    SELECT 'default_event ' || default_event.id, default_event.project_id, 'contract ' || contract.id,
        contract.project_id
    FROM default_event JOIN contract ON contract.id = contract_id
    UNION ALL
    SELECT 'default_event ' || default_event.id, default_event.project_id, 'event ' || event.id, event.project_id
    FROM default_event JOIN event ON event.id = event_id
    UNION ALL
    SELECT 'rule_output ' || verdict.id, verdict.project_id, 'contract ' || contract.id, contract.project_id
    FROM rule_output AS verdict JOIN clause ON clause.id = clause_id JOIN contract ON contract.id = clause.contract_id
    UNION ALL
    SELECT 'expected_invoice_header ' || header.id, header.project_id, 'contract ' || contract.id, contract.project_id
    FROM expected_invoice_header AS header JOIN contract ON contract.id = contract_id
    UNION ALL
    SELECT 'invoice_header ' || header.id, header.project_id, 'contract ' || contract.id, contract.project_id
    FROM invoice_header AS header JOIN contract ON contract.id = contract_id
    UNION ALL
    SELECT 'received_invoice_header ' || header.id, header.project_id, 'contract ' || contract.id, contract.project_id
    FROM received_invoice_header AS header JOIN contract ON contract.id = contract_id
    UNION ALL
    SELECT 'meter ' || meter.id, meter.project_id, 'asset ' || asset.id, asset.project_id
    FROM meter JOIN asset ON asset.id = asset_id
    UNION ALL
    SELECT 'fault ' || fault.id, fault.project_id, 'asset ' || asset.id, asset.project_id
    FROM fault JOIN asset ON asset.id = asset_id
    UNION ALL
    SELECT 'integration_site ' || site.id, site.project_id, 'meter ' || meter.id, meter.project_id
    FROM integration_site AS site JOIN meter ON meter.id = meter_id
    UNION ALL
    SELECT DISTINCT 'meter_reading of meter ' || meter_id, reading.project_id, 'meter ' || meter_id, meter.project_id
    FROM meter_reading AS reading JOIN meter ON meter.id = meter_id
    WHERE reading_timestamp >= :'since'::timestamptz
)
SELECT object, format('names project %s, %s project %s', project_id, parent, parent_project_id) AS finding
FROM placed
WHERE project_id <> parent_project_id
ORDER BY 1, 2;

-- name: contracts_agree
-- Rows of one contract that rest on a row of another: its clause, verdict, tariff, meter, invoice or counterparty.
-- Cure: correct the reference; for a draft run generate_invoices again.
\C contracts_agree
SELECT 'default_event ' || default_event.id AS object,
    format('is of contract %s, its clause %s of contract %s', default_event.contract_id, clause.id, clause.contract_id)
        AS finding
FROM default_event JOIN clause ON clause.id = clause_id
WHERE default_event.contract_id <> clause.contract_id
UNION ALL
SELECT 'rule_output ' || verdict.id,
    format('is about clause %s, its default event %s about clause %s', verdict.clause_id, default_event.id,
        default_event.clause_id)
FROM rule_output AS verdict JOIN default_event ON default_event.id = default_event_id
WHERE verdict.clause_id <> default_event.clause_id
UNION ALL
SELECT 'notification ' || notice.id,
    format('is about default event %s, its verdict %s about default event %s', notice.default_event_id, verdict.id,
        verdict.default_event_id)
FROM notification AS notice JOIN rule_output AS verdict ON verdict.id = rule_output_id
WHERE notice.default_event_id <> verdict.default_event_id
UNION ALL
SELECT 'invoice_line_item ' || line.id,
    format('bills contract %s, its tariff %s is of contract %s', header.contract_id, tariff.id, tariff.contract_id)
FROM invoice_line_item AS line JOIN invoice_header AS header ON header.id = invoice_header_id
    JOIN clause_tariff AS tariff ON tariff.id = clause_tariff_id
WHERE header.contract_id <> tariff.contract_id
UNION ALL
SELECT 'invoice_line_item ' || line.id,
    format('bills contract %s, its verdict %s is on contract %s', header.contract_id, verdict.id, clause.contract_id)
FROM invoice_line_item AS line JOIN invoice_header AS header ON header.id = invoice_header_id
    JOIN rule_output AS verdict ON verdict.id = rule_output_id JOIN clause ON clause.id = verdict.clause_id
WHERE header.contract_id <> clause.contract_id
UNION ALL
SELECT 'invoice_line_item ' || line.id,
    format('bills contract %s of project %s, its energy is of meter %s of project %s', contract.id, contract.project_id,
        meter.id, meter.project_id)
FROM invoice_line_item AS line JOIN invoice_header AS header ON header.id = invoice_header_id
    JOIN contract ON contract.id = header.contract_id
    JOIN meter_aggregate AS aggregate ON aggregate.id = meter_aggregate_id JOIN meter ON meter.id = aggregate.meter_id
WHERE contract.project_id <> meter.project_id
UNION ALL
SELECT kind || ' ' || header.id,
    format('names counterparty %s, contract %s counterparty %s', header.counterparty_id, contract.id,
        contract.counterparty_id)
FROM (
    SELECT 'expected_invoice_header' AS kind, id, contract_id, counterparty_id FROM expected_invoice_header
    UNION ALL SELECT 'invoice_header', id, contract_id, counterparty_id FROM invoice_header
    UNION ALL SELECT 'received_invoice_header', id, contract_id, counterparty_id FROM received_invoice_header
) AS header JOIN contract ON contract.id = contract_id
WHERE header.counterparty_id <> contract.counterparty_id
UNION ALL
SELECT 'comparison_tolerance ' || tolerance.id,
    format('is of organization %s, contract %s of organization %s', tolerance.organization_id, contract.id,
        contract.organization_id)
FROM comparison_tolerance AS tolerance JOIN contract ON contract.id = contract_id
WHERE tolerance.organization_id <> contract.organization_id
UNION ALL
SELECT 'invoice_comparison ' || comparison.id,
    format('sets expected invoice %s against received invoice %s of another contract, period or currency', expected.id,
        received.id)
FROM invoice_comparison AS comparison
    JOIN expected_invoice_header AS expected ON expected.id = expected_invoice_header_id
    JOIN received_invoice_header AS received ON received.id = received_invoice_header_id
WHERE (expected.contract_id, expected.billing_period_id) <> (received.contract_id, received.billing_period_id)
    OR (expected.currency_id <> received.currency_id AND comparison.exchange_rate IS NULL)
UNION ALL
SELECT 'invoice_comparison_line_item ' || line.id,
    'sets lines against each other that are not of the invoices of comparison ' || comparison.id
FROM invoice_comparison_line_item AS line JOIN invoice_comparison AS comparison ON comparison.id = invoice_comparison_id
    LEFT JOIN expected_invoice_line_item AS expected ON expected.id = expected_invoice_line_item_id
    LEFT JOIN received_invoice_line_item AS received ON received.id = received_invoice_line_item_id
WHERE (expected.id IS NOT NULL
        AND expected.expected_invoice_header_id IS DISTINCT FROM comparison.expected_invoice_header_id)
    -- A credit note is taken off the invoice that it corrects.
    OR (received.id IS NOT NULL AND received.received_invoice_header_id NOT IN (
        SELECT document.id
        FROM received_invoice_header AS invoice JOIN received_invoice_header AS document
            ON document.id = invoice.id OR (
                document.document_type = 'credit_note' AND document.corrects_number = invoice.invoice_number
                AND (document.contract_id, document.billing_period_id, document.currency_id)
                    = (invoice.contract_id, invoice.billing_period_id, invoice.currency_id))
        WHERE invoice.id = comparison.received_invoice_header_id
    ))
ORDER BY 1, 2;


-- Measurement
-- -----------

-- name: readings_have_a_meter
-- Readings of a meter that does not exist. No foreign key ties them, but triggers, and those may have been disabled.
-- Cure: restore the meter with the same id, or delete its readings.
\C readings_have_a_meter
SELECT 'meter_reading of meter ' || meter_id AS object, count(*) || ' readings of a meter that does not exist' AS finding
FROM meter_reading
WHERE reading_timestamp >= :'since'::timestamptz AND NOT EXISTS (SELECT FROM meter WHERE meter.id = meter_id)
GROUP BY meter_id
ORDER BY meter_id;

-- name: readings_have_no_gaps
-- Time between the first and the last reading of a meter that no reading covers. A reading that says that its value is
-- missing covers its interval.
-- Cure: load the file that covers the gap; what nobody has stays unknown and is judged as such.
\C readings_have_no_gaps
WITH followed AS (
    SELECT meter_id, reading_interval, reading_timestamp + make_interval(secs => interval_seconds) AS ends_at,
        lead(reading_timestamp) OVER (PARTITION BY meter_id ORDER BY reading_timestamp) AS next_timestamp
    FROM meter_reading
    WHERE reading_timestamp >= :'since'::timestamptz
), gap AS (
    SELECT followed.*, project.time_zone
    FROM followed
        JOIN meter ON meter.id = meter_id
        JOIN project ON project.id = meter.project_id
    WHERE next_timestamp > ends_at
)
SELECT 'meter ' || meter_id AS object,
    format('no readings from %s to %s in %s (%s), after one of %s', to_char(ends_at AT TIME ZONE time_zone,
        'YYYY-MM-DD HH24:MI:SS'), to_char(next_timestamp AT TIME ZONE time_zone, 'YYYY-MM-DD HH24:MI:SS'), time_zone,
        next_timestamp - ends_at, reading_interval) AS finding
FROM gap
ORDER BY meter_id, ends_at;

-- name: readings_do_not_overlap
-- Readings of a meter that last into the next one, so that energy or time counts twice.
-- Cure: find the wrong interval or time of one of the two and load the corrected file.
\C readings_do_not_overlap
WITH followed AS (
    SELECT meter_id, reading_interval, interval_seconds, reading_timestamp,
        lead(reading_timestamp) OVER (PARTITION BY meter_id ORDER BY reading_timestamp) AS next_timestamp
    FROM meter_reading
    WHERE reading_timestamp >= :'since'::timestamptz
)
SELECT 'meter ' || meter_id AS object,
    format('%s readings last into the next one, the first the one of %s at %s UTC', count(*),
        (array_agg(reading_interval ORDER BY reading_timestamp))[1],
        to_char(min(reading_timestamp) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS finding
FROM followed
-- One of milliseconds has no length in seconds.
WHERE next_timestamp < reading_timestamp
    + CASE reading_interval WHEN 'millisec' THEN interval '1 millisecond' ELSE make_interval(secs => interval_seconds) END
GROUP BY meter_id
ORDER BY meter_id;

-- name: aggregates_match_readings
-- Hours, days and months whose energy is not the sum of their readings, or not the same in Wh and kWh. Those whose
-- readings were retired with their partition are left out.
-- Cure: run aggregate_readings; then evaluate_compliance and generate_invoices for the period.
\C aggregates_match_readings
WITH kept AS (
    SELECT range_agg(tstzrange(bound.ends[1]::timestamptz, bound.ends[2]::timestamptz)) AS months
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        CROSS JOIN LATERAL regexp_match(pg_get_expr(relpartbound, inhrelid), '^FOR VALUES FROM \(''(.*)''\) TO \(''(.*)''\)$')
            AS bound (ends)
    WHERE inhparent = 'meter_reading'::regclass
)
SELECT format('meter_aggregate %s', aggregate.id) AS object,
    format('%s of meter %s from %s UTC says %s Wh and %s kWh, its readings %s Wh', period_type, meter_id,
        to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), coalesce(trim_scale(energy_wh)::text, 'no'),
        coalesce(trim_scale(energy_kwh)::text, 'no'), coalesce(trim_scale(measured.wh)::text, 'no')) AS finding
FROM meter_aggregate AS aggregate
    JOIN kept ON tstzrange(period_start, period_end) <@ kept.months
    CROSS JOIN LATERAL (
        SELECT sum(reading.energy_wh) AS wh
        FROM meter_reading AS reading
        WHERE reading.meter_id = aggregate.meter_id
            AND reading_timestamp >= period_start AND reading_timestamp < period_end
            -- A reading of a whole day is in no hour.
            AND (period_type <> 'hourly' OR reading_interval <> 'daily')
    ) AS measured
WHERE period_start >= :'since'::timestamptz
    AND (energy_wh IS DISTINCT FROM measured.wh OR energy_kwh IS DISTINCT FROM energy_wh / 1000)
ORDER BY aggregate.id;

-- name: readings_are_aggregated
-- Months of a meter, as its project's time zone cuts them, that have readings and no row in meter_aggregate.
-- Cure: run aggregate_readings.
\C readings_are_aggregated
WITH month AS (
    SELECT DISTINCT meter_id, time_zone, date_trunc('month', reading_timestamp AT TIME ZONE time_zone) AS first_day
    FROM meter_reading
        JOIN meter ON meter.id = meter_id
        JOIN project ON project.id = meter.project_id
    WHERE reading_timestamp >= :'since'::timestamptz
)
SELECT 'meter ' || meter_id AS object, format('has readings in %s and no sum of them', to_char(first_day, 'YYYY-MM'))
    AS finding
FROM month
WHERE NOT EXISTS (
    SELECT FROM meter_aggregate AS aggregate
    WHERE aggregate.meter_id = month.meter_id AND period_type = 'monthly'
        AND period_start = first_day AT TIME ZONE time_zone
)
ORDER BY meter_id, first_day;

-- name: loads_add_up
-- Files that were loaded and whose rows are not all accounted for.
-- Cure: compare the file with the readings of its span; load it again under a corrected mapping.
\C loads_add_up
SELECT 'ingestion_log ' || id AS object,
    format('%s has %s rows: %s loaded, %s skipped, %s failed', file_name, rows_in_file, rows_loaded, rows_skipped,
        rows_failed) AS finding
FROM ingestion_log
WHERE ingestion_status = 'success'
    AND rows_in_file <> coalesce(rows_loaded, 0) + coalesce(rows_skipped, 0) + coalesce(rows_failed, 0)
ORDER BY id;


-- Compliance
-- ----------

-- name: guarantees_can_be_judged
-- Availability clauses whose payload lacks what a verdict cannot do without.
-- Cure: complete normalized_payload from the contract's text.
\C guarantees_can_be_judged
SELECT 'clause ' || clause.id AS object, 'lacks ' || string_agg(key, ', ' ORDER BY key) AS finding
FROM clause
    JOIN clause_category AS category ON category.id = clause_category_id AND category.code = 'AVAILABILITY'
    CROSS JOIN unnest(ARRAY['threshold', 'threshold_unit', 'measurement_period']) AS key
WHERE normalized_payload ->> key IS NULL
GROUP BY clause.id
ORDER BY clause.id;

-- name: verdicts_are_explained
-- Verdicts without the numbers behind them, and verdicts of the program without the hash of these numbers.
-- Cure: run evaluate_compliance for the period.
\C verdicts_are_explained
SELECT 'rule_output ' || id AS object,
    CASE WHEN coalesce(metadata_detail, '{}') = '{}' THEN 'has no explanation' ELSE 'has no hash of its explanation' END
        AS finding
FROM rule_output
WHERE coalesce(metadata_detail, '{}') = '{}' OR (created_by IS NULL AND content_hash IS NULL)
ORDER BY id;

-- name: verdict_hashes_match
-- Verdicts whose explanation is not the one that was hashed: it was edited after the verdict was written.
-- Cure: find out who edited it; evaluate_compliance writes the verdict anew from the readings.
\C verdict_hashes_match
-- The hash is SHA-256 over the JSON without blanks, keys in the order of their code points. Each node of the tree
-- gives the text before its children and, after all of them, the bracket that closes it.
WITH RECURSIVE node (id, path, value, prefix) AS (
    SELECT id, ARRAY[]::text[], metadata_detail, ''
    FROM rule_output
    WHERE content_hash IS NOT NULL AND metadata_detail IS NOT NULL
    UNION ALL
    SELECT id, path || child.step, child.value, child.prefix
    FROM node CROSS JOIN LATERAL (
        SELECT key, value, CASE row_number() OVER (ORDER BY key COLLATE "C") WHEN 1 THEN '' ELSE ',' END
            || to_json(key) || ':'
        FROM jsonb_each(CASE jsonb_typeof(node.value) WHEN 'object' THEN node.value ELSE '{}' END)
        UNION ALL
        SELECT to_char(position, 'FM0000000000'), value, CASE position WHEN 1 THEN '' ELSE ',' END
        FROM jsonb_array_elements(CASE jsonb_typeof(node.value) WHEN 'array' THEN node.value ELSE '[]' END)
            WITH ORDINALITY AS element (value, position)
    ) AS child (step, value, prefix)
), written (id, path, text) AS (
    SELECT id, path, prefix || CASE jsonb_typeof(value) WHEN 'object' THEN '{' WHEN 'array' THEN '['
        ELSE value::text END
    FROM node
    UNION ALL
    -- U+10FFFF sorts behind every key.
    SELECT id, path || chr(1114111), CASE jsonb_typeof(value) WHEN 'object' THEN '}' ELSE ']' END
    FROM node WHERE jsonb_typeof(value) IN ('object', 'array')
)
SELECT 'rule_output ' || verdict.id AS object, 'its explanation is not the one that was hashed' AS finding
FROM rule_output AS verdict JOIN written ON written.id = verdict.id
GROUP BY verdict.id, verdict.content_hash
HAVING verdict.content_hash
    <> encode(sha256(convert_to(string_agg(written.text, '' ORDER BY written.path COLLATE "C"), 'UTF8')), 'hex')
ORDER BY verdict.id;

-- name: verdicts_and_defaults_agree
-- Verdicts in force and their default events that contradict each other, and damages that contradict the verdict.
-- Cure: run evaluate_compliance for the period; it writes verdict, default event and notice together.
\C verdicts_and_defaults_agree
SELECT 'rule_output ' || id AS object, 'is a breach and has no default event' AS finding
FROM rule_output WHERE superseded_at IS NULL AND period_start IS NOT NULL AND breach AND default_event_id IS NULL
UNION ALL
SELECT 'rule_output ' || id, 'is no breach and has a default event'
FROM rule_output WHERE superseded_at IS NULL AND NOT breach AND default_event_id IS NOT NULL
UNION ALL
SELECT 'rule_output ' || verdict.id, 'is in force and its default event ' || default_event.id || ' is not'
FROM rule_output AS verdict JOIN default_event ON default_event.id = default_event_id
WHERE verdict.superseded_at IS NULL AND default_event.superseded_at IS NOT NULL
UNION ALL
SELECT 'rule_output ' || id, 'is no breach and has damages of ' || trim_scale(ld_amount)
FROM rule_output WHERE superseded_at IS NULL AND NOT breach AND ld_amount > 0
UNION ALL
SELECT 'rule_output ' || id, 'has damages in no currency'
FROM rule_output WHERE ld_amount IS NOT NULL AND currency_id IS NULL
UNION ALL
SELECT 'rule_output ' || id, format('adjusts the invoice by %s for damages of %s', trim_scale(invoice_adjustment),
    trim_scale(ld_amount))
FROM rule_output WHERE invoice_adjustment NOT IN (-ld_amount, ld_amount)
UNION ALL
SELECT 'default_event ' || id, 'is in force and no verdict in force says why'
FROM default_event
WHERE superseded_at IS NULL AND clause_id IS NOT NULL AND period_start IS NOT NULL AND NOT EXISTS (
    SELECT FROM rule_output AS verdict WHERE verdict.default_event_id = default_event.id AND superseded_at IS NULL
)
ORDER BY 1, 2;

-- name: defaults_have_evidence
-- Default events found by a clause that keep no evidence, or evidence of other readings than the verdict's.
-- Cure: run evaluate_compliance for the period while its readings are still there.
\C defaults_have_evidence
SELECT 'default_event ' || id AS object, 'keeps no evidence' AS finding
FROM default_event
WHERE clause_id IS NOT NULL AND period_start IS NOT NULL AND evidence IS NULL AND evidence_s3_path IS NULL
UNION ALL
SELECT 'default_event ' || default_event.id,
    'keeps evidence of other readings than those that verdict ' || verdict.id || ' rests on'
FROM default_event JOIN rule_output AS verdict ON verdict.default_event_id = default_event.id
WHERE verdict.superseded_at IS NULL AND evidence ->> 'data_hash' <> verdict.metadata_detail ->> 'data_hash'
ORDER BY 1, 2;


-- Money
-- -----

-- name: invoice_totals_add_up
-- Invoices whose total is not the sum of their lines. A received invoice may have been entered without lines.
-- Cure: for an expected invoice or a draft run generate_invoices; a received one is compared with the document.
\C invoice_totals_add_up
SELECT kind || ' ' || header.id AS object,
    format('says %s, its %s lines %s', trim_scale(total_amount), line_count, trim_scale(line_sum)) AS finding
FROM (
    SELECT 'expected_invoice_header' AS kind, id, total_amount FROM expected_invoice_header
    UNION ALL SELECT 'invoice_header', id, total_amount FROM invoice_header
    UNION ALL SELECT 'received_invoice_header', id, total_amount FROM received_invoice_header
) AS header CROSS JOIN LATERAL (
    SELECT count(*) AS line_count, coalesce(sum(line_total_amount), 0) AS line_sum
    FROM (
        SELECT line_total_amount FROM expected_invoice_line_item
        WHERE kind = 'expected_invoice_header' AND expected_invoice_header_id = header.id
        UNION ALL
        SELECT line_total_amount FROM invoice_line_item
        WHERE kind = 'invoice_header' AND invoice_header_id = header.id
        UNION ALL
        SELECT line_total_amount FROM received_invoice_line_item
        WHERE kind = 'received_invoice_header' AND received_invoice_header_id = header.id
    ) AS line
) AS lines
WHERE total_amount <> line_sum AND (line_count > 0 OR kind <> 'received_invoice_header')
ORDER BY 1;

-- name: invoice_lines_add_up
-- Lines of own invoices whose amount is no rounding of quantity times price, to 0, 2, 3 or 4 decimals as the currencies
-- of ISO 4217 have them.
-- Cure: for a draft run generate_invoices; an issued invoice is corrected by another document.
\C invoice_lines_add_up
SELECT 'invoice_line_item ' || id AS object,
    format('says %s, %s times %s is %s', trim_scale(line_total_amount), trim_scale(quantity),
        trim_scale(line_unit_price), trim_scale(round(quantity * line_unit_price, 4))) AS finding
FROM invoice_line_item
WHERE NOT EXISTS (
    SELECT FROM unnest(ARRAY[0, 2, 3, 4]) AS decimals
    WHERE line_total_amount = round(quantity * line_unit_price, decimals)
) AND quantity IS NOT NULL AND line_unit_price IS NOT NULL
ORDER BY id;

-- name: issued_invoices_are_numbered
-- Own invoices that left the house without a number or a date.
-- Cure: none in the database, which refuses changes of an issued invoice; correct it by another document.
\C issued_invoices_are_numbered
SELECT 'invoice_header ' || id AS object,
    format('is %s and has no %s', status, concat_ws(' and no ', CASE WHEN invoice_number IS NULL THEN 'number' END,
        CASE WHEN invoice_date IS NULL THEN 'date' END)) AS finding
FROM invoice_header
WHERE status NOT IN ('draft', 'verified') AND (invoice_number IS NULL OR invoice_date IS NULL)
ORDER BY id;

-- name: invoice_numbers_are_unique
-- Numbers that an organization gave to two of its invoices.
-- Cure: find out which of the two is the invoice.
\C invoice_numbers_are_unique
SELECT format('invoice_header %s', string_agg(header.id::text, ', ' ORDER BY header.id)) AS object,
    format('have one number, %s, in organization %s', invoice_number, organization_id) AS finding
FROM invoice_header AS header JOIN contract ON contract.id = contract_id
WHERE invoice_number IS NOT NULL
GROUP BY organization_id, invoice_number
HAVING count(*) > 1
ORDER BY 1;

-- name: invoices_keep_one_currency
-- Lines of own invoices whose tariff or damages are in another currency than the invoice.
-- Cure: correct the tariff or the clause, then run generate_invoices: there are no exchange rates.
\C invoices_keep_one_currency
SELECT 'invoice_line_item ' || line.id AS object,
    format('bills in %s what %s %s has in %s', billed.code, priced.kind, priced.id, currency.code) AS finding
FROM invoice_line_item AS line
    JOIN invoice_header AS header ON header.id = invoice_header_id
    JOIN currency AS billed ON billed.id = header.currency_id
    JOIN LATERAL (
        SELECT 'tariff' AS kind, id, currency_id FROM clause_tariff WHERE clause_tariff.id = line.clause_tariff_id
        UNION ALL
        SELECT 'verdict', id, currency_id FROM rule_output WHERE rule_output.id = line.rule_output_id
    ) AS priced ON priced.currency_id <> header.currency_id
    JOIN currency ON currency.id = priced.currency_id
ORDER BY line.id;

-- name: invoices_follow_current_verdicts
-- Own invoices that credit damages of a verdict that was superseded, or another amount than the verdict's.
-- Cure: for a draft run generate_invoices; for an issued invoice a correction is due.
\C invoices_follow_current_verdicts
SELECT 'invoice_line_item ' || line.id AS object,
    format('of %s invoice %s credits %s, ', CASE header.status WHEN 'draft' THEN 'draft' ELSE 'issued' END, header.id,
        trim_scale(-line_total_amount))
        || CASE WHEN verdict.superseded_at IS NOT NULL THEN format('verdict %s is superseded', verdict.id)
            ELSE format('verdict %s says %s', verdict.id, coalesce(trim_scale(ld_amount)::text, 'none')) END AS finding
FROM invoice_line_item AS line
    JOIN invoice_header AS header ON header.id = invoice_header_id
    JOIN rule_output AS verdict ON verdict.id = rule_output_id
WHERE verdict.superseded_at IS NOT NULL OR line_total_amount IS DISTINCT FROM -ld_amount
ORDER BY line.id;

-- name: comparisons_add_up
-- Comparisons whose variance is not received less expected, in whole or by line, or whose status denies the variance.
-- Cure: run compare_invoices for the period.
\C comparisons_add_up
WITH document AS (
    -- What was received: the invoice, and the credit notes that are taken off it.
    SELECT comparison.id AS comparison_id, document.id, document.total_amount,
        CASE document.document_type WHEN 'credit_note' THEN -1 ELSE 1 END AS sign
    FROM invoice_comparison AS comparison
        JOIN received_invoice_header AS invoice ON invoice.id = received_invoice_header_id
        JOIN received_invoice_header AS document ON document.id = invoice.id OR (
            document.document_type = 'credit_note' AND document.corrects_number = invoice.invoice_number
            AND (document.contract_id, document.billing_period_id, document.currency_id)
                = (invoice.contract_id, invoice.billing_period_id, invoice.currency_id))
), comparison AS (
    -- Tax is compared where the expected invoice states some.
    SELECT comparison.*, coalesce(comparison.exchange_rate, 1) AS rate, coalesce((
            SELECT bool_or(tax_amount IS NOT NULL) FROM expected_invoice_line_item AS line
            WHERE line.expected_invoice_header_id = comparison.expected_invoice_header_id
        ), false) AS is_taxed
    FROM invoice_comparison AS comparison
), compared AS (
    SELECT 'invoice_comparison ' || comparison.id AS object, expected.total_amount AS expected, 0 AS expected_tax,
        received.total_amount / rate AS received, 0 AS received_tax, variance_amount, comparison.status,
        expected.contract_id
    FROM comparison
        LEFT JOIN expected_invoice_header AS expected ON expected.id = expected_invoice_header_id
        CROSS JOIN LATERAL (
            SELECT sum(sign * (document.total_amount - CASE WHEN is_taxed THEN 0 ELSE coalesce((
                    SELECT sum(tax_amount) FROM received_invoice_line_item AS line
                    WHERE line.received_invoice_header_id = document.id
                ), 0) END)) AS total_amount
            FROM document WHERE document.comparison_id = comparison.id
        ) AS received
    UNION ALL
    SELECT 'invoice_comparison_line_item ' || line.id, expected.line_total_amount, coalesce(expected.tax_amount, 0),
        received.line_total_amount * sign / rate,
        CASE WHEN is_taxed THEN coalesce(received.tax_amount * sign / rate, 0) ELSE 0 END,
        line.variance_amount, NULL, NULL
    FROM invoice_comparison_line_item AS line
        JOIN comparison ON comparison.id = invoice_comparison_id
        LEFT JOIN expected_invoice_line_item AS expected ON expected.id = expected_invoice_line_item_id
        LEFT JOIN received_invoice_line_item AS received ON received.id = received_invoice_line_item_id
        LEFT JOIN received_invoice_header AS header ON header.id = received.received_invoice_header_id
        CROSS JOIN LATERAL (
            SELECT CASE header.document_type WHEN 'credit_note' THEN -1 ELSE 1 END AS sign
        ) AS of_received
)
SELECT object, format('says %s, received %s less expected %s is %s', trim_scale(variance_amount),
    coalesce(trim_scale(received + received_tax)::text, 'nothing'),
    coalesce(trim_scale(expected + expected_tax)::text, 'nothing'),
    trim_scale(coalesce(received + received_tax, 0) - coalesce(expected + expected_tax, 0))) AS finding
FROM compared
-- Both sides are rounded to the currency before they are compared.
WHERE NOT EXISTS (
    SELECT FROM unnest(ARRAY[0, 2, 3, 4]) AS decimals
    WHERE variance_amount = coalesce(round(received, decimals) + round(received_tax, decimals), 0)
        - coalesce(round(expected, decimals) + round(expected_tax, decimals), 0)
)
UNION ALL
SELECT object, format('is called %s with a variance of %s', status, trim_scale(variance_amount))
FROM compared
WHERE status <> 'unchecked' AND status <> CASE sign(variance_amount) WHEN -1 THEN 'underbilled' WHEN 1 THEN 'overbilled'
    ELSE 'matched' END::invoice_comparison_status
    -- A variance may be let pass.
    AND NOT (status = 'matched' AND EXISTS (
        SELECT FROM comparison_tolerance JOIN contract USING (organization_id)
        WHERE contract.id = compared.contract_id
    ))
ORDER BY 1;

-- name: tariffs_do_not_overlap
-- Days on which two energy prices, or two fees, of one contract are valid: billing refuses such a period.
-- Cure: end the earlier one by valid_to, the last day on which it is valid.
\C tariffs_do_not_overlap
SELECT 'clause_tariff ' || earlier.id AS object,
    format('and tariff %s of contract %s are both valid from %s to %s', later.id, earlier.contract_id,
        greatest(earlier.valid_from, later.valid_from),
        coalesce(least(earlier.valid_to, later.valid_to)::text, 'further notice')) AS finding
FROM clause_tariff AS earlier JOIN clause_tariff AS later ON later.contract_id = earlier.contract_id
    AND later.id > earlier.id
    -- A fee by the month stands beside a price by the unit of energy.
    AND (later.unit = 'month') IS NOT DISTINCT FROM (earlier.unit = 'month')
    AND daterange(later.valid_from, later.valid_to, '[]') && daterange(earlier.valid_from, earlier.valid_to, '[]')
ORDER BY earlier.id, later.id;

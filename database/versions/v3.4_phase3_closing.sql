-- Schema Version: v3.4
-- Description: Phase 3.4 - Ledger of time, comparisons and closed months
-- Date: 2026-11-23
-- Body SHA-256: 86da0f6feb0ca1cd6d05c69fc80e3457c25647246c3c3d854a91cfa0878d63e0
-- Files:
--   000 v1.0_baseline.sql
--   001 001_migrate_role_to_auth.sql
--   002 002_add_contract_pii_mapping.sql
--   003 003_add_contract_parsing_fields.sql
--   004 004_enhance_clause_table.sql
--   005 005_update_clause_categories.sql
--   006 006_meter_reading_v2.sql
--   007 007_meter_aggregate_enhance.sql
--   008 008_default_event_evidence.sql
--   009 009_integration_credential.sql
--   010 010_integration_site.sql
--   011 011_ingestion_log.sql
--   012 012_project_time_zone.sql
--   013 013_meter_aggregate_seconds.sql
--   014 014_verdict_identity.sql
--   015 015_ingestion_once.sql
--   016 016_invoice_guards.sql
--   017 017_reading_interval_labels.sql
--   018 018_reading_archive.sql
--   019 019_lean_metering.sql
--   020 020_reading_change.sql
--   021 021_aggregate_registers.sql
--   022 022_ingestion_pipeline.sql
--   023 023_clause_payloads.sql
--   024 024_tariffs.sql
--   025 025_invoice_issuing.sql
--   026 026_comparison_lines.sql
--   027 027_provisional_lines.sql
--   028 028_time_ledger.sql
--   029 029_month_close.sql
--
-- Written by create_phase_snapshot and not to be edited: the files above are the source. Loaded into an empty
-- database, after functions/supabase_compat.sql: psql -X -1 -v ON_ERROR_STOP=1 -f THIS_FILE

-- Bodies of functions may name tables that come later.
SET LOCAL check_function_bodies = off;

-- TYPE ingestion_stage
CREATE TYPE public.ingestion_stage AS ENUM (
    'validating',
    'transforming',
    'loading',
    'moving',
    'complete'
);

-- TYPE ingestion_status
CREATE TYPE public.ingestion_status AS ENUM (
    'processing',
    'success',
    'quarantined',
    'skipped',
    'error'
);

-- TYPE invoice_comparison_status
CREATE TYPE public.invoice_comparison_status AS ENUM (
    'unchecked',
    'matched',
    'underbilled',
    'overbilled'
);

-- TYPE invoice_status
CREATE TYPE public.invoice_status AS ENUM (
    'draft',
    'verified',
    'sent',
    'disputed',
    'paid'
);

-- TYPE severity
CREATE TYPE public.severity AS ENUM (
    'high',
    'medium',
    'low'
);

-- TYPE status
CREATE TYPE public.status AS ENUM (
    'open',
    'closed'
);

-- TYPE updated_frequency
CREATE TYPE public.updated_frequency AS ENUM (
    'daily',
    'hourly',
    '30min',
    '15min',
    '5min',
    'min',
    'sec',
    'millisec'
);

-- FUNCTION _pgtrigger_should_ignore(name)
CREATE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
    DECLARE
        _pgtrigger_ignore TEXT[];
        _result BOOLEAN;
    BEGIN
        BEGIN
            SELECT INTO _pgtrigger_ignore
                CURRENT_SETTING('pgtrigger.ignore');
            EXCEPTION WHEN OTHERS THEN
        END;
        IF _pgtrigger_ignore IS NOT NULL THEN
            SELECT trigger_name = ANY(_pgtrigger_ignore)
            INTO _result;
            RETURN _result;
        ELSE
            RETURN FALSE;
        END IF;
    END;
$$;

-- FUNCTION calculate_availability_percent(numeric, numeric)
CREATE FUNCTION public.calculate_availability_percent(p_hours_available numeric, p_hours_expected numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT round(100 * p_hours_available / nullif(p_hours_expected, 0), 2)
$$;

-- COMMENT FUNCTION calculate_availability_percent(p_hours_available numeric, p_hours_expected numeric)
COMMENT ON FUNCTION public.calculate_availability_percent(p_hours_available numeric, p_hours_expected numeric) IS 'Hours available in percent of hours expected; null where none were expected or either is unknown.';

-- FUNCTION check_clause_payload()
CREATE FUNCTION public.check_clause_payload() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    category text := (SELECT code FROM public.clause_category WHERE id = NEW.clause_category_id);
    problems text;
BEGIN
    SELECT string_agg(key || ': ' || problem, '; ') INTO problems
    FROM public.clause_payload_problems(category, NEW.normalized_payload);
    IF problems IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = format('clause %s: %s', NEW.name, problems),
            HINT = format('The keys of %s are listed by clause_payload_keys().', category);
    END IF;
    RETURN NEW;
END $$;

-- COMMENT FUNCTION check_clause_payload()
COMMENT ON FUNCTION public.check_clause_payload() IS 'Trigger: the payload of a clause holds the keys that its category requires, and no unknown one.';

-- FUNCTION check_credit_note(bigint, numeric, bigint)
CREATE FUNCTION public.check_credit_note(p_credit_note_id bigint, p_total numeric, p_invoice_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    v_invoice invoice_header;
    v_credited numeric;
    v_wrong text;
BEGIN
    -- Credit notes of one invoice wait for each other: each sees what those before it took back.
    SELECT * INTO v_invoice FROM invoice_header WHERE id = p_invoice_id FOR NO KEY UPDATE;
    IF v_invoice.document_type <> 'invoice' OR v_invoice.status NOT IN ('sent', 'disputed', 'paid')
        OR (SELECT (contract_id, currency_id) FROM invoice_header WHERE id = p_credit_note_id)
            <> (v_invoice.contract_id, v_invoice.currency_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('credit note %s must correct an issued invoice of its contract and currency',
                p_credit_note_id);
    END IF;
    SELECT coalesce(sum(total_amount), 0) INTO v_credited
    FROM invoice_header
    WHERE corrects_id = p_invoice_id AND status <> 'draft' AND id <> p_credit_note_id;
    IF p_total <= 0 OR v_credited + p_total > v_invoice.total_amount THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('credit note %s over %s: invoice %s is over %s, of which %s are credited',
                p_credit_note_id, p_total, coalesce(v_invoice.invoice_number, p_invoice_id::text),
                v_invoice.total_amount, v_credited);
    END IF;
    WITH credited AS (
        SELECT part.kind, part.corrects_id, sum(amount) AS amount, bool_or(header.id = p_credit_note_id) AS is_ours
        FROM invoice_header AS header
            CROSS JOIN LATERAL (
                SELECT 'line' AS kind, corrects_id, line_total_amount AS amount
                FROM invoice_line_item WHERE invoice_header_id = header.id
                UNION ALL
                SELECT 'tax', corrects_id, tax_total_amount FROM invoice_tax WHERE invoice_header_id = header.id
            ) AS part
        WHERE header.corrects_id = p_invoice_id AND (header.status <> 'draft' OR header.id = p_credit_note_id)
        GROUP BY part.kind, part.corrects_id
    ), invoiced AS (
        SELECT 'line' AS kind, id, line_total_amount AS amount
        FROM invoice_line_item WHERE invoice_header_id = p_invoice_id
        UNION ALL
        SELECT 'tax', id, tax_total_amount FROM invoice_tax WHERE invoice_header_id = p_invoice_id
    )
    SELECT string_agg(
        CASE
            WHEN invoiced.id IS NULL THEN format('a %s that names none of the invoice', credited.kind)
            ELSE format('%s of %s %s over %s', credited.amount, credited.kind, invoiced.id, invoiced.amount)
        END, ', ' ORDER BY credited.kind, credited.corrects_id)
    INTO v_wrong
    FROM credited
        LEFT JOIN invoiced ON invoiced.kind = credited.kind AND invoiced.id = credited.corrects_id
    WHERE credited.is_ours AND (
        invoiced.id IS NULL
        OR credited.amount NOT BETWEEN least(invoiced.amount, 0) AND greatest(invoiced.amount, 0));
    IF v_wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('credit note %s takes back %s', p_credit_note_id, v_wrong);
    END IF;
END $$;

-- COMMENT FUNCTION check_credit_note(p_credit_note_id bigint, p_total numeric, p_invoice_id bigint)
COMMENT ON FUNCTION public.check_credit_note(p_credit_note_id bigint, p_total numeric, p_invoice_id bigint) IS 'Refuses a credit note that takes back, with those before it, more than an invoice or one of its lines and taxes.';

-- FUNCTION check_invoice_totals(bigint, numeric)
CREATE FUNCTION public.check_invoice_totals(p_invoice_id bigint, p_total numeric) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    v_sum numeric := coalesce((
            SELECT sum(line_total_amount) FROM invoice_line_item WHERE invoice_header_id = p_invoice_id), 0)
        + coalesce((
            SELECT sum(tax_total_amount) FROM invoice_tax
            WHERE invoice_header_id = p_invoice_id AND kind <> 'withholding'), 0);
BEGIN
    IF v_sum <> p_total THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('invoice %s says %s, and its lines, levies and VAT are %s', p_invoice_id, p_total, v_sum);
    END IF;
END $$;

-- COMMENT FUNCTION check_invoice_totals(p_invoice_id bigint, p_total numeric)
COMMENT ON FUNCTION public.check_invoice_totals(p_invoice_id bigint, p_total numeric) IS 'Refuses a total that is not the sum of lines, levies and VAT; withholdings are no part of it.';

-- FUNCTION check_meter_aggregate_references()
CREATE FUNCTION public.check_meter_aggregate_references() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    strangers text;
BEGIN
    SELECT string_agg(format('organization %s, meter %s', organization_id, meter_id), '; '
        ORDER BY meter_id, organization_id)
    INTO strangers
    FROM (
        SELECT named.*
        FROM (SELECT DISTINCT meter_id, organization_id FROM written ORDER BY meter_id, organization_id) AS named
            LEFT JOIN LATERAL (
                SELECT true AS is_known
                FROM public.meter JOIN public.project ON project.id = meter.project_id
                WHERE meter.id = named.meter_id AND project.organization_id = named.organization_id
                FOR KEY SHARE
            ) AS held ON true
        WHERE is_known IS NULL
        LIMIT 10
    ) AS stranger;
    IF strangers IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = 'aggregates refer to what does not exist or does not belong together: ' || strangers,
            HINT = 'An aggregate names a meter and the organization of the meter''s project.';
    END IF;
    RETURN NULL;
END $$;

-- FUNCTION check_meter_reading_references()
CREATE FUNCTION public.check_meter_reading_references() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    strangers text;
BEGIN
    -- Held until the commit, so that nobody takes away or moves what these readings refer to.
    SELECT string_agg(format('organization %s, project %s, meter %s', organization_id, project_id, meter_id), '; '
        ORDER BY meter_id, project_id, organization_id)
    INTO strangers
    FROM (
        SELECT named.*
        FROM (
            SELECT DISTINCT meter_id, project_id, organization_id FROM written
            ORDER BY meter_id, project_id, organization_id
        ) AS named
            LEFT JOIN LATERAL (
                SELECT true AS is_known
                FROM public.meter JOIN public.project ON project.id = meter.project_id
                WHERE meter.id = named.meter_id AND project.id = named.project_id
                    AND project.organization_id = named.organization_id
                FOR KEY SHARE
            ) AS held ON true
        WHERE is_known IS NULL
        LIMIT 10
    ) AS stranger;
    IF strangers IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = 'readings refer to what does not exist or does not belong together: ' || strangers,
            HINT = 'A reading names a meter, the project of the meter and the organization of the project.';
    END IF;
    RETURN NULL;
END $$;

-- FUNCTION clause_payload_keys()
CREATE FUNCTION public.clause_payload_keys() RETURNS TABLE(category text, key text, is_required boolean)
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    -- A star marks a key that must be there.
    SELECT category, rtrim(word, '*'), word LIKE '%*'
    FROM (VALUES
        (ARRAY['AVAILABILITY'],
            'threshold* threshold_unit* measurement_period* calculation_method excused_events ld_rate ld_cap
            scheduled_outage_max_hours_per_year scheduled_outage_notice_days available_energy_method
            irradiance_threshold_wm2 interval_minutes monthly_production_formula available_energy_formula
            reference_irradiance_wm2 reference_monthly_energy_kwh deemed_kwh_per_interval comparison_operator
            availability_form'),
        (ARRAY['PERFORMANCE_GUARANTEE'],
            'variant threshold* measurement_period* degradation_rate_percent_per_year degradation_method
            guarantee_period_years weather_adjustment_method temperature_coefficient_per_c
            guaranteed_annual_production_kwh monthly_production_profile performance_ratio_schedule
            shortfall_formula_type shortfall_excused_events excused_energy p_alternate p_solar shortfall_rate_per_kwh
            shortfall_cap_usd nameplate_capacity_mw peak_power_kwp efficiency_factor
            reference_annex'),
        (ARRAY['PRICING'],
            'base_rate_per_kwh* base_rate_unit billing_currency pricing_structure escalation_rate escalation_index
            rate_schedule billing_components fx_indemnity deemed_energy_method includes_environmental_attributes
            discount_pct floor_rate ceiling_rate mrp_method mrp_included_components mrp_excluded_components
            mrp_time_window_start mrp_time_window_end mrp_calculation_due_days mrp_verification_deadline_days
            pricing_formula_text recalculation_frequency'),
        (ARRAY['PAYMENT_TERMS'],
            'invoice_frequency* payment_due_days* payment_due_calendar invoice_timing late_interest_rate
            late_interest_day_count currency billing_components
            minimum_purchase_percent take_or_pay_shortfall_rate default_rate grace_days benchmark measurement_period
            expected_energy_kwh'),
        (ARRAY['LIQUIDATED_DAMAGES'],
            'trigger_type* calculation_type* rate* rate_unit cap_amount cumulative_cap threshold_percent
            payment_due_days'),
        (ARRAY['FORCE_MAJEURE'],
            'events* notice_period_days relief_scope max_duration_days documentation_required term_extension_on_fm'),
        (ARRAY['DEFAULT'],
            'variant events* owner_default_events buyer_default_events cure_period_days* remedy cure_notice_method
            cross_default_applies payment_overdue_trigger_days security_draw_on_default interest_on_overdue
            consequences'),
        (ARRAY['TERMINATION'],
            'variant initial_term_years extension_term_years extension_count termination_notice_days
            early_termination_by_owner early_termination_by_buyer termination_fee_formula declining_schedule
            purchase_option_exists purchase_price_basis'),
        (ARRAY['CONDITIONS_PRECEDENT'],
            'conditions* longstop_date milestone_dates responsible_party_by_condition satisfaction_deadline_days
            waiver_rights failure_consequences'),
        (ARRAY['MAINTENANCE'],
            'maintenance_responsible_party* maintenance_standard sla_targets response_time_hours resolution_time_hours
            spare_parts_obligation scheduled_outage_notice_days scheduled_outage_max_hours_per_year cleaning_frequency
            emergency_notice_hours warranty_years'),
        (ARRAY['SECURITY_PACKAGE'],
            'instrument_type* amount* security_currency security_amount_formula issuer_requirements release_conditions
            draw_conditions replenishment_days'),
        (ARRAY['COMPLIANCE'],
            'standards reporting_frequency audit_rights compliance_responsible_party change_in_law_provisions'),
        (ARRAY['GENERAL'],
            'governing_law dispute_resolution_method dispute_venue notice_method assignment_restrictions
            confidentiality_period_years'),
        -- What the compliance rules read beside the vocabulary of extraction.
        (ARRAY['AVAILABILITY', 'PERFORMANCE_GUARANTEE'],
            'exclusion_mode unknown_as'),
        (ARRAY['AVAILABILITY', 'PERFORMANCE_GUARANTEE', 'LIQUIDATED_DAMAGES'],
            'cure_period_days ld_currency ld_method ld_steps ld_granularity_points ld_dead_band_points
            ld_multiplier_schedule ld_bonus_rate ld_bonus_cap ld_grace_days ld_max_days ld_rate_base ld_rate_base_amount
            ld_rate_index cap_type cap_base cap_base_amount cap_year'),
        (ARRAY['AVAILABILITY', 'PERFORMANCE_GUARANTEE', 'LIQUIDATED_DAMAGES', 'DEFAULT'],
            'extended_cure_period_days cure_calendar cure_holiday_calendar ld_accrues_during_cure
            chronic_breach')
    ) AS vocabulary (categories, words)
        CROSS JOIN unnest(categories) AS category
        CROSS JOIN regexp_split_to_table(words, '\s+') AS word
$$;

-- COMMENT FUNCTION clause_payload_keys()
COMMENT ON FUNCTION public.clause_payload_keys() IS 'The keys of clause.normalized_payload for each category of clause, and which of them must be there.';

-- FUNCTION clause_payload_problems(text, jsonb)
CREATE FUNCTION public.clause_payload_problems(p_category text, p_payload jsonb) RETURNS TABLE(key text, problem text)
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    WITH known AS (
        SELECT keys.key, keys.is_required FROM public.clause_payload_keys() AS keys WHERE keys.category = p_category
    ),
    given AS (
        SELECT name FROM jsonb_object_keys(CASE jsonb_typeof(p_payload) WHEN 'object' THEN p_payload END) AS name
    )
    SELECT 'normalized_payload', 'must hold keys and values'
    WHERE jsonb_typeof(p_payload) <> 'object' AND EXISTS (SELECT FROM known)
    UNION ALL
    (
        SELECT known.key, 'is missing, and no default may stand in for it'
        FROM known
        WHERE is_required AND jsonb_typeof(p_payload) = 'object' AND p_payload ->> known.key IS NULL
        ORDER BY known.key
    )
    UNION ALL
    (
        SELECT name, 'is not a key of ' || p_category
        FROM given
        WHERE EXISTS (SELECT FROM known) AND name NOT IN (SELECT known.key FROM known)
        ORDER BY name
    )
$$;

-- COMMENT FUNCTION clause_payload_problems(p_category text, p_payload jsonb)
COMMENT ON FUNCTION public.clause_payload_problems(p_category text, p_payload jsonb) IS 'The keys that a payload lacks or does not know, with the reason; none for no payload, or a category without keys.';

-- FUNCTION complete_ingestion_log_quarantine(bigint, jsonb, text, character varying)
CREATE FUNCTION public.complete_ingestion_log_quarantine(p_log_id bigint, p_validation_errors jsonb, p_error_message text, p_destination_path character varying DEFAULT NULL::character varying) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    UPDATE ingestion_log
    SET ingestion_status = 'quarantined', rows_loaded = 0,
        validation_errors = p_validation_errors, error_message = p_error_message,
        destination_path = p_destination_path,
        processing_completed_at = clock_timestamp(),
        processing_time_ms = (extract(epoch FROM clock_timestamp() - processing_started_at) * 1000)::integer
    WHERE id = p_log_id AND ingestion_status = 'processing';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ingestion log % is not being processed', p_log_id USING ERRCODE = 'no_data_found';
    END IF;
END $$;

-- COMMENT FUNCTION complete_ingestion_log_quarantine(p_log_id bigint, p_validation_errors jsonb, p_error_message text, p_destination_path character varying)
COMMENT ON FUNCTION public.complete_ingestion_log_quarantine(p_log_id bigint, p_validation_errors jsonb, p_error_message text, p_destination_path character varying) IS 'Closes the account of a file that was refused, with the problems found in it.';

-- FUNCTION complete_ingestion_log_success(bigint, integer, integer, timestamp with time zone, timestamp with time zone, character varying)
CREATE FUNCTION public.complete_ingestion_log_success(p_log_id bigint, p_rows_loaded integer, p_rows_skipped integer, p_data_start timestamp with time zone, p_data_end timestamp with time zone, p_destination_path character varying DEFAULT NULL::character varying) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    UPDATE ingestion_log
    SET ingestion_status = 'success', ingestion_stage = 'complete',
        rows_loaded = p_rows_loaded, rows_skipped = p_rows_skipped, rows_failed = 0,
        data_start_timestamp = p_data_start, data_end_timestamp = p_data_end,
        destination_path = p_destination_path,
        processing_completed_at = clock_timestamp(),
        processing_time_ms = (extract(epoch FROM clock_timestamp() - processing_started_at) * 1000)::integer
    WHERE id = p_log_id AND ingestion_status = 'processing';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ingestion log % is not being processed', p_log_id USING ERRCODE = 'no_data_found';
    END IF;
END $$;

-- COMMENT FUNCTION complete_ingestion_log_success(p_log_id bigint, p_rows_loaded integer, p_rows_skipped integer, p_data_start timestamp with time zone, p_data_end timestamp with time zone, p_destination_path character varying)
COMMENT ON FUNCTION public.complete_ingestion_log_success(p_log_id bigint, p_rows_loaded integer, p_rows_skipped integer, p_data_start timestamp with time zone, p_data_end timestamp with time zone, p_destination_path character varying) IS 'Closes the account of a file that was loaded.';

-- FUNCTION create_meter_reading_partition(date)
CREATE FUNCTION public.create_meter_reading_partition(partition_date date) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, YMD'
    AS $$
DECLARE
    month_start    date := date_trunc('month', partition_date)::date;
    partition_name text := 'meter_reading_' || to_char(month_start, 'YYYY_MM');
    lower_bound    text := to_char(month_start, 'YYYY-MM-DD') || ' 00:00:00+00';
    upper_bound    text := to_char(month_start + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
    existing       text;
    left_as        text;
    grantee_name   text;
    granted        record;
    policy         record;
    checking       record;
BEGIN
    IF partition_date IS NULL THEN
        RAISE EXCEPTION 'create_meter_reading_partition needs a date of the month, got null';
    END IF;

    -- Two makers of one month take turns; the second finds the work done.
    PERFORM pg_advisory_xact_lock(hashtext('create_meter_reading_partition'));

    -- What counts is the bounds that a partition has, not the name that it bears.
    SELECT child.relname INTO existing
    FROM pg_inherits JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
    WHERE pg_inherits.inhparent = 'public.meter_reading'::regclass
        AND pg_get_expr(child.relpartbound, child.oid)
            = format('FOR VALUES FROM (%L) TO (%L)', lower_bound, upper_bound);
    IF existing IS NOT NULL THEN
        RETURN existing;
    END IF;

    -- New readings beside those in the archive would be taken for all that there are of the month.
    SELECT state INTO left_as FROM public.reading_archive
    WHERE month = month_start AND state IN ('detached', 'dropped');
    IF left_as IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the readings of %s were archived and %s', to_char(month_start, 'YYYY-MM'), left_as),
            HINT = format('manage.py partitions restore %s', to_char(month_start, 'YYYY-MM'));
    END IF;

    IF to_regclass(format('public.%I', partition_name)) IS NOT NULL THEN
        RAISE EXCEPTION 'table % exists but is not the partition from % to %', partition_name, lower_bound, upper_bound
            USING HINT = 'Rename it or attach it by hand; it may hold readings.';
    END IF;

    -- Made apart and then attached: a query that reads meter_reading for an hour does not hold this up.
    EXECUTE format('CREATE TABLE public.%I (LIKE public.meter_reading INCLUDING ALL)', partition_name);

    -- A partition that is named directly is guarded by its own owner, grants and policies, not by its parent's.
    EXECUTE format('ALTER TABLE public.%I OWNER TO %s', partition_name, (
        SELECT relowner::regrole FROM pg_class WHERE oid = 'public.meter_reading'::regclass));
    FOR grantee_name IN
        SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
        FROM pg_class, aclexplode(relacl)
        WHERE oid = format('public.%I', partition_name)::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('REVOKE ALL ON public.%I FROM %s', partition_name, grantee_name);
    END LOOP;
    FOR granted IN
        SELECT privilege_type, is_grantable,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee_name
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'public.meter_reading'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON public.%I TO %s%s', granted.privilege_type, partition_name,
            granted.grantee_name, CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    FOR policy IN
        SELECT * FROM pg_policies WHERE schemaname = 'public' AND tablename = 'meter_reading'
    LOOP
        EXECUTE format('CREATE POLICY %I ON public.%I AS %s FOR %s TO %s%s%s',
            policy.policyname, partition_name, policy.permissive, policy.cmd,
            (SELECT string_agg(CASE name WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(name) END, ', ')
             FROM unnest(policy.roles) AS name),
            coalesce(' USING (' || policy.qual || ')', ''),
            coalesce(' WITH CHECK (' || policy.with_check || ')', ''));
    END LOOP;
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = 'public.meter_reading'::regclass) THEN
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', partition_name);
    END IF;
    IF (SELECT relforcerowsecurity FROM pg_class WHERE oid = 'public.meter_reading'::regclass) THEN
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', partition_name);
    END IF;
    -- PostgreSQL copies the triggers of rows by itself, those of statements never.
    FOR checking IN
        SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger
        WHERE tgrelid = 'public.meter_reading'::regclass AND NOT tgisinternal AND tgtype & 1 = 0
    LOOP
        EXECUTE replace(checking.definition, ' ON public.meter_reading ', format(' ON public.%I ', partition_name));
    END LOOP;
    EXECUTE format('COMMENT ON TABLE public.%I IS %L', partition_name,
        obj_description('public.meter_reading'::regclass, 'pg_class'));

    EXECUTE format(
        'ALTER TABLE public.%I ADD CONSTRAINT in_month CHECK (reading_timestamp >= %L AND reading_timestamp < %L)',
        partition_name, lower_bound, upper_bound);
    EXECUTE format('ALTER TABLE public.meter_reading ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        partition_name, lower_bound, upper_bound);
    EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT in_month', partition_name);
    RETURN partition_name;
END $$;

-- COMMENT FUNCTION create_meter_reading_partition(partition_date date)
COMMENT ON FUNCTION public.create_meter_reading_partition(partition_date date) IS 'Makes the partition of meter_reading for the UTC month of a date, unless it exists; returns its name.';

-- FUNCTION get_clauses_needing_review(numeric, integer)
CREATE FUNCTION public.get_clauses_needing_review(p_confidence_threshold numeric DEFAULT 0.7, p_limit integer DEFAULT 100) RETURNS TABLE(contract_id bigint, clause_id bigint, clause_name character varying, confidence_score numeric, summary text, raw_text character varying)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT clause.contract_id, clause.id, clause.name, clause.confidence_score, clause.summary, clause.raw_text
    FROM clause
    WHERE clause.confidence_score < p_confidence_threshold
    ORDER BY clause.confidence_score, clause.id
    LIMIT p_limit
$$;

-- COMMENT FUNCTION get_clauses_needing_review(p_confidence_threshold numeric, p_limit integer)
COMMENT ON FUNCTION public.get_clauses_needing_review(p_confidence_threshold numeric, p_limit integer) IS 'Clauses that extraction was less sure of than the threshold, least sure first.';

-- FUNCTION get_contract_clause_stats(bigint)
CREATE FUNCTION public.get_contract_clause_stats(p_contract_id bigint) RETURNS TABLE(total_clauses bigint, avg_confidence numeric, low_confidence_count bigint, clauses_by_type jsonb, clauses_by_category jsonb)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    WITH clauses AS (
        SELECT clause.confidence_score, type.code AS type_code, category.code AS category_code
        FROM clause
            LEFT JOIN clause_type AS type ON type.id = clause.clause_type_id
            LEFT JOIN clause_category AS category ON category.id = clause.clause_category_id
        WHERE clause.contract_id = p_contract_id
    )
    SELECT
        (SELECT count(*) FROM clauses),
        (SELECT avg(confidence_score) FROM clauses),
        (SELECT count(*) FROM clauses WHERE confidence_score < 0.7),
        (SELECT coalesce(jsonb_object_agg(code, number), '{}')
         FROM (SELECT coalesce(type_code, 'NONE') AS code, count(*) AS number FROM clauses GROUP BY 1) AS by_type),
        (SELECT coalesce(jsonb_object_agg(code, number), '{}')
         FROM (SELECT coalesce(category_code, 'NONE') AS code, count(*) AS number
               FROM clauses GROUP BY 1) AS by_category)
$$;

-- COMMENT FUNCTION get_contract_clause_stats(p_contract_id bigint)
COMMENT ON FUNCTION public.get_contract_clause_stats(p_contract_id bigint) IS 'How many clauses a contract has, how sure extraction was, and of which types and categories they are.';

-- FUNCTION get_contract_pii_count(bigint)
CREATE FUNCTION public.get_contract_pii_count(p_contract_id bigint) RETURNS integer
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT coalesce(sum(pii_entities_count), 0)::integer
    FROM contract_pii_mapping
    WHERE contract_id = p_contract_id
$$;

-- COMMENT FUNCTION get_contract_pii_count(p_contract_id bigint)
COMMENT ON FUNCTION public.get_contract_pii_count(p_contract_id bigint) IS 'How many names and numbers of a contract are masked.';

-- FUNCTION get_ingestion_stats(bigint, integer)
CREATE FUNCTION public.get_ingestion_stats(p_organization_id bigint, p_days integer DEFAULT 30) RETURNS TABLE(date date, files_processed bigint, files_success bigint, files_quarantined bigint, rows_loaded bigint, avg_processing_ms numeric)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public'
    SET "TimeZone" TO 'UTC'
    AS $$
    SELECT log.created_at::date, count(*),
        count(*) FILTER (WHERE log.ingestion_status = 'success'),
        count(*) FILTER (WHERE log.ingestion_status = 'quarantined'),
        coalesce(sum(log.rows_loaded), 0)::bigint,
        avg(log.processing_time_ms)
    FROM ingestion_log AS log
    WHERE log.organization_id = p_organization_id AND log.created_at >= now() - make_interval(days => p_days)
    GROUP BY 1
    ORDER BY 1 DESC
$$;

-- COMMENT FUNCTION get_ingestion_stats(p_organization_id bigint, p_days integer)
COMMENT ON FUNCTION public.get_ingestion_stats(p_organization_id bigint, p_days integer) IS 'Files and rows of an organization for each UTC day of the last days, newest first.';

-- FUNCTION get_parsing_statistics(integer)
CREATE FUNCTION public.get_parsing_statistics(p_days_back integer DEFAULT 30) RETURNS TABLE(total_contracts bigint, completed_contracts bigint, failed_contracts bigint, processing_contracts bigint, pending_contracts bigint, avg_processing_time numeric, avg_pii_detected numeric, avg_clauses_extracted numeric)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT
        count(*),
        count(*) FILTER (WHERE parsing_status = 'completed'),
        count(*) FILTER (WHERE parsing_status = 'failed'),
        count(*) FILTER (WHERE parsing_status = 'processing'),
        count(*) FILTER (WHERE parsing_status = 'pending'),
        avg(processing_time_seconds) FILTER (WHERE parsing_status = 'completed'),
        avg(pii_detected_count) FILTER (WHERE parsing_status = 'completed'),
        avg(clauses_extracted_count) FILTER (WHERE parsing_status = 'completed')
    FROM contract
    WHERE parsing_status IS NOT NULL AND created_at >= now() - make_interval(days => p_days_back)
$$;

-- COMMENT FUNCTION get_parsing_statistics(p_days_back integer)
COMMENT ON FUNCTION public.get_parsing_statistics(p_days_back integer) IS 'How the parsing of the contracts of the last days went; averages are of completed ones.';

-- FUNCTION get_sites_ready_for_sync(bigint)
CREATE FUNCTION public.get_sites_ready_for_sync(p_data_source_id bigint DEFAULT NULL::bigint) RETURNS TABLE(site_id bigint, organization_id bigint, integration_credential_id bigint, project_id bigint, external_site_id character varying, minutes_since_sync integer)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT site.id, site.organization_id, site.integration_credential_id, site.project_id, site.external_site_id,
        floor(extract(epoch FROM now() - site.last_sync_at) / 60)::integer
    FROM integration_site AS site
        JOIN integration_credential AS credential ON credential.id = site.integration_credential_id
    WHERE site.is_active AND site.sync_enabled AND credential.is_active
        AND (p_data_source_id IS NULL OR site.data_source_id = p_data_source_id)
        AND (site.last_sync_at IS NULL
            OR site.last_sync_at <= now() - make_interval(mins => site.sync_interval_minutes))
    ORDER BY site.last_sync_at NULLS FIRST, site.id
$$;

-- COMMENT FUNCTION get_sites_ready_for_sync(p_data_source_id bigint)
COMMENT ON FUNCTION public.get_sites_ready_for_sync(p_data_source_id bigint) IS 'Active sites whose sync is due, longest waiting first; of one data source, or of all.';

-- FUNCTION guard_meter_of_readings()
CREATE FUNCTION public.guard_meter_of_readings() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    holding text;
    deed    text := CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'renumbered or moved to another project' END;
BEGIN
    PERFORM FROM public.meter WHERE id = OLD.id FOR UPDATE;
    holding := CASE
        WHEN EXISTS (SELECT FROM public.meter_reading WHERE meter_id = OLD.id) THEN 'readings'
        WHEN EXISTS (SELECT FROM public.meter_aggregate WHERE meter_id = OLD.id) THEN 'aggregates'
    END;
    IF holding IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = format('meter %s has %s and may not be %s', OLD.id, holding, deed);
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('meter %s may not be %s in a transaction that is %s', OLD.id, deed,
                current_setting('transaction_isolation')),
            HINT = 'Its old snapshot does not show the newest readings. Do it in READ COMMITTED.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- FUNCTION guard_project_of_readings()
CREATE FUNCTION public.guard_project_of_readings() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    holding text;
BEGIN
    PERFORM FROM public.project WHERE id = OLD.id FOR UPDATE;
    -- One look into the index for each meter, whatever the planner thinks.
    holding := CASE
        WHEN EXISTS (
            SELECT FROM public.meter CROSS JOIN LATERAL (
                SELECT FROM public.meter_reading WHERE meter_id = meter.id LIMIT 1
            ) AS reading
            WHERE project_id = OLD.id
        ) THEN 'readings'
        WHEN EXISTS (
            SELECT FROM public.meter CROSS JOIN LATERAL (
                SELECT FROM public.meter_aggregate WHERE meter_id = meter.id LIMIT 1
            ) AS aggregate
            WHERE project_id = OLD.id
        ) THEN 'aggregates'
    END;
    IF holding IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = format('project %s has %s and may not be moved to another organization', OLD.id, holding);
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('project %s may not be moved to another organization in a transaction that is %s', OLD.id,
                current_setting('transaction_isolation')),
            HINT = 'Its old snapshot does not show the newest readings. Do it in READ COMMITTED.';
    END IF;
    RETURN NEW;
END $$;

-- FUNCTION guard_proven_tariff()
CREATE FUNCTION public.guard_proven_tariff() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.status = 'draft' THEN
        NEW.published_at := NULL;
        NEW.proven_until := NULL;
    ELSIF (NEW.contract_id, NEW.tariff_type_id, NEW.currency_id, NEW.valid_from, NEW.base_rate, NEW.unit,
            NEW.logic_parameters) IS DISTINCT FROM (OLD.contract_id, OLD.tariff_type_id, OLD.currency_id,
            OLD.valid_from, OLD.base_rate, OLD.unit, OLD.logic_parameters) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'tariff ' || OLD.id || ' is published and its price may not be changed',
            HINT = 'End it and add another, or make it a draft again.';
    END IF;
    RETURN NEW;
END $$;

-- FUNCTION guard_truncated_meters()
CREATE FUNCTION public.guard_truncated_meters() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    IF EXISTS (SELECT FROM public.meter_reading) OR EXISTS (SELECT FROM public.meter_aggregate) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = TG_TABLE_SCHEMA,
            TABLE = TG_TABLE_NAME,
            CONSTRAINT = TG_NAME,
            MESSAGE = 'there are readings or aggregates, and the meters they refer to may not be truncated',
            HINT = 'Truncate meter_reading and meter_aggregate in the same statement.';
    END IF;
    RETURN NULL;
END $$;

-- FUNCTION integration_credential_needs_refresh(bigint)
CREATE FUNCTION public.integration_credential_needs_refresh(p_credential_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT coalesce(bool_or(
        auth_type = 'oauth2' AND is_active
        AND (token_expires_at IS NULL OR token_expires_at <= now() + interval '5 minutes')), false)
    FROM integration_credential
    WHERE id = p_credential_id
$$;

-- COMMENT FUNCTION integration_credential_needs_refresh(p_credential_id bigint)
COMMENT ON FUNCTION public.integration_credential_needs_refresh(p_credential_id bigint) IS 'Whether an active OAuth token is unknown, over, or has five minutes or less to live.';

-- FUNCTION integration_credential_record_error(bigint, text)
CREATE FUNCTION public.integration_credential_record_error(p_credential_id bigint, p_error_message text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    UPDATE integration_credential
    SET last_used_at = now(), last_error = p_error_message, error_count = error_count + 1
    WHERE id = p_credential_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'integration credential % does not exist', p_credential_id USING ERRCODE = 'no_data_found';
    END IF;
END $$;

-- COMMENT FUNCTION integration_credential_record_error(p_credential_id bigint, p_error_message text)
COMMENT ON FUNCTION public.integration_credential_record_error(p_credential_id bigint, p_error_message text) IS 'Notes an error of a credential and counts it.';

-- FUNCTION integration_credential_record_success(bigint)
CREATE FUNCTION public.integration_credential_record_success(p_credential_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    UPDATE integration_credential
    SET last_used_at = now(), last_error = NULL, error_count = 0
    WHERE id = p_credential_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'integration credential % does not exist', p_credential_id USING ERRCODE = 'no_data_found';
    END IF;
END $$;

-- COMMENT FUNCTION integration_credential_record_success(p_credential_id bigint)
COMMENT ON FUNCTION public.integration_credential_record_success(p_credential_id bigint) IS 'Notes that a credential was used without error.';

-- FUNCTION is_time_zone(character varying)
CREATE FUNCTION public.is_time_zone(name character varying) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
    SELECT EXISTS (SELECT FROM pg_catalog.pg_timezone_names AS known WHERE known.name = $1)
$_$;

-- COMMENT FUNCTION is_time_zone(name character varying)
COMMENT ON FUNCTION public.is_time_zone(name character varying) IS 'Whether the server knows a time zone by this name; a bare offset such as -07:00 is none, its sign is ambiguous.';

-- FUNCTION log_pii_access(bigint)
CREATE FUNCTION public.log_pii_access(p_contract_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    UPDATE contract_pii_mapping
    SET accessed_at = now(), accessed_by = auth.uid(), access_count = access_count + 1
    WHERE contract_id = p_contract_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'contract % has no mapping of masked names', p_contract_id
            USING ERRCODE = 'no_data_found';
    END IF;
END $$;

-- COMMENT FUNCTION log_pii_access(p_contract_id bigint)
COMMENT ON FUNCTION public.log_pii_access(p_contract_id bigint) IS 'Counts one reading of the mapping of a contract by the signed-in user.';

-- FUNCTION pgtrigger_change_stays_ca618()
CREATE FUNCTION public.pgtrigger_change_stays_ca618() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = 'what became of an invoice is recorded once and neither changed nor deleted';
END;
$$;

-- FUNCTION pgtrigger_counts_on_23f83()
CREATE FUNCTION public.pgtrigger_counts_on_23f83() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM public.invoice_header WHERE invoice_series_id = OLD.id) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'restrict_violation',
                MESSAGE = 'series ' || OLD.pattern || ' of ' || OLD.year || ' has numbered documents and stays';
        END IF;
        RETURN OLD;
    END IF;
    IF to_jsonb(NEW) - 'last_number' <> to_jsonb(OLD) - 'last_number'
            AND EXISTS (SELECT FROM public.invoice_header WHERE invoice_series_id = OLD.id)
        OR NEW.last_number NOT IN (OLD.last_number, OLD.last_number + 1) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'series ' || OLD.pattern || ' of ' || OLD.year || ' counts on from ' || OLD.last_number
                || ', one number for each document, and changes in nothing else',
            HINT = 'Begin another pattern with the next year.';
    END IF;
    RETURN NEW;
END;
$$;

-- FUNCTION pgtrigger_issued_is_final_65188()
CREATE FUNCTION public.pgtrigger_issued_is_final_65188() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM public.invoice_header
    WHERE status <> 'draft'
        AND id IN (
            CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_header_id END,
            CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_header_id END
        )
    FOR SHARE;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'the lines of an issued invoice may not be added to, changed or deleted',
            HINT = 'Correct the invoice by a credit note.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END;
$$;

-- FUNCTION pgtrigger_issued_is_final_ba802()
CREATE FUNCTION public.pgtrigger_issued_is_final_ba802() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE numbering CONSTANT text[] := ARRAY['status', 'invoice_number', 'invoice_date', 'due_date', 'invoice_series_id', 'series_number'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'restrict_violation',
                MESSAGE = 'an invoice begins as a draft, not ' || NEW.status,
                HINT = 'Insert a draft, then verify and issue it.';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'restrict_violation',
                MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be deleted',
                HINT = 'Correct it by a credit note.';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('draft', 'verified'), ('verified', 'draft'), ('verified', 'sent'),
        ('sent', 'disputed'), ('sent', 'paid'), ('disputed', 'sent'), ('disputed', 'paid')
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' is ' || OLD.status || ' and cannot become ' || NEW.status,
            HINT = 'draft, verified, sent, then paid or disputed; what is verified may become a draft again.';
    END IF;
    IF NEW.id <> OLD.id OR NEW.status IN ('draft', 'verified') AND NEW.invoice_series_id IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' keeps its id and takes its number when it is issued';
    END IF;
    IF OLD.status = 'draft' AND NEW.status = 'draft' THEN
        RETURN NEW;
    END IF;
    IF OLD.status <> 'draft' AND to_jsonb(NEW) - 'status' <> to_jsonb(OLD) - 'status' AND (
        (OLD.status, NEW.status) <> ('verified', 'sent') OR to_jsonb(NEW) - numbering <> to_jsonb(OLD) - numbering
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'invoice ' || OLD.id || ' is issued and may not be changed, its status apart',
            HINT = 'Correct it by a credit note.';
    END IF;
    IF OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    IF OLD.status = 'draft' THEN
        PERFORM public.check_invoice_totals(NEW.id, NEW.total_amount);
        IF NEW.corrects_id IS NOT NULL THEN
            PERFORM public.check_credit_note(NEW.id, NEW.total_amount, NEW.corrects_id);
        END IF;
    END IF;
    IF OLD.status = 'verified' AND NEW.status = 'sent' THEN
        IF NEW.invoice_date IS NULL OR NOT EXISTS (
            SELECT FROM public.invoice_series AS series JOIN public.contract ON contract.id = NEW.contract_id
            WHERE series.id = NEW.invoice_series_id
                AND series.organization_id = contract.organization_id
                AND series.document_type = NEW.document_type
                AND series.year = date_part('year', NEW.invoice_date)
                AND series.last_number = NEW.series_number
                AND NEW.invoice_number = public.show_invoice_number(
                    series.pattern, series.digits, series.year, series.last_number)
        ) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'restrict_violation',
                MESSAGE = 'invoice ' || OLD.id || ' is issued with the number just taken from its series, and a date',
                HINT = 'Use issue_invoice.';
        END IF;
    END IF;
    INSERT INTO public.invoice_status_change
        (invoice_header_id, from_status, to_status, changed_by, effective_on, reason)
    VALUES (
        NEW.id, OLD.status, NEW.status,
        coalesce(nullif(current_setting('frontier.actor', true), ''), current_user),
        coalesce(nullif(current_setting('frontier.effective_on', true), '')::date, current_date),
        nullif(current_setting('frontier.reason', true), '')
    );
    RETURN NEW;
END;
$$;

-- FUNCTION pgtrigger_issued_is_final_e98dc()
CREATE FUNCTION public.pgtrigger_issued_is_final_e98dc() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM public.invoice_header
    WHERE status <> 'draft'
        AND id IN (
            CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_header_id END,
            CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_header_id END
        )
    FOR SHARE;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'the lines of an issued invoice may not be added to, changed or deleted',
            HINT = 'Correct the invoice by a credit note.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END;
$$;

-- FUNCTION pgtrigger_issued_is_not_truncated_350b8()
CREATE FUNCTION public.pgtrigger_issued_is_not_truncated_350b8() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';
    END IF;
    RETURN NULL;
END;
$$;

-- FUNCTION pgtrigger_issued_is_not_truncated_53501()
CREATE FUNCTION public.pgtrigger_issued_is_not_truncated_53501() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';
    END IF;
    RETURN NULL;
END;
$$;

-- FUNCTION pgtrigger_issued_is_not_truncated_93bdf()
CREATE FUNCTION public.pgtrigger_issued_is_not_truncated_93bdf() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';
    END IF;
    RETURN NULL;
END;
$$;

-- FUNCTION pgtrigger_issued_is_not_truncated_af8be()
CREATE FUNCTION public.pgtrigger_issued_is_not_truncated_af8be() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';
    END IF;
    RETURN NULL;
END;
$$;

-- FUNCTION pgtrigger_issued_is_not_truncated_d4350()
CREATE FUNCTION public.pgtrigger_issued_is_not_truncated_d4350() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM public.invoice_header WHERE status <> 'draft') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = TG_TABLE_NAME || ' holds issued invoices and may not be truncated';
    END IF;
    RETURN NULL;
END;
$$;

-- FUNCTION pgtrigger_number_is_used_c9a27()
CREATE FUNCTION public.pgtrigger_number_is_used_c9a27() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.invoice_header
        WHERE invoice_series_id = NEW.id AND series_number = NEW.last_number
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            MESSAGE = 'number ' || NEW.last_number || ' of series ' || NEW.pattern || ' was taken for no document',
            HINT = 'Numbers are gapless: take one only in the transaction that issues.';
    END IF;
    RETURN NULL;
END;
$$;

-- FUNCTION preserve_default_event_evidence(bigint, timestamp with time zone, timestamp with time zone, bigint[], numeric, numeric, numeric, numeric, jsonb, character varying)
CREATE FUNCTION public.preserve_default_event_evidence(p_event_id bigint, p_breach_start timestamp with time zone, p_breach_end timestamp with time zone, p_meters bigint[], p_expected_value numeric, p_actual_value numeric, p_shortfall numeric, p_availability numeric, p_sample_readings jsonb, p_data_hash character varying) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    SET "TimeZone" TO 'UTC'
    AS $$
BEGIN
    UPDATE default_event
    SET evidence = jsonb_build_object(
            'period', jsonb_build_object('start', p_breach_start, 'end', p_breach_end),
            'meters', to_jsonb(p_meters),
            'values', jsonb_build_object('expected', p_expected_value, 'actual', p_actual_value,
                'shortfall', p_shortfall, 'availability', p_availability),
            'sample_readings', p_sample_readings,
            'data_hash', p_data_hash),
        updated_at = now()
    WHERE id = p_event_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'default event % does not exist', p_event_id USING ERRCODE = 'no_data_found';
    END IF;
END $$;

-- COMMENT FUNCTION preserve_default_event_evidence(p_event_id bigint, p_breach_start timestamp with time zone, p_breach_end timestamp with time zone, p_meters bigint[], p_expected_value numeric, p_actual_value numeric, p_shortfall numeric, p_availability numeric, p_sample_readings jsonb, p_data_hash character varying)
COMMENT ON FUNCTION public.preserve_default_event_evidence(p_event_id bigint, p_breach_start timestamp with time zone, p_breach_end timestamp with time zone, p_meters bigint[], p_expected_value numeric, p_actual_value numeric, p_shortfall numeric, p_availability numeric, p_sample_readings jsonb, p_data_hash character varying) IS 'Writes the evidence of a default event: period, meters, values, sample readings and hash.';

-- FUNCTION show_invoice_number(character varying, integer, integer, bigint)
CREATE FUNCTION public.show_invoice_number(pattern character varying, digits integer, year integer, number bigint) RETURNS character varying
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT replace(
        replace(pattern, '{year}', year::text), '{number}', lpad(number::text, greatest(digits, length(number::text)), '0'))
$$;

-- COMMENT FUNCTION show_invoice_number(pattern character varying, digits integer, year integer, number bigint)
COMMENT ON FUNCTION public.show_invoice_number(pattern character varying, digits integer, year integer, number bigint) IS 'The number of a document as it is printed: year and number in the pattern of its series.';

-- FUNCTION start_ingestion_log(bigint, bigint, character varying, bigint, character varying, character varying, bigint)
CREATE FUNCTION public.start_ingestion_log(p_organization_id bigint, p_data_source_id bigint, p_file_path character varying, p_file_size bigint DEFAULT NULL::bigint, p_file_format character varying DEFAULT NULL::character varying, p_file_hash character varying DEFAULT NULL::character varying, p_site_id bigint DEFAULT NULL::bigint) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'public'
    AS $_$
    INSERT INTO ingestion_log (
        organization_id, data_source_id, file_path, file_name, file_size_bytes, file_format, file_hash,
        integration_site_id, ingestion_stage
    )
    VALUES (
        p_organization_id, p_data_source_id, p_file_path, substring(p_file_path FROM '[^/]*$'), p_file_size,
        p_file_format, p_file_hash, p_site_id, 'validating'
    )
    RETURNING id
$_$;

-- COMMENT FUNCTION start_ingestion_log(p_organization_id bigint, p_data_source_id bigint, p_file_path character varying, p_file_size bigint, p_file_format character varying, p_file_hash character varying, p_site_id bigint)
COMMENT ON FUNCTION public.start_ingestion_log(p_organization_id bigint, p_data_source_id bigint, p_file_path character varying, p_file_size bigint, p_file_format character varying, p_file_hash character varying, p_site_id bigint) IS 'Opens the account of a file and returns its number.';

-- FUNCTION update_contract_parsing_status(bigint, character varying, text)
CREATE FUNCTION public.update_contract_parsing_status(p_contract_id bigint, p_status character varying, p_error text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    UPDATE contract
    SET parsing_status = p_status,
        parsing_started_at = CASE WHEN p_status = 'processing' THEN now() ELSE parsing_started_at END,
        parsing_completed_at = CASE
            WHEN p_status IN ('completed', 'failed') THEN now()
            WHEN p_status IN ('pending', 'processing') THEN NULL
            ELSE parsing_completed_at
        END,
        processing_time_seconds = CASE
            WHEN p_status IN ('completed', 'failed') AND parsing_started_at IS NOT NULL
                THEN round(extract(epoch FROM now() - parsing_started_at), 2)
            WHEN p_status IN ('pending', 'processing') THEN NULL
            ELSE processing_time_seconds
        END,
        parsing_error = p_error,
        updated_at = now()
    WHERE id = p_contract_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'contract % does not exist', p_contract_id USING ERRCODE = 'no_data_found';
    END IF;
END $$;

-- COMMENT FUNCTION update_contract_parsing_status(p_contract_id bigint, p_status character varying, p_error text)
COMMENT ON FUNCTION public.update_contract_parsing_status(p_contract_id bigint, p_status character varying, p_error text) IS 'Moves a contract to a parsing status and keeps its times.';

-- FUNCTION update_file_mapping_timestamp()
CREATE FUNCTION public.update_file_mapping_timestamp() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

-- FUNCTION update_integration_credential_timestamp()
CREATE FUNCTION public.update_integration_credential_timestamp() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

-- FUNCTION update_integration_site_timestamp()
CREATE FUNCTION public.update_integration_site_timestamp() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

-- FUNCTION update_site_sync_status(bigint, character varying, text, integer)
CREATE FUNCTION public.update_site_sync_status(p_site_id bigint, p_status character varying, p_error text DEFAULT NULL::text, p_records_count integer DEFAULT NULL::integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    UPDATE integration_site
    SET last_sync_at = CASE WHEN p_status = 'pending' THEN last_sync_at ELSE now() END,
        last_sync_status = p_status,
        last_sync_error = p_error,
        last_sync_records_count = coalesce(p_records_count, last_sync_records_count),
        consecutive_failures = CASE p_status
            WHEN 'error' THEN consecutive_failures + 1
            WHEN 'success' THEN 0
            ELSE consecutive_failures
        END
    WHERE id = p_site_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'integration site % does not exist', p_site_id USING ERRCODE = 'no_data_found';
    END IF;
END $$;

-- COMMENT FUNCTION update_site_sync_status(p_site_id bigint, p_status character varying, p_error text, p_records_count integer)
COMMENT ON FUNCTION public.update_site_sync_status(p_site_id bigint, p_status character varying, p_error text, p_records_count integer) IS 'Notes what became of a sync of a site and counts failures in a row.';

-- FUNCTION validate_default_event_evidence(jsonb)
CREATE FUNCTION public.validate_default_event_evidence(p_evidence jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_evidence IS NULL OR coalesce(
        jsonb_typeof(p_evidence) = 'object'
        AND jsonb_typeof(p_evidence -> 'period') = 'object'
        AND p_evidence -> 'period' ?& ARRAY['start', 'end']
        AND jsonb_typeof(p_evidence -> 'meters') = 'array'
        AND jsonb_typeof(p_evidence -> 'values') = 'object'
        AND p_evidence -> 'values' ?& ARRAY['expected', 'actual', 'shortfall', 'availability']
        AND jsonb_typeof(p_evidence -> 'sample_readings') = 'array'
        AND jsonb_typeof(p_evidence -> 'data_hash') = 'string',
        false)
$$;

-- COMMENT FUNCTION validate_default_event_evidence(p_evidence jsonb)
COMMENT ON FUNCTION public.validate_default_event_evidence(p_evidence jsonb) IS 'Whether evidence names its period, meters, values, sample readings and the hash of the readings behind it.';

-- TABLE asset
CREATE TABLE public.asset (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    asset_type_id bigint NOT NULL,
    vendor_id bigint,
    name character varying NOT NULL,
    description character varying,
    model character varying,
    serial_code character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE asset
COMMENT ON TABLE public.asset IS 'Fact: a piece of equipment of a project.';

-- SEQUENCE asset_id_seq
ALTER TABLE public.asset ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.asset_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE asset_type
CREATE TABLE public.asset_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE asset_type
COMMENT ON TABLE public.asset_type IS 'Lookup: kinds of equipment.';

-- SEQUENCE asset_type_id_seq
ALTER TABLE public.asset_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.asset_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE billing_period
CREATE TABLE public.billing_period (
    id bigint NOT NULL,
    name character varying NOT NULL,
    start_date date NOT NULL,
    end_date date NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT billing_period_dates_check CHECK ((end_date >= start_date))
);

-- COMMENT TABLE billing_period
COMMENT ON TABLE public.billing_period IS 'Lookup: the periods that invoices are drawn up for, first to last day, both inclusive.';

-- SEQUENCE billing_period_id_seq
ALTER TABLE public.billing_period ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.billing_period_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE clause
CREATE TABLE public.clause (
    id bigint NOT NULL,
    project_id bigint,
    contract_id bigint NOT NULL,
    clause_responsibleparty_id bigint,
    clause_type_id bigint,
    clause_category_id bigint,
    name character varying NOT NULL,
    section_ref character varying,
    raw_text character varying,
    normalized_payload jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by character varying,
    version integer DEFAULT 1 NOT NULL,
    summary text,
    beneficiary_party character varying(255),
    confidence_score numeric(4,3),
    CONSTRAINT clause_confidence_score_check CHECK (((confidence_score >= 0.0) AND (confidence_score <= 1.0)))
);

-- COMMENT TABLE clause
COMMENT ON TABLE public.clause IS 'Fact: one clause of a contract, as text and as the payload that is judged.';

-- TABLE clause_category
CREATE TABLE public.clause_category (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    key_terms text[],
    CONSTRAINT clause_category_code_check CHECK (((code)::text = upper((code)::text)))
);

-- COMMENT TABLE clause_category
COMMENT ON TABLE public.clause_category IS 'Lookup: what a clause regulates; decides the keys of its payload.';

-- SEQUENCE clause_category_id_seq
ALTER TABLE public.clause_category ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.clause_category_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- SEQUENCE clause_id_seq
ALTER TABLE public.clause ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.clause_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE clause_responsibleparty
CREATE TABLE public.clause_responsibleparty (
    id bigint NOT NULL,
    name character varying NOT NULL,
    address character varying,
    country character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE clause_responsibleparty
COMMENT ON TABLE public.clause_responsibleparty IS 'Lookup: parties that clauses make responsible.';

-- SEQUENCE clause_responsibleparty_id_seq
ALTER TABLE public.clause_responsibleparty ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.clause_responsibleparty_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE clause_tariff
CREATE TABLE public.clause_tariff (
    id bigint NOT NULL,
    project_id bigint,
    contract_id bigint NOT NULL,
    tariff_type_id bigint NOT NULL,
    currency_id bigint NOT NULL,
    name character varying NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    base_rate numeric(20,10),
    unit character varying,
    logic_parameters jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    status character varying(20) DEFAULT 'draft'::character varying NOT NULL,
    published_at timestamp with time zone,
    proven_until date,
    CONSTRAINT clause_tariff_dates_check CHECK ((valid_to >= valid_from)),
    CONSTRAINT clause_tariff_status_check CHECK (((status)::text = ANY ((ARRAY['draft'::character varying, 'published'::character varying])::text[])))
);

-- COMMENT TABLE clause_tariff
COMMENT ON TABLE public.clause_tariff IS 'Fact: a price of a contract and the days it is valid, both inclusive.';

-- SEQUENCE clause_tariff_id_seq
ALTER TABLE public.clause_tariff ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.clause_tariff_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE clause_type
CREATE TABLE public.clause_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE clause_type
COMMENT ON TABLE public.clause_type IS 'Lookup: the nature of a clause, such as operational or financial.';

-- SEQUENCE clause_type_id_seq
ALTER TABLE public.clause_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.clause_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE comparison_tolerance
CREATE TABLE public.comparison_tolerance (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    contract_id bigint,
    currency_id bigint,
    kind character varying(20) NOT NULL,
    absolute_amount numeric(20,4),
    relative_percent numeric(9,6),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chk_comparison_tolerance_absolute CHECK ((((absolute_amount >= (0)::numeric) AND (currency_id IS NOT NULL)) OR ((absolute_amount IS NULL) AND (currency_id IS NULL) AND (relative_percent IS NOT NULL)))),
    CONSTRAINT chk_comparison_tolerance_kind CHECK (((kind)::text = ANY ((ARRAY['quantity'::character varying, 'price'::character varying, 'time_of_use'::character varying, 'tax'::character varying, 'exchange_rate'::character varying, 'rounding'::character varying, 'missing'::character varying, 'extra'::character varying])::text[]))),
    CONSTRAINT chk_comparison_tolerance_relative CHECK ((relative_percent >= (0)::numeric))
);

-- COMMENT TABLE comparison_tolerance
COMMENT ON TABLE public.comparison_tolerance IS 'Fact: how far a cause may move a line of a received invoice before it matters.';

-- SEQUENCE comparison_tolerance_id_seq
ALTER TABLE public.comparison_tolerance ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.comparison_tolerance_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE contract
CREATE TABLE public.contract (
    id bigint NOT NULL,
    project_id bigint,
    organization_id bigint NOT NULL,
    counterparty_id bigint NOT NULL,
    contract_type_id bigint NOT NULL,
    contract_status_id bigint NOT NULL,
    name character varying NOT NULL,
    description character varying,
    effective_date date,
    end_date date,
    file_location character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by character varying,
    version integer DEFAULT 1 NOT NULL,
    parsing_status character varying(50),
    parsing_started_at timestamp with time zone,
    parsing_completed_at timestamp with time zone,
    parsing_error text,
    pii_detected_count integer DEFAULT 0 NOT NULL,
    clauses_extracted_count integer DEFAULT 0 NOT NULL,
    processing_time_seconds numeric(10,2),
    invoice_direction character varying(20) DEFAULT 'receivable'::character varying NOT NULL,
    CONSTRAINT contract_clauses_extracted_count_check CHECK ((clauses_extracted_count >= 0)),
    CONSTRAINT contract_dates_check CHECK ((end_date >= effective_date)),
    CONSTRAINT contract_invoice_direction_check CHECK (((invoice_direction)::text = ANY ((ARRAY['receivable'::character varying, 'payable'::character varying])::text[]))),
    CONSTRAINT contract_parsing_status_check CHECK (((parsing_status)::text = ANY ((ARRAY['pending'::character varying, 'processing'::character varying, 'completed'::character varying, 'failed'::character varying])::text[]))),
    CONSTRAINT contract_pii_detected_count_check CHECK ((pii_detected_count >= 0)),
    CONSTRAINT contract_processing_time_check CHECK ((processing_time_seconds >= (0)::numeric))
);

-- COMMENT TABLE contract
COMMENT ON TABLE public.contract IS 'Fact: an agreement between an organization and a counterparty about a project.';

-- SEQUENCE contract_id_seq
ALTER TABLE public.contract ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.contract_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE contract_pii_mapping
CREATE TABLE public.contract_pii_mapping (
    id bigint NOT NULL,
    contract_id bigint NOT NULL,
    encrypted_mapping bytea NOT NULL,
    pii_entities_count integer DEFAULT 0 NOT NULL,
    encryption_method character varying(50) DEFAULT 'aes-256-gcm'::character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by uuid,
    accessed_at timestamp with time zone,
    accessed_by uuid,
    access_count integer DEFAULT 0 NOT NULL,
    CONSTRAINT access_count_non_negative CHECK ((access_count >= 0)),
    CONSTRAINT pii_entities_count_positive CHECK ((pii_entities_count >= 0))
);

-- COMMENT TABLE contract_pii_mapping
COMMENT ON TABLE public.contract_pii_mapping IS 'Fact: the encrypted names and numbers that were masked in the text of a contract.';

-- SEQUENCE contract_pii_mapping_id_seq
ALTER TABLE public.contract_pii_mapping ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.contract_pii_mapping_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE contract_status
CREATE TABLE public.contract_status (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE contract_status
COMMENT ON TABLE public.contract_status IS 'Lookup: the life of a contract, from draft to terminated.';

-- SEQUENCE contract_status_id_seq
ALTER TABLE public.contract_status ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.contract_status_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE contract_type
CREATE TABLE public.contract_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE contract_type
COMMENT ON TABLE public.contract_type IS 'Lookup: kinds of contract, such as power purchase or O&M agreement.';

-- SEQUENCE contract_type_id_seq
ALTER TABLE public.contract_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.contract_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE contractor_report
CREATE TABLE public.contractor_report (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    counterparty_id bigint,
    raw_text character varying,
    metadata_detail jsonb,
    file_location character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE contractor_report
COMMENT ON TABLE public.contractor_report IS 'Fact: a report received from a contractor, as it came.';

-- SEQUENCE contractor_report_id_seq
ALTER TABLE public.contractor_report ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.contractor_report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE counterparty
CREATE TABLE public.counterparty (
    id bigint NOT NULL,
    counterparty_type_id bigint NOT NULL,
    name character varying NOT NULL,
    email character varying,
    address character varying,
    country character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    vat_number character varying
);

-- COMMENT TABLE counterparty
COMMENT ON TABLE public.counterparty IS 'Fact: the other side of a contract.';

-- SEQUENCE counterparty_id_seq
ALTER TABLE public.counterparty ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.counterparty_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE counterparty_type
CREATE TABLE public.counterparty_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE counterparty_type
COMMENT ON TABLE public.counterparty_type IS 'Lookup: kinds of counterparty, such as offtaker or contractor.';

-- SEQUENCE counterparty_type_id_seq
ALTER TABLE public.counterparty_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.counterparty_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE cure_step
CREATE TABLE public.cure_step (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    default_event_id bigint NOT NULL,
    step character varying(20) NOT NULL,
    happened_at timestamp with time zone NOT NULL,
    cure_deadline timestamp with time zone,
    method character varying,
    note character varying,
    recorded_by character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT cure_step_step_check CHECK (((step)::text = ANY ((ARRAY['notice'::character varying, 'extension'::character varying, 'cure'::character varying, 'waiver'::character varying, 'escalation'::character varying])::text[])))
);

-- COMMENT TABLE cure_step
COMMENT ON TABLE public.cure_step IS 'Fact: a step in the cure of a default, from its notice to its end.';

-- SEQUENCE cure_step_id_seq
ALTER TABLE public.cure_step ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.cure_step_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE currency
CREATE TABLE public.currency (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL
);

-- COMMENT TABLE currency
COMMENT ON TABLE public.currency IS 'Lookup: ISO 4217 currencies.';

-- SEQUENCE currency_id_seq
ALTER TABLE public.currency ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.currency_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE damages_ledger
CREATE TABLE public.damages_ledger (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    contract_id bigint NOT NULL,
    clause_id bigint NOT NULL,
    rule_output_id bigint NOT NULL,
    currency_id bigint NOT NULL,
    period_start timestamp with time zone NOT NULL,
    period_end timestamp with time zone NOT NULL,
    amount numeric(20,4) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT damages_ledger_amount_check CHECK ((NOT (amount = (0)::numeric))),
    CONSTRAINT damages_ledger_period_check CHECK ((period_end > period_start))
);

-- COMMENT TABLE damages_ledger
COMMENT ON TABLE public.damages_ledger IS 'Derived: what verdicts took from the caps of a clause, and what they took back when they were computed anew.';

-- SEQUENCE damages_ledger_id_seq
ALTER TABLE public.damages_ledger ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.damages_ledger_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE data_source
CREATE TABLE public.data_source (
    id bigint NOT NULL,
    name character varying NOT NULL,
    description character varying,
    updated_frequency public.updated_frequency DEFAULT 'daily'::public.updated_frequency NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE data_source
COMMENT ON TABLE public.data_source IS 'Lookup: where readings, events and faults come from.';

-- SEQUENCE data_source_id_seq
ALTER TABLE public.data_source ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.data_source_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE default_event
CREATE TABLE public.default_event (
    id bigint NOT NULL,
    project_id bigint,
    organization_id bigint NOT NULL,
    contract_id bigint NOT NULL,
    event_id bigint,
    default_event_type_id bigint NOT NULL,
    description character varying,
    metadata_detail jsonb,
    cure_deadline timestamp with time zone,
    time_start timestamp with time zone NOT NULL,
    time_acknowledged timestamp with time zone,
    time_cured timestamp with time zone,
    status public.status DEFAULT 'open'::public.status NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone,
    created_by character varying,
    updated_by character varying,
    evidence jsonb,
    evidence_archived_at timestamp with time zone,
    evidence_s3_path character varying(1024),
    clause_id bigint,
    period_start timestamp with time zone,
    period_end timestamp with time zone,
    superseded_at timestamp with time zone,
    cure_state character varying(20) DEFAULT 'observed'::character varying NOT NULL,
    notice_given_at timestamp with time zone,
    CONSTRAINT chk_default_event_evidence CHECK (public.validate_default_event_evidence(evidence)),
    CONSTRAINT default_event_cure_state_check CHECK (((cure_state)::text = ANY ((ARRAY['observed'::character varying, 'noticed'::character varying, 'cured'::character varying, 'waived'::character varying, 'escalated'::character varying])::text[]))),
    CONSTRAINT default_event_period_check CHECK ((period_end > period_start))
);

-- COMMENT TABLE default_event
COMMENT ON TABLE public.default_event IS 'Derived until a person acts on it: a clause that was not kept in a period.';

-- SEQUENCE default_event_id_seq
ALTER TABLE public.default_event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.default_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE default_event_type
CREATE TABLE public.default_event_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE default_event_type
COMMENT ON TABLE public.default_event_type IS 'Lookup: kinds of default under a contract.';

-- SEQUENCE default_event_type_id_seq
ALTER TABLE public.default_event_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.default_event_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE event
CREATE TABLE public.event (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    organization_id bigint NOT NULL,
    data_source_id bigint,
    event_type_id bigint NOT NULL,
    description character varying,
    raw_data jsonb,
    metric_outcome jsonb,
    time_start timestamp with time zone NOT NULL,
    time_acknowledged timestamp with time zone,
    time_fixed timestamp with time zone,
    time_end timestamp with time zone,
    status public.status DEFAULT 'open'::public.status NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone,
    created_by character varying,
    updated_by character varying,
    CONSTRAINT event_times_check CHECK ((time_end >= time_start))
);

-- COMMENT TABLE event
COMMENT ON TABLE public.event IS 'Fact: something that happened at a project and may excuse it.';

-- SEQUENCE event_id_seq
ALTER TABLE public.event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE event_type
CREATE TABLE public.event_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE event_type
COMMENT ON TABLE public.event_type IS 'Lookup: kinds of event; clauses name them by code as excuses.';

-- SEQUENCE event_type_id_seq
ALTER TABLE public.event_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.event_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE exchange_rate
CREATE TABLE public.exchange_rate (
    id bigint NOT NULL,
    base_currency_id bigint NOT NULL,
    quote_currency_id bigint NOT NULL,
    rate_date date NOT NULL,
    rate numeric(20,10) NOT NULL,
    source character varying(255),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT exchange_rate_currencies_check CHECK ((NOT (base_currency_id = quote_currency_id))),
    CONSTRAINT exchange_rate_rate_check CHECK ((rate > (0)::numeric))
);

-- COMMENT TABLE exchange_rate
COMMENT ON TABLE public.exchange_rate IS 'Fact: what one unit of the base currency costs in the quote currency on a day.';

-- SEQUENCE exchange_rate_id_seq
ALTER TABLE public.exchange_rate ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.exchange_rate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE expected_invoice_header
CREATE TABLE public.expected_invoice_header (
    id bigint NOT NULL,
    project_id bigint,
    contract_id bigint NOT NULL,
    billing_period_id bigint NOT NULL,
    counterparty_id bigint NOT NULL,
    currency_id bigint NOT NULL,
    total_amount numeric(20,4) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    computed_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE expected_invoice_header
COMMENT ON TABLE public.expected_invoice_header IS 'Derived: what an invoice should say according to contract and readings.';

-- SEQUENCE expected_invoice_header_id_seq
ALTER TABLE public.expected_invoice_header ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.expected_invoice_header_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE expected_invoice_line_item
CREATE TABLE public.expected_invoice_line_item (
    id bigint NOT NULL,
    expected_invoice_header_id bigint NOT NULL,
    invoice_line_item_type_id bigint NOT NULL,
    description character varying,
    line_total_amount numeric(20,4) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    quantity numeric(24,12),
    unit character varying,
    line_unit_price numeric(20,10),
    price_bucket character varying,
    tax_amount numeric(20,4),
    is_provisional boolean DEFAULT false NOT NULL
);

-- COMMENT TABLE expected_invoice_line_item
COMMENT ON TABLE public.expected_invoice_line_item IS 'Derived: one line of an expected invoice.';

-- SEQUENCE expected_invoice_line_item_id_seq
ALTER TABLE public.expected_invoice_line_item ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.expected_invoice_line_item_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE fault
CREATE TABLE public.fault (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    asset_id bigint,
    data_source_id bigint,
    fault_type_id bigint NOT NULL,
    description character varying,
    severity public.severity DEFAULT 'high'::public.severity NOT NULL,
    time_start timestamp with time zone NOT NULL,
    time_end timestamp with time zone,
    metadata_detail jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fault_times_check CHECK ((time_end >= time_start))
);

-- COMMENT TABLE fault
COMMENT ON TABLE public.fault IS 'Fact: a fault of a piece of equipment.';

-- SEQUENCE fault_id_seq
ALTER TABLE public.fault ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.fault_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE fault_type
CREATE TABLE public.fault_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE fault_type
COMMENT ON TABLE public.fault_type IS 'Lookup: kinds of equipment fault.';

-- SEQUENCE fault_type_id_seq
ALTER TABLE public.fault_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.fault_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE file_mapping
CREATE TABLE public.file_mapping (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    data_source_id bigint NOT NULL,
    name character varying(255) NOT NULL,
    file_format character varying(50) NOT NULL,
    mapping jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chk_file_mapping_format CHECK (((file_format)::text = ANY ((ARRAY['json'::character varying, 'csv'::character varying, 'parquet'::character varying, 'xlsx'::character varying, 'ndjson'::character varying, 'nem12'::character varying, 'nem13'::character varying, 'espi'::character varying, 'solaredge'::character varying, 'solaredge_v1'::character varying, 'enphase'::character varying, 'sma'::character varying, 'goodwe'::character varying])::text[])))
);

-- COMMENT TABLE file_mapping
COMMENT ON TABLE public.file_mapping IS 'Fact: how the files of a source are to be read.';

-- SEQUENCE file_mapping_id_seq
ALTER TABLE public.file_mapping ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.file_mapping_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE grid_event
CREATE TABLE public.grid_event (
    id bigint NOT NULL,
    grid_event_type_id bigint NOT NULL,
    grid_operator_id bigint,
    country character varying,
    region character varying,
    source character varying,
    metadata_detail jsonb,
    time_start timestamp with time zone NOT NULL,
    time_end timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT grid_event_times_check CHECK ((time_end >= time_start))
);

-- COMMENT TABLE grid_event
COMMENT ON TABLE public.grid_event IS 'Fact: something that happened on a grid.';

-- SEQUENCE grid_event_id_seq
ALTER TABLE public.grid_event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.grid_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE grid_event_type
CREATE TABLE public.grid_event_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE grid_event_type
COMMENT ON TABLE public.grid_event_type IS 'Lookup: kinds of grid event.';

-- SEQUENCE grid_event_type_id_seq
ALTER TABLE public.grid_event_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.grid_event_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE grid_operator
CREATE TABLE public.grid_operator (
    id bigint NOT NULL,
    name character varying NOT NULL,
    address character varying,
    country character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE grid_operator
COMMENT ON TABLE public.grid_operator IS 'Lookup: operators of the grids that projects feed.';

-- SEQUENCE grid_operator_id_seq
ALTER TABLE public.grid_operator ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.grid_operator_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE holiday
CREATE TABLE public.holiday (
    id bigint NOT NULL,
    holiday_calendar_id bigint NOT NULL,
    name character varying(255) NOT NULL,
    falls_on character varying(50) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT holiday_falls_on_check CHECK (((falls_on)::text ~ '^(\d{4}-\d{2}-\d{2}|\d{2}-\d{2}|(first|second|third|fourth|last) (monday|tuesday|wednesday|thursday|friday|saturday|sunday) of \d{2}|easter([+-]\d{1,3})?)$'::text))
);

-- COMMENT TABLE holiday
COMMENT ON TABLE public.holiday IS 'Fact: a holiday and the day it falls on, once or every year.';

-- TABLE holiday_calendar
CREATE TABLE public.holiday_calendar (
    id bigint NOT NULL,
    name character varying(255) NOT NULL,
    observed character varying(20) NOT NULL,
    known_to date,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT holiday_calendar_observed_check CHECK (((observed)::text = ANY ((ARRAY['same_day'::character varying, 'nearest_weekday'::character varying, 'next_weekday'::character varying, 'sunday_to_monday'::character varying])::text[])))
);

-- COMMENT TABLE holiday_calendar
COMMENT ON TABLE public.holiday_calendar IS 'Fact: the holidays of a place, how they move from weekends, and up to when they are known.';

-- SEQUENCE holiday_calendar_id_seq
ALTER TABLE public.holiday_calendar ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.holiday_calendar_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- SEQUENCE holiday_id_seq
ALTER TABLE public.holiday ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.holiday_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE ingestion_log
CREATE TABLE public.ingestion_log (
    id bigint NOT NULL,
    organization_id bigint,
    integration_site_id bigint,
    data_source_id bigint NOT NULL,
    file_path character varying(1024) NOT NULL,
    file_name character varying(255),
    file_size_bytes bigint,
    file_format character varying(50),
    file_hash character varying(64),
    ingestion_status public.ingestion_status DEFAULT 'processing'::public.ingestion_status NOT NULL,
    ingestion_stage public.ingestion_stage,
    rows_in_file integer,
    rows_valid integer,
    rows_loaded integer,
    rows_skipped integer,
    rows_failed integer,
    data_start_timestamp timestamp with time zone,
    data_end_timestamp timestamp with time zone,
    validation_errors jsonb,
    error_message text,
    processing_started_at timestamp with time zone DEFAULT now() NOT NULL,
    processing_completed_at timestamp with time zone,
    processing_time_ms integer,
    destination_path character varying(1024),
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    rows_replaced integer,
    CONSTRAINT chk_ingestion_log_format CHECK (((file_format)::text = ANY ((ARRAY['json'::character varying, 'csv'::character varying, 'parquet'::character varying, 'xlsx'::character varying, 'ndjson'::character varying, 'nem12'::character varying, 'nem13'::character varying, 'espi'::character varying, 'solaredge'::character varying, 'solaredge_v1'::character varying, 'enphase'::character varying, 'sma'::character varying, 'goodwe'::character varying])::text[])))
);

-- COMMENT TABLE ingestion_log
COMMENT ON TABLE public.ingestion_log IS 'Fact: one file that was offered, and what became of it.';

-- SEQUENCE ingestion_log_id_seq
ALTER TABLE public.ingestion_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.ingestion_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE integration_credential
CREATE TABLE public.integration_credential (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    data_source_id bigint NOT NULL,
    auth_type character varying(20) NOT NULL,
    label character varying(255),
    encrypted_credentials bytea NOT NULL,
    encryption_method character varying(50) DEFAULT 'fernet'::character varying NOT NULL,
    token_expires_at timestamp with time zone,
    token_refreshed_at timestamp with time zone,
    is_active boolean DEFAULT true NOT NULL,
    last_used_at timestamp with time zone,
    last_error text,
    error_count integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by uuid,
    updated_by uuid,
    CONSTRAINT chk_integration_credential_auth CHECK (((auth_type)::text = ANY ((ARRAY['api_key'::character varying, 'oauth2'::character varying])::text[])))
);

-- COMMENT TABLE integration_credential
COMMENT ON TABLE public.integration_credential IS 'Fact: an encrypted key to a vendor''s portal.';

-- SEQUENCE integration_credential_id_seq
ALTER TABLE public.integration_credential ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.integration_credential_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE integration_site
CREATE TABLE public.integration_site (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    integration_credential_id bigint NOT NULL,
    project_id bigint,
    meter_id bigint,
    data_source_id bigint NOT NULL,
    external_site_id character varying(255) NOT NULL,
    external_site_name character varying(255),
    external_metadata jsonb,
    is_active boolean DEFAULT true NOT NULL,
    sync_enabled boolean DEFAULT true NOT NULL,
    sync_interval_minutes integer DEFAULT 60 NOT NULL,
    last_sync_at timestamp with time zone,
    last_sync_status character varying(50),
    last_sync_error text,
    last_sync_records_count integer,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    synced_until timestamp with time zone,
    CONSTRAINT chk_integration_site_sync_interval CHECK ((sync_interval_minutes > 0)),
    CONSTRAINT chk_integration_site_sync_status CHECK (((last_sync_status)::text = ANY ((ARRAY['success'::character varying, 'error'::character varying, 'pending'::character varying, 'partial'::character varying])::text[])))
);

-- COMMENT TABLE integration_site
COMMENT ON TABLE public.integration_site IS 'Fact: a site in a vendor''s portal and the project and meter it feeds.';

-- SEQUENCE integration_site_id_seq
ALTER TABLE public.integration_site ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.integration_site_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE invoice_comparison
CREATE TABLE public.invoice_comparison (
    id bigint NOT NULL,
    expected_invoice_header_id bigint,
    received_invoice_header_id bigint,
    variance_amount numeric(20,4) NOT NULL,
    status public.invoice_comparison_status DEFAULT 'unchecked'::public.invoice_comparison_status NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    exchange_rate numeric(20,10),
    CONSTRAINT chk_invoice_comparison_exchange_rate CHECK ((exchange_rate > (0)::numeric)),
    CONSTRAINT invoice_comparison_sides_check CHECK (((expected_invoice_header_id IS NOT NULL) OR (received_invoice_header_id IS NOT NULL)))
);

-- COMMENT TABLE invoice_comparison
COMMENT ON TABLE public.invoice_comparison IS 'Derived: an expected invoice set against the received one.';

-- SEQUENCE invoice_comparison_id_seq
ALTER TABLE public.invoice_comparison ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoice_comparison_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE invoice_comparison_line_item
CREATE TABLE public.invoice_comparison_line_item (
    id bigint NOT NULL,
    invoice_comparison_id bigint NOT NULL,
    expected_invoice_line_item_id bigint,
    received_invoice_line_item_id bigint,
    variance_amount numeric(20,4) NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    quantity_amount numeric(20,4) DEFAULT 0 NOT NULL,
    price_amount numeric(20,4) DEFAULT 0 NOT NULL,
    time_of_use_amount numeric(20,4) DEFAULT 0 NOT NULL,
    tax_amount numeric(20,4) DEFAULT 0 NOT NULL,
    exchange_rate_amount numeric(20,4) DEFAULT 0 NOT NULL,
    rounding_amount numeric(20,4) DEFAULT 0 NOT NULL,
    missing_amount numeric(20,4) DEFAULT 0 NOT NULL,
    extra_amount numeric(20,4) DEFAULT 0 NOT NULL,
    reason text,
    CONSTRAINT chk_invoice_comparison_line_item_parts CHECK ((variance_amount = (((((((quantity_amount + price_amount) + time_of_use_amount) + tax_amount) + exchange_rate_amount) + rounding_amount) + missing_amount) + extra_amount))),
    CONSTRAINT invoice_comparison_line_item_sides_check CHECK (((expected_invoice_line_item_id IS NOT NULL) OR (received_invoice_line_item_id IS NOT NULL)))
);

-- COMMENT TABLE invoice_comparison_line_item
COMMENT ON TABLE public.invoice_comparison_line_item IS 'Derived: one pair of lines of a comparison.';

-- SEQUENCE invoice_comparison_line_item_id_seq
ALTER TABLE public.invoice_comparison_line_item ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoice_comparison_line_item_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE invoice_header
CREATE TABLE public.invoice_header (
    id bigint NOT NULL,
    project_id bigint,
    contract_id bigint NOT NULL,
    billing_period_id bigint NOT NULL,
    counterparty_id bigint NOT NULL,
    currency_id bigint NOT NULL,
    invoice_number character varying,
    invoice_date date,
    due_date date,
    total_amount numeric(20,4) NOT NULL,
    status public.invoice_status DEFAULT 'draft'::public.invoice_status NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    computed_at timestamp with time zone DEFAULT now() NOT NULL,
    document_type character varying(20) DEFAULT 'invoice'::character varying NOT NULL,
    corrects_id bigint,
    invoice_series_id bigint,
    series_number bigint,
    CONSTRAINT chk_invoice_header_corrects CHECK ((((corrects_id IS NULL) AND ((document_type)::text = 'invoice'::text)) OR ((corrects_id IS NOT NULL) AND ((document_type)::text = 'credit_note'::text)))),
    CONSTRAINT chk_invoice_header_document_type CHECK (((document_type)::text = ANY ((ARRAY['invoice'::character varying, 'credit_note'::character varying])::text[]))),
    CONSTRAINT chk_invoice_header_number CHECK ((((invoice_series_id IS NULL) AND (series_number IS NULL)) OR ((invoice_date IS NOT NULL) AND (invoice_number IS NOT NULL) AND (invoice_series_id IS NOT NULL) AND (series_number IS NOT NULL))))
);

-- COMMENT TABLE invoice_header
COMMENT ON TABLE public.invoice_header IS 'Derived while a draft, a fact once issued: an invoice of the organization.';

-- SEQUENCE invoice_header_id_seq
ALTER TABLE public.invoice_header ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoice_header_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE invoice_line_item
CREATE TABLE public.invoice_line_item (
    id bigint NOT NULL,
    invoice_header_id bigint NOT NULL,
    rule_output_id bigint,
    clause_tariff_id bigint,
    meter_aggregate_id bigint,
    invoice_line_item_type_id bigint NOT NULL,
    description character varying,
    quantity numeric(24,12),
    line_unit_price numeric(20,10),
    line_total_amount numeric(20,4) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    vat_category character varying(2),
    vat_rate numeric(9,6),
    corrects_id bigint,
    is_provisional boolean DEFAULT false NOT NULL,
    CONSTRAINT chk_invoice_line_item_vat_category CHECK (((vat_category)::text = ANY ((ARRAY['S'::character varying, 'Z'::character varying, 'E'::character varying, 'AE'::character varying, 'K'::character varying, 'G'::character varying, 'O'::character varying])::text[])))
);

-- COMMENT TABLE invoice_line_item
COMMENT ON TABLE public.invoice_line_item IS 'Derived while a draft, a fact once issued: one line of an invoice.';

-- SEQUENCE invoice_line_item_id_seq
ALTER TABLE public.invoice_line_item ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoice_line_item_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE invoice_line_item_type
CREATE TABLE public.invoice_line_item_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE invoice_line_item_type
COMMENT ON TABLE public.invoice_line_item_type IS 'Lookup: kinds of invoice line.';

-- SEQUENCE invoice_line_item_type_id_seq
ALTER TABLE public.invoice_line_item_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoice_line_item_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE invoice_notice
CREATE TABLE public.invoice_notice (
    notification_id bigint NOT NULL,
    kind character varying(20) NOT NULL,
    invoice_header_id bigint,
    received_invoice_header_id bigint,
    CONSTRAINT chk_invoice_notice_invoice CHECK ((((invoice_header_id IS NULL) AND (received_invoice_header_id IS NOT NULL)) OR ((invoice_header_id IS NOT NULL) AND (received_invoice_header_id IS NULL)))),
    CONSTRAINT chk_invoice_notice_kind CHECK (((kind)::text = ANY ((ARRAY['ready'::character varying, 'due'::character varying, 'overdue'::character varying])::text[])))
);

-- COMMENT TABLE invoice_notice
COMMENT ON TABLE public.invoice_notice IS 'Fact: the invoice that a notice is about, and why it was written.';

-- TABLE invoice_series
CREATE TABLE public.invoice_series (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    document_type character varying(20) NOT NULL,
    year integer NOT NULL,
    pattern character varying(100) NOT NULL,
    digits integer DEFAULT 5 NOT NULL,
    last_number bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chk_invoice_series_document_type CHECK (((document_type)::text = ANY ((ARRAY['invoice'::character varying, 'credit_note'::character varying])::text[]))),
    CONSTRAINT chk_invoice_series_numbers CHECK (((digits >= 1) AND (digits <= 18) AND (last_number >= 0))),
    CONSTRAINT chk_invoice_series_pattern CHECK ((((pattern)::text ~~ '%{number}%'::text) AND ((pattern)::text ~~ '%{year}%'::text)))
);

-- COMMENT TABLE invoice_series
COMMENT ON TABLE public.invoice_series IS 'Fact: a series of document numbers without gap, and the last one taken.';

-- SEQUENCE invoice_series_id_seq
ALTER TABLE public.invoice_series ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoice_series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE invoice_status_change
CREATE TABLE public.invoice_status_change (
    id bigint NOT NULL,
    invoice_header_id bigint NOT NULL,
    from_status public.invoice_status NOT NULL,
    to_status public.invoice_status NOT NULL,
    changed_by character varying NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    effective_on date NOT NULL,
    reason character varying
);

-- COMMENT TABLE invoice_status_change
COMMENT ON TABLE public.invoice_status_change IS 'Fact: a step in the life of an invoice: who took it, when, from which day, and why.';

-- SEQUENCE invoice_status_change_id_seq
ALTER TABLE public.invoice_status_change ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoice_status_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE invoice_tax
CREATE TABLE public.invoice_tax (
    id bigint NOT NULL,
    invoice_header_id bigint NOT NULL,
    tax_rule_id bigint NOT NULL,
    kind character varying(20) NOT NULL,
    vat_category character varying(2),
    rate numeric(9,6) NOT NULL,
    base_total_amount numeric(20,4) NOT NULL,
    tax_total_amount numeric(20,4) NOT NULL,
    corrects_id bigint,
    CONSTRAINT chk_invoice_tax_kind CHECK (((kind)::text = ANY ((ARRAY['vat'::character varying, 'levy'::character varying, 'withholding'::character varying])::text[]))),
    CONSTRAINT chk_invoice_tax_vat_category CHECK (((vat_category)::text = ANY ((ARRAY['S'::character varying, 'Z'::character varying, 'E'::character varying, 'AE'::character varying, 'K'::character varying, 'G'::character varying, 'O'::character varying])::text[])))
);

-- COMMENT TABLE invoice_tax
COMMENT ON TABLE public.invoice_tax IS 'Fact: a tax, levy or withholding of an invoice, computed when it was verified.';

-- SEQUENCE invoice_tax_id_seq
ALTER TABLE public.invoice_tax ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoice_tax_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE market_price
CREATE TABLE public.market_price (
    id bigint NOT NULL,
    market_price_type_id bigint NOT NULL,
    country character varying,
    region character varying,
    source character varying,
    unit character varying NOT NULL,
    unit_value numeric(20,10) NOT NULL,
    reading_timestamp timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE market_price
COMMENT ON TABLE public.market_price IS 'Fact: a published price of a market.';

-- SEQUENCE market_price_id_seq
ALTER TABLE public.market_price ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.market_price_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE market_price_type
CREATE TABLE public.market_price_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    updated_frequency public.updated_frequency DEFAULT 'daily'::public.updated_frequency NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE market_price_type
COMMENT ON TABLE public.market_price_type IS 'Lookup: kinds of market price.';

-- SEQUENCE market_price_type_id_seq
ALTER TABLE public.market_price_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.market_price_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE meter
CREATE TABLE public.meter (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    asset_id bigint,
    vendor_id bigint,
    meter_type_id bigint NOT NULL,
    model character varying,
    unit character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    rated_power_kw numeric(24,9),
    CONSTRAINT meter_rated_power_check CHECK ((rated_power_kw > (0)::numeric))
);

-- COMMENT TABLE meter
COMMENT ON TABLE public.meter IS 'Fact: a meter of a project.';

-- TABLE meter_aggregate
CREATE TABLE public.meter_aggregate (
    id bigint NOT NULL,
    billing_period_id bigint,
    meter_id bigint NOT NULL,
    data_source_id bigint,
    total_production numeric(24,12),
    total_consumption numeric(24,12),
    peak numeric(24,12),
    off_peak numeric(24,12),
    unit character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    organization_id bigint NOT NULL,
    period_type character varying(20) DEFAULT 'monthly'::character varying NOT NULL,
    period_start timestamp with time zone NOT NULL,
    period_end timestamp with time zone NOT NULL,
    energy_wh numeric(24,9),
    energy_kwh numeric(24,12),
    hours_available numeric(14,6),
    hours_expected numeric(14,6),
    availability_percent numeric(5,2),
    reading_count integer,
    data_completeness_percent numeric(5,2),
    source_system character varying(50),
    aggregated_at timestamp with time zone DEFAULT now() NOT NULL,
    seconds_available bigint,
    seconds_expected bigint,
    seconds_unknown bigint,
    opening_register_wh numeric(24,9),
    closing_register_wh numeric(24,9),
    CONSTRAINT chk_meter_aggregate_period CHECK ((period_end > period_start)),
    CONSTRAINT chk_meter_aggregate_period_type CHECK (((period_type)::text = ANY ((ARRAY['hourly'::character varying, 'daily'::character varying, 'monthly'::character varying, 'billing'::character varying])::text[]))),
    CONSTRAINT meter_aggregate_seconds_check CHECK (((seconds_available >= 0) AND (seconds_available <= seconds_expected) AND (seconds_unknown >= 0)))
);

-- COMMENT TABLE meter_aggregate
COMMENT ON TABLE public.meter_aggregate IS 'Derived: energy and availability of a meter over an hour, a day or a month.';

-- SEQUENCE meter_aggregate_id_seq
ALTER TABLE public.meter_aggregate ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.meter_aggregate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- SEQUENCE meter_id_seq
ALTER TABLE public.meter ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.meter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE meter_reading
CREATE TABLE public.meter_reading (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    project_id bigint NOT NULL,
    meter_id bigint NOT NULL,
    source_system character varying(50) NOT NULL,
    external_site_id character varying(255),
    external_device_id character varying(255),
    reading_timestamp timestamp with time zone NOT NULL,
    reading_interval public.updated_frequency DEFAULT '15min'::public.updated_frequency NOT NULL,
    energy_wh numeric(24,9),
    power_w numeric(24,9),
    irradiance_wm2 numeric(12,6),
    temperature_c numeric(12,6),
    other_metrics jsonb,
    quality character varying(20) DEFAULT 'measured'::character varying NOT NULL,
    ingested_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    interval_seconds integer DEFAULT 900 NOT NULL,
    register_wh numeric(24,9),
    reported_at timestamp with time zone,
    ingestion_log_id bigint,
    CONSTRAINT chk_meter_reading_interval CHECK ((((interval_seconds = 900) AND (reading_interval = '15min'::public.updated_frequency)) OR ((interval_seconds = 300) AND (reading_interval = '5min'::public.updated_frequency)) OR ((interval_seconds = 1800) AND (reading_interval = '30min'::public.updated_frequency)) OR ((interval_seconds = 3600) AND (reading_interval = 'hourly'::public.updated_frequency)) OR ((interval_seconds >= 82800) AND (interval_seconds <= 90000) AND (reading_interval = 'daily'::public.updated_frequency)) OR ((interval_seconds = 60) AND (reading_interval = 'min'::public.updated_frequency)) OR ((interval_seconds = 1) AND (reading_interval = 'sec'::public.updated_frequency)) OR ((interval_seconds = 1) AND (reading_interval = 'millisec'::public.updated_frequency)))),
    CONSTRAINT chk_meter_reading_quality CHECK (((quality)::text = ANY ((ARRAY['measured'::character varying, 'estimated'::character varying, 'missing'::character varying])::text[]))),
    CONSTRAINT chk_meter_reading_source CHECK (((source_system)::text = ANY ((ARRAY['solaredge'::character varying, 'enphase'::character varying, 'sma'::character varying, 'goodwe'::character varying, 'snowflake'::character varying, 'manual'::character varying])::text[])))
)
PARTITION BY RANGE (reading_timestamp);

-- COMMENT TABLE meter_reading
COMMENT ON TABLE public.meter_reading IS 'Fact: one measured interval of one meter; reading_timestamp is its start.';

-- SEQUENCE meter_reading_id_seq
CREATE SEQUENCE public.meter_reading_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

-- SEQUENCE OWNED BY meter_reading_id_seq
ALTER SEQUENCE public.meter_reading_id_seq OWNED BY public.meter_reading.id;

-- TABLE meter_type
CREATE TABLE public.meter_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE meter_type
COMMENT ON TABLE public.meter_type IS 'Lookup: what a meter measures.';

-- SEQUENCE meter_type_id_seq
ALTER TABLE public.meter_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.meter_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE month_close
CREATE TABLE public.month_close (
    id bigint NOT NULL,
    contract_id bigint NOT NULL,
    billing_period_id bigint NOT NULL,
    status character varying(20) NOT NULL,
    problems character varying[] NOT NULL,
    notes character varying[] NOT NULL,
    accepted_gaps character varying[] DEFAULT '{}'::character varying[] NOT NULL,
    accepted_by character varying,
    content_hash character varying(64) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chk_month_close_accepted_by CHECK (((accepted_by IS NOT NULL) OR (accepted_gaps = '{}'::character varying[]))),
    CONSTRAINT chk_month_close_parked_for_a_reason CHECK ((((problems = '{}'::character varying[]) AND ((status)::text = 'closed'::text)) OR ((NOT (problems = '{}'::character varying[])) AND ((status)::text = 'parked'::text)))),
    CONSTRAINT chk_month_close_status CHECK (((status)::text = ANY ((ARRAY['closed'::character varying, 'parked'::character varying])::text[])))
);

-- COMMENT TABLE month_close
COMMENT ON TABLE public.month_close IS 'Derived: whether a contract is closed for a billing period, and what keeps it open.';

-- SEQUENCE month_close_id_seq
ALTER TABLE public.month_close ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.month_close_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE notification
CREATE TABLE public.notification (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    project_id bigint,
    default_event_id bigint,
    rule_output_id bigint,
    notification_type_id bigint NOT NULL,
    description character varying,
    metadata_detail jsonb,
    time_notified timestamp with time zone,
    time_due timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE notification
COMMENT ON TABLE public.notification IS 'Derived until it is sent: a notice that a default calls for.';

-- SEQUENCE notification_id_seq
ALTER TABLE public.notification ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE notification_mail
CREATE TABLE public.notification_mail (
    notification_id bigint NOT NULL,
    recipients character varying[] NOT NULL,
    attempts integer NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    problem character varying,
    CONSTRAINT chk_notification_mail_attempts CHECK ((attempts >= 1)),
    CONSTRAINT chk_notification_mail_recipients CHECK ((NOT (recipients = '{}'::character varying[]))),
    CONSTRAINT chk_notification_mail_sent CHECK (((sent_at IS NULL) OR (problem IS NULL)))
);

-- COMMENT TABLE notification_mail
COMMENT ON TABLE public.notification_mail IS 'Fact: the mail of a notice: begun, and then sent, refused with a problem, or of unknown end.';

-- TABLE notification_type
CREATE TABLE public.notification_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE notification_type
COMMENT ON TABLE public.notification_type IS 'Lookup: kinds of notice.';

-- SEQUENCE notification_type_id_seq
ALTER TABLE public.notification_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.notification_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE organization
CREATE TABLE public.organization (
    id bigint NOT NULL,
    name character varying NOT NULL,
    address character varying,
    country character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    vat_number character varying,
    bank_account character varying
);

-- COMMENT TABLE organization
COMMENT ON TABLE public.organization IS 'Fact: a tenant, the company whose contracts, meters and invoices are kept.';

-- TABLE project
CREATE TABLE public.project (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    name character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    time_zone character varying DEFAULT 'UTC'::character varying NOT NULL,
    latitude numeric(9,6),
    longitude numeric(9,6),
    country character varying,
    grid_region character varying,
    CONSTRAINT project_latitude_check CHECK (((latitude >= ('-90'::integer)::numeric) AND (latitude <= (90)::numeric))),
    CONSTRAINT project_longitude_check CHECK (((longitude >= ('-180'::integer)::numeric) AND (longitude <= (180)::numeric))),
    CONSTRAINT project_place_check CHECK ((((latitude IS NULL) AND (longitude IS NULL)) OR ((latitude IS NOT NULL) AND (longitude IS NOT NULL)))),
    CONSTRAINT project_time_zone_check CHECK (public.is_time_zone(time_zone))
);

-- COMMENT TABLE project
COMMENT ON TABLE public.project IS 'Fact: a power plant, or several under the same contracts.';

-- VIEW organization_energy
CREATE VIEW public.organization_energy WITH (security_invoker='true') AS
 SELECT project.organization_id,
    meter_aggregate.period_type,
    meter_aggregate.period_start,
    meter_aggregate.period_end,
    count(DISTINCT meter.project_id) AS projects,
    count(*) AS meters,
    count(meter_aggregate.energy_kwh) AS meters_with_energy,
    sum(meter_aggregate.energy_kwh) AS energy_kwh,
    sum(meter_aggregate.total_production) AS production_kwh,
    sum(meter_aggregate.total_consumption) AS consumption_kwh,
    sum(meter_aggregate.seconds_available) AS seconds_available,
    sum(meter_aggregate.seconds_expected) AS seconds_expected,
    sum(meter_aggregate.seconds_unknown) AS seconds_unknown,
    sum(meter_aggregate.reading_count) AS reading_count,
    public.calculate_availability_percent(sum(meter_aggregate.seconds_available), sum(meter_aggregate.seconds_expected)) AS availability_percent,
    round((sum(COALESCE(meter_aggregate.data_completeness_percent, (0)::numeric)) / (count(*))::numeric), 2) AS data_completeness_percent
   FROM ((public.meter_aggregate
     JOIN public.meter ON ((meter.id = meter_aggregate.meter_id)))
     JOIN public.project ON ((project.id = meter.project_id)))
  GROUP BY project.organization_id, meter_aggregate.period_type, meter_aggregate.period_start, meter_aggregate.period_end;

-- COMMENT VIEW organization_energy
COMMENT ON VIEW public.organization_energy IS 'Energy and availability of all meters of an organization over the same period; projects of one time zone share it.';

-- SEQUENCE organization_id_seq
ALTER TABLE public.organization ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.organization_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE price_index
CREATE TABLE public.price_index (
    id bigint NOT NULL,
    name character varying(255) NOT NULL,
    source character varying(255),
    unit character varying(50),
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE price_index
COMMENT ON TABLE public.price_index IS 'Fact: a published series by which prices move, an index without a unit or a reference price with one.';

-- SEQUENCE price_index_id_seq
ALTER TABLE public.price_index ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.price_index_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE price_index_value
CREATE TABLE public.price_index_value (
    id bigint NOT NULL,
    price_index_id bigint NOT NULL,
    month date NOT NULL,
    published_on date NOT NULL,
    value numeric(20,10) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT price_index_value_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

-- COMMENT TABLE price_index_value
COMMENT ON TABLE public.price_index_value IS 'Fact: the value of a series for a month as it was published on a day; a revision is another row.';

-- SEQUENCE price_index_value_id_seq
ALTER TABLE public.price_index_value ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.price_index_value_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- VIEW project_energy
CREATE VIEW public.project_energy WITH (security_invoker='true') AS
 SELECT project.organization_id,
    meter.project_id,
    meter_aggregate.period_type,
    meter_aggregate.period_start,
    meter_aggregate.period_end,
    count(*) AS meters,
    count(meter_aggregate.energy_kwh) AS meters_with_energy,
    sum(meter_aggregate.energy_kwh) AS energy_kwh,
    sum(meter_aggregate.total_production) AS production_kwh,
    sum(meter_aggregate.total_consumption) AS consumption_kwh,
    sum(meter_aggregate.seconds_available) AS seconds_available,
    sum(meter_aggregate.seconds_expected) AS seconds_expected,
    sum(meter_aggregate.seconds_unknown) AS seconds_unknown,
    sum(meter_aggregate.reading_count) AS reading_count,
    public.calculate_availability_percent(sum(meter_aggregate.seconds_available), sum(meter_aggregate.seconds_expected)) AS availability_percent,
    round((sum(COALESCE(meter_aggregate.data_completeness_percent, (0)::numeric)) / (count(*))::numeric), 2) AS data_completeness_percent
   FROM ((public.meter_aggregate
     JOIN public.meter ON ((meter.id = meter_aggregate.meter_id)))
     JOIN public.project ON ((project.id = meter.project_id)))
  GROUP BY project.organization_id, meter.project_id, meter_aggregate.period_type, meter_aggregate.period_start, meter_aggregate.period_end;

-- COMMENT VIEW project_energy
COMMENT ON VIEW public.project_energy IS 'Energy and availability of all meters of a project over the same hour, day, month or billing period.';

-- SEQUENCE project_id_seq
ALTER TABLE public.project ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.project_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- VIEW provisional_issued_invoice
CREATE VIEW public.provisional_issued_invoice AS
SELECT
    NULL::bigint AS invoice_header_id,
    NULL::bigint AS organization_id,
    NULL::bigint AS project_id,
    NULL::bigint AS contract_id,
    NULL::bigint AS billing_period_id,
    NULL::public.invoice_status AS status,
    NULL::character varying AS invoice_number,
    NULL::timestamp with time zone AS computed_at,
    NULL::numeric AS provisional_amount;

-- COMMENT VIEW provisional_issued_invoice
COMMENT ON VIEW public.provisional_issued_invoice IS 'Invoices beyond draft with lines at a price that was provisional when they were computed.';

-- TABLE reading_archive
CREATE TABLE public.reading_archive (
    id bigint NOT NULL,
    month date NOT NULL,
    partition_name character varying(63) NOT NULL,
    state character varying(20) DEFAULT 'archived'::character varying NOT NULL,
    row_count bigint NOT NULL,
    content_sha256 character varying(64) NOT NULL,
    first_reading_at timestamp with time zone,
    last_reading_at timestamp with time zone,
    archived_at timestamp with time zone DEFAULT now() NOT NULL,
    detached_at timestamp with time zone,
    dropped_at timestamp with time zone,
    restored_at timestamp with time zone,
    proof jsonb,
    CONSTRAINT chk_reading_archive_month CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
    CONSTRAINT chk_reading_archive_rows CHECK ((row_count >= 0)),
    CONSTRAINT chk_reading_archive_state CHECK (((state)::text = ANY ((ARRAY['archived'::character varying, 'detached'::character varying, 'dropped'::character varying, 'restored'::character varying])::text[])))
);

-- COMMENT TABLE reading_archive
COMMENT ON TABLE public.reading_archive IS 'Fact: a month of readings that was archived, what it held, and what became of its partition.';

-- TABLE reading_archive_file
CREATE TABLE public.reading_archive_file (
    id bigint NOT NULL,
    reading_archive_id bigint NOT NULL,
    organization_id bigint NOT NULL,
    uri character varying(1024) NOT NULL,
    row_count bigint NOT NULL,
    bytes bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    content_sha256 character varying(64) NOT NULL,
    CONSTRAINT chk_reading_archive_file_rows CHECK (((bytes >= 0) AND (row_count >= 0)))
);

-- COMMENT TABLE reading_archive_file
COMMENT ON TABLE public.reading_archive_file IS 'Fact: the file that holds one organization''s readings of an archived month.';

-- SEQUENCE reading_archive_file_id_seq
ALTER TABLE public.reading_archive_file ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.reading_archive_file_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- SEQUENCE reading_archive_id_seq
ALTER TABLE public.reading_archive ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.reading_archive_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE reading_change
CREATE TABLE public.reading_change (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    project_id bigint NOT NULL,
    meter_id bigint NOT NULL,
    ingestion_log_id bigint,
    period_start timestamp with time zone NOT NULL,
    period_end timestamp with time zone NOT NULL,
    rows_new integer DEFAULT 0 NOT NULL,
    rows_replaced integer DEFAULT 0 NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    aggregated_at timestamp with time zone,
    CONSTRAINT reading_change_period_check CHECK ((period_end > period_start)),
    CONSTRAINT reading_change_rows_check CHECK (((rows_new >= 0) AND (rows_replaced >= 0)))
);

-- COMMENT TABLE reading_change
COMMENT ON TABLE public.reading_change IS 'Fact: a span in which readings of a meter were added or replaced, and when aggregates followed.';

-- SEQUENCE reading_change_id_seq
ALTER TABLE public.reading_change ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.reading_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE received_invoice_header
CREATE TABLE public.received_invoice_header (
    id bigint NOT NULL,
    project_id bigint,
    contract_id bigint NOT NULL,
    billing_period_id bigint NOT NULL,
    counterparty_id bigint NOT NULL,
    currency_id bigint NOT NULL,
    invoice_number character varying,
    invoice_date date,
    due_date date,
    total_amount numeric(20,4) NOT NULL,
    status public.invoice_status DEFAULT 'draft'::public.invoice_status NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    document_type character varying(20) DEFAULT 'invoice'::character varying NOT NULL,
    corrects_number character varying,
    exchange_rate numeric(20,10),
    CONSTRAINT chk_received_invoice_header_document_type CHECK (((document_type)::text = ANY ((ARRAY['invoice'::character varying, 'credit_note'::character varying])::text[]))),
    CONSTRAINT chk_received_invoice_header_exchange_rate CHECK ((exchange_rate > (0)::numeric))
);

-- COMMENT TABLE received_invoice_header
COMMENT ON TABLE public.received_invoice_header IS 'Fact: an invoice or statement that came from the counterparty.';

-- SEQUENCE received_invoice_header_id_seq
ALTER TABLE public.received_invoice_header ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.received_invoice_header_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE received_invoice_line_item
CREATE TABLE public.received_invoice_line_item (
    id bigint NOT NULL,
    received_invoice_header_id bigint NOT NULL,
    invoice_line_item_type_id bigint NOT NULL,
    description character varying,
    line_total_amount numeric(20,4) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    quantity numeric(24,12),
    unit character varying,
    line_unit_price numeric(20,10),
    price_bucket character varying,
    tax_category character varying(2),
    tax_rate numeric(9,6),
    tax_amount numeric(20,4),
    first_day date,
    last_day date,
    CONSTRAINT chk_received_invoice_line_item_days CHECK ((last_day >= first_day)),
    CONSTRAINT chk_received_invoice_line_item_tax_category CHECK (((tax_category)::text ~ '^[A-Z]{1,2}$'::text)),
    CONSTRAINT chk_received_invoice_line_item_tax_rate CHECK ((tax_rate >= (0)::numeric))
);

-- COMMENT TABLE received_invoice_line_item
COMMENT ON TABLE public.received_invoice_line_item IS 'Fact: one line of a received invoice.';

-- SEQUENCE received_invoice_line_item_id_seq
ALTER TABLE public.received_invoice_line_item ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.received_invoice_line_item_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE regulatory_fee
CREATE TABLE public.regulatory_fee (
    id bigint NOT NULL,
    regulatory_fee_type_id bigint NOT NULL,
    country character varying,
    region character varying,
    source character varying,
    unit character varying NOT NULL,
    unit_value numeric(20,10) NOT NULL,
    reading_timestamp timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE regulatory_fee
COMMENT ON TABLE public.regulatory_fee IS 'Fact: a published fee of a regulator.';

-- SEQUENCE regulatory_fee_id_seq
ALTER TABLE public.regulatory_fee ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.regulatory_fee_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE regulatory_fee_type
CREATE TABLE public.regulatory_fee_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    updated_frequency public.updated_frequency DEFAULT 'daily'::public.updated_frequency NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE regulatory_fee_type
COMMENT ON TABLE public.regulatory_fee_type IS 'Lookup: kinds of regulatory fee.';

-- SEQUENCE regulatory_fee_type_id_seq
ALTER TABLE public.regulatory_fee_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.regulatory_fee_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE rejected_reading
CREATE TABLE public.rejected_reading (
    id bigint NOT NULL,
    ingestion_log_id bigint NOT NULL,
    organization_id bigint NOT NULL,
    line bigint NOT NULL,
    column_name character varying(255),
    value text,
    cause text NOT NULL,
    raw text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE rejected_reading
COMMENT ON TABLE public.rejected_reading IS 'Fact: a row of a file that was not loaded while the others were, and why.';

-- SEQUENCE rejected_reading_id_seq
ALTER TABLE public.rejected_reading ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.rejected_reading_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE role
CREATE TABLE public.role (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    name character varying NOT NULL,
    email character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    user_id uuid NOT NULL,
    role_type character varying NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT role_role_type_check CHECK (((role_type)::text = ANY ((ARRAY['admin'::character varying, 'staff'::character varying])::text[])))
);

-- COMMENT TABLE role
COMMENT ON TABLE public.role IS 'Fact: what a signed-in person may do for an organization.';

-- SEQUENCE role_id_seq
ALTER TABLE public.role ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.role_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE rule_output
CREATE TABLE public.rule_output (
    id bigint NOT NULL,
    project_id bigint,
    default_event_id bigint,
    clause_id bigint NOT NULL,
    rule_output_type_id bigint NOT NULL,
    currency_id bigint,
    description character varying,
    metadata_detail jsonb,
    ld_amount numeric(20,4),
    invoice_adjustment numeric(20,4),
    breach boolean DEFAULT true NOT NULL,
    excuse boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone,
    created_by character varying,
    updated_by character varying,
    period_start timestamp with time zone,
    period_end timestamp with time zone,
    content_hash character varying(64),
    superseded_at timestamp with time zone,
    computed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT rule_output_period_check CHECK ((period_end > period_start))
);

-- COMMENT TABLE rule_output
COMMENT ON TABLE public.rule_output IS 'Derived: the verdict on a clause for a period, with its explanation.';

-- SEQUENCE rule_output_id_seq
ALTER TABLE public.rule_output ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.rule_output_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE rule_output_type
CREATE TABLE public.rule_output_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE rule_output_type
COMMENT ON TABLE public.rule_output_type IS 'Lookup: kinds of verdict.';

-- SEQUENCE rule_output_type_id_seq
ALTER TABLE public.rule_output_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.rule_output_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- VIEW stale_invoice_draft
CREATE VIEW public.stale_invoice_draft WITH (security_invoker='true') AS
 SELECT draft.document,
    draft.id AS header_id,
    contract.organization_id,
    contract.project_id,
    draft.contract_id,
    draft.billing_period_id,
    span.period_start,
    span.period_end,
    draft.computed_at,
    change.rows_new,
    change.rows_replaced,
    change.last_changed_at
   FROM (((((( SELECT 'invoice_header'::text AS document,
            invoice_header.id,
            invoice_header.contract_id,
            invoice_header.billing_period_id,
            invoice_header.computed_at
           FROM public.invoice_header
          WHERE (invoice_header.status = 'draft'::public.invoice_status)
        UNION ALL
         SELECT 'expected_invoice_header'::text AS document,
            expected_invoice_header.id,
            expected_invoice_header.contract_id,
            expected_invoice_header.billing_period_id,
            expected_invoice_header.computed_at
           FROM public.expected_invoice_header) draft
     JOIN public.contract ON ((contract.id = draft.contract_id)))
     JOIN public.project ON ((project.id = contract.project_id)))
     JOIN public.billing_period ON ((billing_period.id = draft.billing_period_id)))
     CROSS JOIN LATERAL ( SELECT ((billing_period.start_date)::timestamp without time zone AT TIME ZONE project.time_zone) AS period_start,
            (((billing_period.end_date + 1))::timestamp without time zone AT TIME ZONE project.time_zone) AS period_end) span)
     CROSS JOIN LATERAL ( SELECT sum(reading_change.rows_new) AS rows_new,
            sum(reading_change.rows_replaced) AS rows_replaced,
            max(reading_change.changed_at) AS last_changed_at
           FROM public.reading_change
          WHERE ((reading_change.project_id = contract.project_id) AND (reading_change.period_start < span.period_end) AND (reading_change.period_end > span.period_start) AND (COALESCE(reading_change.aggregated_at, 'infinity'::timestamp with time zone) >= draft.computed_at))) change)
  WHERE (change.last_changed_at IS NOT NULL);

-- COMMENT VIEW stale_invoice_draft
COMMENT ON VIEW public.stale_invoice_draft IS 'Drafts and expected invoices whose period has readings that came or changed after they were computed.';

-- VIEW stale_issued_invoice
CREATE VIEW public.stale_issued_invoice WITH (security_invoker='true') AS
 SELECT invoice.id AS invoice_header_id,
    contract.organization_id,
    contract.project_id,
    invoice.contract_id,
    invoice.billing_period_id,
    invoice.status,
    invoice.invoice_number,
    span.period_start,
    span.period_end,
    invoice.computed_at,
    change.rows_new,
    change.rows_replaced,
    change.last_changed_at
   FROM (((((public.invoice_header invoice
     JOIN public.contract ON ((contract.id = invoice.contract_id)))
     JOIN public.project ON ((project.id = contract.project_id)))
     JOIN public.billing_period ON ((billing_period.id = invoice.billing_period_id)))
     CROSS JOIN LATERAL ( SELECT ((billing_period.start_date)::timestamp without time zone AT TIME ZONE project.time_zone) AS period_start,
            (((billing_period.end_date + 1))::timestamp without time zone AT TIME ZONE project.time_zone) AS period_end) span)
     CROSS JOIN LATERAL ( SELECT sum(reading_change.rows_new) AS rows_new,
            sum(reading_change.rows_replaced) AS rows_replaced,
            max(reading_change.changed_at) AS last_changed_at
           FROM public.reading_change
          WHERE ((reading_change.project_id = contract.project_id) AND (reading_change.period_start < span.period_end) AND (reading_change.period_end > span.period_start) AND (COALESCE(reading_change.aggregated_at, 'infinity'::timestamp with time zone) >= invoice.computed_at))) change)
  WHERE ((invoice.status <> 'draft'::public.invoice_status) AND ((invoice.document_type)::text = 'invoice'::text) AND (change.last_changed_at IS NOT NULL));

-- COMMENT VIEW stale_issued_invoice
COMMENT ON VIEW public.stale_issued_invoice IS 'Invoices beyond draft whose period has readings that came or changed after they were computed.';

-- VIEW stale_verdict
CREATE VIEW public.stale_verdict WITH (security_invoker='true') AS
 SELECT verdict.id AS rule_output_id,
    contract.organization_id,
    contract.project_id,
    clause.contract_id,
    verdict.clause_id,
    verdict.period_start,
    verdict.period_end,
    verdict.computed_at,
    change.rows_new,
    change.rows_replaced,
    change.last_changed_at
   FROM (((public.rule_output verdict
     JOIN public.clause ON ((clause.id = verdict.clause_id)))
     JOIN public.contract ON ((contract.id = clause.contract_id)))
     CROSS JOIN LATERAL ( SELECT sum(reading_change.rows_new) AS rows_new,
            sum(reading_change.rows_replaced) AS rows_replaced,
            max(reading_change.changed_at) AS last_changed_at
           FROM public.reading_change
          WHERE ((reading_change.project_id = contract.project_id) AND (reading_change.period_start < verdict.period_end) AND (reading_change.period_end > verdict.period_start) AND (COALESCE(reading_change.aggregated_at, 'infinity'::timestamp with time zone) >= verdict.computed_at))) change)
  WHERE ((verdict.superseded_at IS NULL) AND (change.last_changed_at IS NOT NULL));

-- COMMENT VIEW stale_verdict
COMMENT ON VIEW public.stale_verdict IS 'Verdicts in force whose period has readings that came or changed after they were computed.';

-- TABLE tariff_type
CREATE TABLE public.tariff_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE tariff_type
COMMENT ON TABLE public.tariff_type IS 'Lookup: how a tariff makes a price.';

-- SEQUENCE tariff_type_id_seq
ALTER TABLE public.tariff_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tariff_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE tax_rule
CREATE TABLE public.tax_rule (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    invoice_line_item_type_id bigint,
    tax_code character varying(50) NOT NULL,
    name character varying NOT NULL,
    kind character varying(20) NOT NULL,
    rate numeric(9,6) NOT NULL,
    base character varying(20),
    vat_category character varying(2),
    exemption_reason character varying,
    valid_from date NOT NULL,
    valid_to date,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chk_tax_rule_base CHECK (((base)::text = ANY ((ARRAY['lines'::character varying, 'lines_and_levies'::character varying])::text[]))),
    CONSTRAINT chk_tax_rule_dates CHECK ((valid_to >= valid_from)),
    CONSTRAINT chk_tax_rule_is_of_its_kind CHECK ((((base IS NULL) AND ((kind)::text = 'vat'::text) AND (vat_category IS NOT NULL)) OR ((base IS NOT NULL) AND ((kind)::text = 'levy'::text) AND (vat_category IS NOT NULL)) OR ((base IS NOT NULL) AND ((kind)::text = 'withholding'::text) AND (vat_category IS NULL)))),
    CONSTRAINT chk_tax_rule_kind CHECK (((kind)::text = ANY ((ARRAY['vat'::character varying, 'levy'::character varying, 'withholding'::character varying])::text[]))),
    CONSTRAINT chk_tax_rule_rate CHECK (((rate >= (0)::numeric) AND (rate < (1)::numeric))),
    CONSTRAINT chk_tax_rule_vat CHECK (((NOT ((kind)::text = 'vat'::text)) OR ((rate > (0)::numeric) AND ((vat_category)::text = 'S'::text)) OR ((rate = (0)::numeric) AND ((vat_category)::text = 'Z'::text)) OR ((exemption_reason IS NOT NULL) AND (rate = (0)::numeric)))),
    CONSTRAINT chk_tax_rule_vat_category CHECK (((vat_category)::text = ANY ((ARRAY['S'::character varying, 'Z'::character varying, 'E'::character varying, 'AE'::character varying, 'K'::character varying, 'G'::character varying, 'O'::character varying])::text[])))
);

-- COMMENT TABLE tax_rule
COMMENT ON TABLE public.tax_rule IS 'Fact: a tax, levy or withholding at one rate, and the days it is valid, both inclusive.';

-- SEQUENCE tax_rule_id_seq
ALTER TABLE public.tax_rule ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.tax_rule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE vendor
CREATE TABLE public.vendor (
    id bigint NOT NULL,
    name character varying NOT NULL,
    address character varying,
    country character varying,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE vendor
COMMENT ON TABLE public.vendor IS 'Lookup: makers of equipment.';

-- SEQUENCE vendor_id_seq
ALTER TABLE public.vendor ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.vendor_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE weather_data
CREATE TABLE public.weather_data (
    id bigint NOT NULL,
    weather_data_type_id bigint NOT NULL,
    country character varying,
    region character varying,
    source character varying,
    unit character varying NOT NULL,
    unit_value numeric(20,10) NOT NULL,
    reading_timestamp timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE weather_data
COMMENT ON TABLE public.weather_data IS 'Fact: a weather observation of a region.';

-- SEQUENCE weather_data_id_seq
ALTER TABLE public.weather_data ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.weather_data_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- TABLE weather_data_type
CREATE TABLE public.weather_data_type (
    id bigint NOT NULL,
    name character varying NOT NULL,
    code character varying NOT NULL,
    description character varying,
    updated_frequency public.updated_frequency DEFAULT 'daily'::public.updated_frequency NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

-- COMMENT TABLE weather_data_type
COMMENT ON TABLE public.weather_data_type IS 'Lookup: kinds of weather observation.';

-- SEQUENCE weather_data_type_id_seq
ALTER TABLE public.weather_data_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.weather_data_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

-- DEFAULT meter_reading id
ALTER TABLE ONLY public.meter_reading ALTER COLUMN id SET DEFAULT nextval('public.meter_reading_id_seq'::regclass);

-- CONSTRAINT asset asset_pkey
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (id);

-- CONSTRAINT asset_type asset_type_code_key
ALTER TABLE ONLY public.asset_type
    ADD CONSTRAINT asset_type_code_key UNIQUE (code);

-- CONSTRAINT asset_type asset_type_pkey
ALTER TABLE ONLY public.asset_type
    ADD CONSTRAINT asset_type_pkey PRIMARY KEY (id);

-- CONSTRAINT billing_period billing_period_name_key
ALTER TABLE ONLY public.billing_period
    ADD CONSTRAINT billing_period_name_key UNIQUE (name);

-- CONSTRAINT billing_period billing_period_pkey
ALTER TABLE ONLY public.billing_period
    ADD CONSTRAINT billing_period_pkey PRIMARY KEY (id);

-- CONSTRAINT billing_period billing_period_start_date_end_date_key
ALTER TABLE ONLY public.billing_period
    ADD CONSTRAINT billing_period_start_date_end_date_key UNIQUE (start_date, end_date);

-- CONSTRAINT clause_category clause_category_code_key
ALTER TABLE ONLY public.clause_category
    ADD CONSTRAINT clause_category_code_key UNIQUE (code);

-- CONSTRAINT clause_category clause_category_pkey
ALTER TABLE ONLY public.clause_category
    ADD CONSTRAINT clause_category_pkey PRIMARY KEY (id);

-- CONSTRAINT clause clause_pkey
ALTER TABLE ONLY public.clause
    ADD CONSTRAINT clause_pkey PRIMARY KEY (id);

-- CONSTRAINT clause_responsibleparty clause_responsibleparty_pkey
ALTER TABLE ONLY public.clause_responsibleparty
    ADD CONSTRAINT clause_responsibleparty_pkey PRIMARY KEY (id);

-- CONSTRAINT clause_tariff clause_tariff_one_energy_price
ALTER TABLE ONLY public.clause_tariff
    ADD CONSTRAINT clause_tariff_one_energy_price EXCLUDE USING gist (int8range(contract_id, contract_id, '[]'::text) WITH &&, daterange(valid_from, valid_to, '[]'::text) WITH &&) WHERE ((((status)::text = 'published'::text) AND ((unit)::text IS DISTINCT FROM 'month'::text)));

-- CONSTRAINT clause_tariff clause_tariff_one_fee
ALTER TABLE ONLY public.clause_tariff
    ADD CONSTRAINT clause_tariff_one_fee EXCLUDE USING gist (int8range(contract_id, contract_id, '[]'::text) WITH &&, daterange(valid_from, valid_to, '[]'::text) WITH &&) WHERE ((((status)::text = 'published'::text) AND ((unit)::text = 'month'::text)));

-- CONSTRAINT clause_tariff clause_tariff_pkey
ALTER TABLE ONLY public.clause_tariff
    ADD CONSTRAINT clause_tariff_pkey PRIMARY KEY (id);

-- CONSTRAINT clause_type clause_type_code_key
ALTER TABLE ONLY public.clause_type
    ADD CONSTRAINT clause_type_code_key UNIQUE (code);

-- CONSTRAINT clause_type clause_type_pkey
ALTER TABLE ONLY public.clause_type
    ADD CONSTRAINT clause_type_pkey PRIMARY KEY (id);

-- CONSTRAINT comparison_tolerance comparison_tolerance_pkey
ALTER TABLE ONLY public.comparison_tolerance
    ADD CONSTRAINT comparison_tolerance_pkey PRIMARY KEY (id);

-- CONSTRAINT contract_pii_mapping contract_pii_mapping_pkey
ALTER TABLE ONLY public.contract_pii_mapping
    ADD CONSTRAINT contract_pii_mapping_pkey PRIMARY KEY (id);

-- CONSTRAINT contract contract_pkey
ALTER TABLE ONLY public.contract
    ADD CONSTRAINT contract_pkey PRIMARY KEY (id);

-- CONSTRAINT contract_status contract_status_code_key
ALTER TABLE ONLY public.contract_status
    ADD CONSTRAINT contract_status_code_key UNIQUE (code);

-- CONSTRAINT contract_status contract_status_pkey
ALTER TABLE ONLY public.contract_status
    ADD CONSTRAINT contract_status_pkey PRIMARY KEY (id);

-- CONSTRAINT contract_type contract_type_code_key
ALTER TABLE ONLY public.contract_type
    ADD CONSTRAINT contract_type_code_key UNIQUE (code);

-- CONSTRAINT contract_type contract_type_pkey
ALTER TABLE ONLY public.contract_type
    ADD CONSTRAINT contract_type_pkey PRIMARY KEY (id);

-- CONSTRAINT contractor_report contractor_report_pkey
ALTER TABLE ONLY public.contractor_report
    ADD CONSTRAINT contractor_report_pkey PRIMARY KEY (id);

-- CONSTRAINT counterparty counterparty_pkey
ALTER TABLE ONLY public.counterparty
    ADD CONSTRAINT counterparty_pkey PRIMARY KEY (id);

-- CONSTRAINT counterparty_type counterparty_type_code_key
ALTER TABLE ONLY public.counterparty_type
    ADD CONSTRAINT counterparty_type_code_key UNIQUE (code);

-- CONSTRAINT counterparty_type counterparty_type_pkey
ALTER TABLE ONLY public.counterparty_type
    ADD CONSTRAINT counterparty_type_pkey PRIMARY KEY (id);

-- CONSTRAINT cure_step cure_step_pkey
ALTER TABLE ONLY public.cure_step
    ADD CONSTRAINT cure_step_pkey PRIMARY KEY (id);

-- CONSTRAINT currency currency_code_key
ALTER TABLE ONLY public.currency
    ADD CONSTRAINT currency_code_key UNIQUE (code);

-- CONSTRAINT currency currency_pkey
ALTER TABLE ONLY public.currency
    ADD CONSTRAINT currency_pkey PRIMARY KEY (id);

-- CONSTRAINT damages_ledger damages_ledger_pkey
ALTER TABLE ONLY public.damages_ledger
    ADD CONSTRAINT damages_ledger_pkey PRIMARY KEY (id);

-- CONSTRAINT data_source data_source_name_key
ALTER TABLE ONLY public.data_source
    ADD CONSTRAINT data_source_name_key UNIQUE (name);

-- CONSTRAINT data_source data_source_pkey
ALTER TABLE ONLY public.data_source
    ADD CONSTRAINT data_source_pkey PRIMARY KEY (id);

-- CONSTRAINT default_event default_event_pkey
ALTER TABLE ONLY public.default_event
    ADD CONSTRAINT default_event_pkey PRIMARY KEY (id);

-- CONSTRAINT default_event_type default_event_type_code_key
ALTER TABLE ONLY public.default_event_type
    ADD CONSTRAINT default_event_type_code_key UNIQUE (code);

-- CONSTRAINT default_event_type default_event_type_pkey
ALTER TABLE ONLY public.default_event_type
    ADD CONSTRAINT default_event_type_pkey PRIMARY KEY (id);

-- CONSTRAINT event event_pkey
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);

-- CONSTRAINT event_type event_type_code_key
ALTER TABLE ONLY public.event_type
    ADD CONSTRAINT event_type_code_key UNIQUE (code);

-- CONSTRAINT event_type event_type_pkey
ALTER TABLE ONLY public.event_type
    ADD CONSTRAINT event_type_pkey PRIMARY KEY (id);

-- CONSTRAINT tax_rule ex_tax_rule_one_rate
ALTER TABLE ONLY public.tax_rule
    ADD CONSTRAINT ex_tax_rule_one_rate EXCLUDE USING gist (int8range(organization_id, organization_id, '[]'::text) WITH &&, int8range(COALESCE(invoice_line_item_type_id, (0)::bigint), COALESCE(invoice_line_item_type_id, (0)::bigint), '[]'::text) WITH &&, numrange((hashtextextended((tax_code)::text, (0)::bigint))::numeric, (hashtextextended((tax_code)::text, (0)::bigint))::numeric, '[]'::text) WITH &&, daterange(valid_from, valid_to, '[]'::text) WITH &&);

-- CONSTRAINT tax_rule ex_tax_rule_one_vat
ALTER TABLE ONLY public.tax_rule
    ADD CONSTRAINT ex_tax_rule_one_vat EXCLUDE USING gist (int8range(organization_id, organization_id, '[]'::text) WITH &&, int8range(COALESCE(invoice_line_item_type_id, (0)::bigint), COALESCE(invoice_line_item_type_id, (0)::bigint), '[]'::text) WITH &&, daterange(valid_from, valid_to, '[]'::text) WITH &&) WHERE (((kind)::text = 'vat'::text));

-- CONSTRAINT exchange_rate exchange_rate_day_key
ALTER TABLE ONLY public.exchange_rate
    ADD CONSTRAINT exchange_rate_day_key UNIQUE (base_currency_id, quote_currency_id, rate_date);

-- CONSTRAINT exchange_rate exchange_rate_pkey
ALTER TABLE ONLY public.exchange_rate
    ADD CONSTRAINT exchange_rate_pkey PRIMARY KEY (id);

-- CONSTRAINT expected_invoice_header expected_invoice_header_pkey
ALTER TABLE ONLY public.expected_invoice_header
    ADD CONSTRAINT expected_invoice_header_pkey PRIMARY KEY (id);

-- CONSTRAINT expected_invoice_line_item expected_invoice_line_item_pkey
ALTER TABLE ONLY public.expected_invoice_line_item
    ADD CONSTRAINT expected_invoice_line_item_pkey PRIMARY KEY (id);

-- CONSTRAINT fault fault_pkey
ALTER TABLE ONLY public.fault
    ADD CONSTRAINT fault_pkey PRIMARY KEY (id);

-- CONSTRAINT fault_type fault_type_code_key
ALTER TABLE ONLY public.fault_type
    ADD CONSTRAINT fault_type_code_key UNIQUE (code);

-- CONSTRAINT fault_type fault_type_pkey
ALTER TABLE ONLY public.fault_type
    ADD CONSTRAINT fault_type_pkey PRIMARY KEY (id);

-- CONSTRAINT file_mapping file_mapping_pkey
ALTER TABLE ONLY public.file_mapping
    ADD CONSTRAINT file_mapping_pkey PRIMARY KEY (id);

-- CONSTRAINT grid_event grid_event_pkey
ALTER TABLE ONLY public.grid_event
    ADD CONSTRAINT grid_event_pkey PRIMARY KEY (id);

-- CONSTRAINT grid_event_type grid_event_type_code_key
ALTER TABLE ONLY public.grid_event_type
    ADD CONSTRAINT grid_event_type_code_key UNIQUE (code);

-- CONSTRAINT grid_event_type grid_event_type_pkey
ALTER TABLE ONLY public.grid_event_type
    ADD CONSTRAINT grid_event_type_pkey PRIMARY KEY (id);

-- CONSTRAINT grid_operator grid_operator_name_key
ALTER TABLE ONLY public.grid_operator
    ADD CONSTRAINT grid_operator_name_key UNIQUE (name);

-- CONSTRAINT grid_operator grid_operator_pkey
ALTER TABLE ONLY public.grid_operator
    ADD CONSTRAINT grid_operator_pkey PRIMARY KEY (id);

-- CONSTRAINT holiday_calendar holiday_calendar_name_key
ALTER TABLE ONLY public.holiday_calendar
    ADD CONSTRAINT holiday_calendar_name_key UNIQUE (name);

-- CONSTRAINT holiday_calendar holiday_calendar_pkey
ALTER TABLE ONLY public.holiday_calendar
    ADD CONSTRAINT holiday_calendar_pkey PRIMARY KEY (id);

-- CONSTRAINT holiday holiday_day_key
ALTER TABLE ONLY public.holiday
    ADD CONSTRAINT holiday_day_key UNIQUE (holiday_calendar_id, falls_on);

-- CONSTRAINT holiday holiday_pkey
ALTER TABLE ONLY public.holiday
    ADD CONSTRAINT holiday_pkey PRIMARY KEY (id);

-- CONSTRAINT ingestion_log ingestion_log_pkey
ALTER TABLE ONLY public.ingestion_log
    ADD CONSTRAINT ingestion_log_pkey PRIMARY KEY (id);

-- CONSTRAINT integration_credential integration_credential_pkey
ALTER TABLE ONLY public.integration_credential
    ADD CONSTRAINT integration_credential_pkey PRIMARY KEY (id);

-- CONSTRAINT integration_site integration_site_pkey
ALTER TABLE ONLY public.integration_site
    ADD CONSTRAINT integration_site_pkey PRIMARY KEY (id);

-- CONSTRAINT invoice_comparison_line_item invoice_comparison_line_item_pkey
ALTER TABLE ONLY public.invoice_comparison_line_item
    ADD CONSTRAINT invoice_comparison_line_item_pkey PRIMARY KEY (id);

-- CONSTRAINT invoice_comparison invoice_comparison_pkey
ALTER TABLE ONLY public.invoice_comparison
    ADD CONSTRAINT invoice_comparison_pkey PRIMARY KEY (id);

-- CONSTRAINT invoice_header invoice_header_pkey
ALTER TABLE ONLY public.invoice_header
    ADD CONSTRAINT invoice_header_pkey PRIMARY KEY (id);

-- CONSTRAINT invoice_line_item invoice_line_item_pkey
ALTER TABLE ONLY public.invoice_line_item
    ADD CONSTRAINT invoice_line_item_pkey PRIMARY KEY (id);

-- CONSTRAINT invoice_line_item_type invoice_line_item_type_code_key
ALTER TABLE ONLY public.invoice_line_item_type
    ADD CONSTRAINT invoice_line_item_type_code_key UNIQUE (code);

-- CONSTRAINT invoice_line_item_type invoice_line_item_type_pkey
ALTER TABLE ONLY public.invoice_line_item_type
    ADD CONSTRAINT invoice_line_item_type_pkey PRIMARY KEY (id);

-- CONSTRAINT invoice_notice invoice_notice_pkey
ALTER TABLE ONLY public.invoice_notice
    ADD CONSTRAINT invoice_notice_pkey PRIMARY KEY (notification_id);

-- CONSTRAINT invoice_series invoice_series_pkey
ALTER TABLE ONLY public.invoice_series
    ADD CONSTRAINT invoice_series_pkey PRIMARY KEY (id);

-- CONSTRAINT invoice_status_change invoice_status_change_pkey
ALTER TABLE ONLY public.invoice_status_change
    ADD CONSTRAINT invoice_status_change_pkey PRIMARY KEY (id);

-- CONSTRAINT invoice_tax invoice_tax_pkey
ALTER TABLE ONLY public.invoice_tax
    ADD CONSTRAINT invoice_tax_pkey PRIMARY KEY (id);

-- CONSTRAINT market_price market_price_pkey
ALTER TABLE ONLY public.market_price
    ADD CONSTRAINT market_price_pkey PRIMARY KEY (id);

-- CONSTRAINT market_price_type market_price_type_code_key
ALTER TABLE ONLY public.market_price_type
    ADD CONSTRAINT market_price_type_code_key UNIQUE (code);

-- CONSTRAINT market_price_type market_price_type_pkey
ALTER TABLE ONLY public.market_price_type
    ADD CONSTRAINT market_price_type_pkey PRIMARY KEY (id);

-- CONSTRAINT meter_aggregate meter_aggregate_meter_id_period_key
ALTER TABLE ONLY public.meter_aggregate
    ADD CONSTRAINT meter_aggregate_meter_id_period_key UNIQUE (meter_id, period_type, period_start, period_end);

-- CONSTRAINT meter_aggregate meter_aggregate_pkey
ALTER TABLE ONLY public.meter_aggregate
    ADD CONSTRAINT meter_aggregate_pkey PRIMARY KEY (id);

-- CONSTRAINT meter meter_pkey
ALTER TABLE ONLY public.meter
    ADD CONSTRAINT meter_pkey PRIMARY KEY (id);

-- CONSTRAINT meter_reading meter_reading_meter_id_reading_timestamp_key
ALTER TABLE ONLY public.meter_reading
    ADD CONSTRAINT meter_reading_meter_id_reading_timestamp_key UNIQUE (meter_id, reading_timestamp);

-- CONSTRAINT meter_reading meter_reading_pkey
ALTER TABLE ONLY public.meter_reading
    ADD CONSTRAINT meter_reading_pkey PRIMARY KEY (id, reading_timestamp);

-- CONSTRAINT meter_type meter_type_code_key
ALTER TABLE ONLY public.meter_type
    ADD CONSTRAINT meter_type_code_key UNIQUE (code);

-- CONSTRAINT meter_type meter_type_pkey
ALTER TABLE ONLY public.meter_type
    ADD CONSTRAINT meter_type_pkey PRIMARY KEY (id);

-- CONSTRAINT month_close month_close_pkey
ALTER TABLE ONLY public.month_close
    ADD CONSTRAINT month_close_pkey PRIMARY KEY (id);

-- CONSTRAINT notification_mail notification_mail_pkey
ALTER TABLE ONLY public.notification_mail
    ADD CONSTRAINT notification_mail_pkey PRIMARY KEY (notification_id);

-- CONSTRAINT notification notification_pkey
ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (id);

-- CONSTRAINT notification_type notification_type_code_key
ALTER TABLE ONLY public.notification_type
    ADD CONSTRAINT notification_type_code_key UNIQUE (code);

-- CONSTRAINT notification_type notification_type_pkey
ALTER TABLE ONLY public.notification_type
    ADD CONSTRAINT notification_type_pkey PRIMARY KEY (id);

-- CONSTRAINT organization organization_name_key
ALTER TABLE ONLY public.organization
    ADD CONSTRAINT organization_name_key UNIQUE (name);

-- CONSTRAINT organization organization_pkey
ALTER TABLE ONLY public.organization
    ADD CONSTRAINT organization_pkey PRIMARY KEY (id);

-- CONSTRAINT price_index price_index_name_key
ALTER TABLE ONLY public.price_index
    ADD CONSTRAINT price_index_name_key UNIQUE (name);

-- CONSTRAINT price_index price_index_pkey
ALTER TABLE ONLY public.price_index
    ADD CONSTRAINT price_index_pkey PRIMARY KEY (id);

-- CONSTRAINT price_index_value price_index_value_pkey
ALTER TABLE ONLY public.price_index_value
    ADD CONSTRAINT price_index_value_pkey PRIMARY KEY (id);

-- CONSTRAINT price_index_value price_index_value_vintage_key
ALTER TABLE ONLY public.price_index_value
    ADD CONSTRAINT price_index_value_vintage_key UNIQUE (price_index_id, month, published_on);

-- CONSTRAINT project project_organization_id_name_key
ALTER TABLE ONLY public.project
    ADD CONSTRAINT project_organization_id_name_key UNIQUE (organization_id, name);

-- CONSTRAINT project project_pkey
ALTER TABLE ONLY public.project
    ADD CONSTRAINT project_pkey PRIMARY KEY (id);

-- CONSTRAINT reading_archive_file reading_archive_file_pkey
ALTER TABLE ONLY public.reading_archive_file
    ADD CONSTRAINT reading_archive_file_pkey PRIMARY KEY (id);

-- CONSTRAINT reading_archive reading_archive_pkey
ALTER TABLE ONLY public.reading_archive
    ADD CONSTRAINT reading_archive_pkey PRIMARY KEY (id);

-- CONSTRAINT reading_change reading_change_pkey
ALTER TABLE ONLY public.reading_change
    ADD CONSTRAINT reading_change_pkey PRIMARY KEY (id);

-- CONSTRAINT received_invoice_header received_invoice_header_pkey
ALTER TABLE ONLY public.received_invoice_header
    ADD CONSTRAINT received_invoice_header_pkey PRIMARY KEY (id);

-- CONSTRAINT received_invoice_line_item received_invoice_line_item_pkey
ALTER TABLE ONLY public.received_invoice_line_item
    ADD CONSTRAINT received_invoice_line_item_pkey PRIMARY KEY (id);

-- CONSTRAINT regulatory_fee regulatory_fee_pkey
ALTER TABLE ONLY public.regulatory_fee
    ADD CONSTRAINT regulatory_fee_pkey PRIMARY KEY (id);

-- CONSTRAINT regulatory_fee_type regulatory_fee_type_code_key
ALTER TABLE ONLY public.regulatory_fee_type
    ADD CONSTRAINT regulatory_fee_type_code_key UNIQUE (code);

-- CONSTRAINT regulatory_fee_type regulatory_fee_type_pkey
ALTER TABLE ONLY public.regulatory_fee_type
    ADD CONSTRAINT regulatory_fee_type_pkey PRIMARY KEY (id);

-- CONSTRAINT rejected_reading rejected_reading_pkey
ALTER TABLE ONLY public.rejected_reading
    ADD CONSTRAINT rejected_reading_pkey PRIMARY KEY (id);

-- CONSTRAINT role role_pkey
ALTER TABLE ONLY public.role
    ADD CONSTRAINT role_pkey PRIMARY KEY (id);

-- CONSTRAINT role role_user_id_key
ALTER TABLE ONLY public.role
    ADD CONSTRAINT role_user_id_key UNIQUE (user_id);

-- CONSTRAINT rule_output rule_output_pkey
ALTER TABLE ONLY public.rule_output
    ADD CONSTRAINT rule_output_pkey PRIMARY KEY (id);

-- CONSTRAINT rule_output_type rule_output_type_code_key
ALTER TABLE ONLY public.rule_output_type
    ADD CONSTRAINT rule_output_type_code_key UNIQUE (code);

-- CONSTRAINT rule_output_type rule_output_type_pkey
ALTER TABLE ONLY public.rule_output_type
    ADD CONSTRAINT rule_output_type_pkey PRIMARY KEY (id);

-- CONSTRAINT tariff_type tariff_type_code_key
ALTER TABLE ONLY public.tariff_type
    ADD CONSTRAINT tariff_type_code_key UNIQUE (code);

-- CONSTRAINT tariff_type tariff_type_pkey
ALTER TABLE ONLY public.tariff_type
    ADD CONSTRAINT tariff_type_pkey PRIMARY KEY (id);

-- CONSTRAINT tax_rule tax_rule_pkey
ALTER TABLE ONLY public.tax_rule
    ADD CONSTRAINT tax_rule_pkey PRIMARY KEY (id);

-- CONSTRAINT comparison_tolerance uq_comparison_tolerance_kind
ALTER TABLE ONLY public.comparison_tolerance
    ADD CONSTRAINT uq_comparison_tolerance_kind UNIQUE NULLS NOT DISTINCT (organization_id, contract_id, currency_id, kind);

-- CONSTRAINT expected_invoice_header uq_expected_invoice_header_contract_period
ALTER TABLE ONLY public.expected_invoice_header
    ADD CONSTRAINT uq_expected_invoice_header_contract_period UNIQUE (contract_id, billing_period_id);

-- CONSTRAINT file_mapping uq_file_mapping_organization_name
ALTER TABLE ONLY public.file_mapping
    ADD CONSTRAINT uq_file_mapping_organization_name UNIQUE (organization_id, name);

-- CONSTRAINT integration_site uq_integration_site_credential_external
ALTER TABLE ONLY public.integration_site
    ADD CONSTRAINT uq_integration_site_credential_external UNIQUE (integration_credential_id, external_site_id);

-- CONSTRAINT invoice_comparison uq_invoice_comparison_pair
ALTER TABLE ONLY public.invoice_comparison
    ADD CONSTRAINT uq_invoice_comparison_pair UNIQUE (expected_invoice_header_id, received_invoice_header_id);

-- CONSTRAINT invoice_header uq_invoice_header_series_number
ALTER TABLE ONLY public.invoice_header
    ADD CONSTRAINT uq_invoice_header_series_number UNIQUE (invoice_series_id, series_number);

-- CONSTRAINT invoice_notice uq_invoice_notice_invoice
ALTER TABLE ONLY public.invoice_notice
    ADD CONSTRAINT uq_invoice_notice_invoice UNIQUE (invoice_header_id, kind);

-- CONSTRAINT invoice_notice uq_invoice_notice_received
ALTER TABLE ONLY public.invoice_notice
    ADD CONSTRAINT uq_invoice_notice_received UNIQUE (received_invoice_header_id, kind);

-- CONSTRAINT invoice_series uq_invoice_series_organization_year_pattern
ALTER TABLE ONLY public.invoice_series
    ADD CONSTRAINT uq_invoice_series_organization_year_pattern UNIQUE (organization_id, year, pattern);

-- CONSTRAINT invoice_series uq_invoice_series_organization_year_type
ALTER TABLE ONLY public.invoice_series
    ADD CONSTRAINT uq_invoice_series_organization_year_type UNIQUE (organization_id, year, document_type);

-- CONSTRAINT month_close uq_month_close_contract_period
ALTER TABLE ONLY public.month_close
    ADD CONSTRAINT uq_month_close_contract_period UNIQUE (contract_id, billing_period_id);

-- CONSTRAINT reading_archive_file uq_reading_archive_file_uri
ALTER TABLE ONLY public.reading_archive_file
    ADD CONSTRAINT uq_reading_archive_file_uri UNIQUE (reading_archive_id, uri);

-- CONSTRAINT reading_archive uq_reading_archive_month
ALTER TABLE ONLY public.reading_archive
    ADD CONSTRAINT uq_reading_archive_month UNIQUE (month);

-- CONSTRAINT received_invoice_header uq_received_invoice_header_number
ALTER TABLE ONLY public.received_invoice_header
    ADD CONSTRAINT uq_received_invoice_header_number UNIQUE (counterparty_id, invoice_number);

-- CONSTRAINT vendor vendor_name_key
ALTER TABLE ONLY public.vendor
    ADD CONSTRAINT vendor_name_key UNIQUE (name);

-- CONSTRAINT vendor vendor_pkey
ALTER TABLE ONLY public.vendor
    ADD CONSTRAINT vendor_pkey PRIMARY KEY (id);

-- CONSTRAINT weather_data weather_data_pkey
ALTER TABLE ONLY public.weather_data
    ADD CONSTRAINT weather_data_pkey PRIMARY KEY (id);

-- CONSTRAINT weather_data_type weather_data_type_code_key
ALTER TABLE ONLY public.weather_data_type
    ADD CONSTRAINT weather_data_type_code_key UNIQUE (code);

-- CONSTRAINT weather_data_type weather_data_type_pkey
ALTER TABLE ONLY public.weather_data_type
    ADD CONSTRAINT weather_data_type_pkey PRIMARY KEY (id);

-- INDEX idx_asset_asset_type_id
CREATE INDEX idx_asset_asset_type_id ON public.asset USING btree (asset_type_id);

-- INDEX idx_asset_project_id
CREATE INDEX idx_asset_project_id ON public.asset USING btree (project_id);

-- INDEX idx_asset_vendor_id
CREATE INDEX idx_asset_vendor_id ON public.asset USING btree (vendor_id);

-- INDEX idx_clause_beneficiary_party
CREATE INDEX idx_clause_beneficiary_party ON public.clause USING btree (beneficiary_party) WHERE (beneficiary_party IS NOT NULL);

-- INDEX idx_clause_clause_category_id
CREATE INDEX idx_clause_clause_category_id ON public.clause USING btree (clause_category_id);

-- INDEX idx_clause_clause_responsibleparty_id
CREATE INDEX idx_clause_clause_responsibleparty_id ON public.clause USING btree (clause_responsibleparty_id);

-- INDEX idx_clause_clause_type_id
CREATE INDEX idx_clause_clause_type_id ON public.clause USING btree (clause_type_id);

-- INDEX idx_clause_confidence_score
CREATE INDEX idx_clause_confidence_score ON public.clause USING btree (confidence_score) WHERE (confidence_score IS NOT NULL);

-- INDEX idx_clause_contract_id
CREATE INDEX idx_clause_contract_id ON public.clause USING btree (contract_id);

-- INDEX idx_clause_project_id
CREATE INDEX idx_clause_project_id ON public.clause USING btree (project_id);

-- INDEX idx_clause_tariff_contract_id
CREATE INDEX idx_clause_tariff_contract_id ON public.clause_tariff USING btree (contract_id);

-- INDEX idx_clause_tariff_currency_id
CREATE INDEX idx_clause_tariff_currency_id ON public.clause_tariff USING btree (currency_id);

-- INDEX idx_clause_tariff_project_id
CREATE INDEX idx_clause_tariff_project_id ON public.clause_tariff USING btree (project_id);

-- INDEX idx_clause_tariff_tariff_type_id
CREATE INDEX idx_clause_tariff_tariff_type_id ON public.clause_tariff USING btree (tariff_type_id);

-- INDEX idx_comparison_tolerance_contract_id
CREATE INDEX idx_comparison_tolerance_contract_id ON public.comparison_tolerance USING btree (contract_id);

-- INDEX idx_comparison_tolerance_currency_id
CREATE INDEX idx_comparison_tolerance_currency_id ON public.comparison_tolerance USING btree (currency_id);

-- INDEX idx_comparison_tolerance_organization_id
CREATE INDEX idx_comparison_tolerance_organization_id ON public.comparison_tolerance USING btree (organization_id);

-- INDEX idx_contract_contract_status_id
CREATE INDEX idx_contract_contract_status_id ON public.contract USING btree (contract_status_id);

-- INDEX idx_contract_contract_type_id
CREATE INDEX idx_contract_contract_type_id ON public.contract USING btree (contract_type_id);

-- INDEX idx_contract_counterparty_id
CREATE INDEX idx_contract_counterparty_id ON public.contract USING btree (counterparty_id);

-- INDEX idx_contract_organization_id
CREATE INDEX idx_contract_organization_id ON public.contract USING btree (organization_id);

-- INDEX idx_contract_parsing_completed_at
CREATE INDEX idx_contract_parsing_completed_at ON public.contract USING btree (parsing_completed_at) WHERE (parsing_completed_at IS NOT NULL);

-- INDEX idx_contract_parsing_status
CREATE INDEX idx_contract_parsing_status ON public.contract USING btree (parsing_status) WHERE (parsing_status IS NOT NULL);

-- INDEX idx_contract_pii_mapping_accessed_at
CREATE INDEX idx_contract_pii_mapping_accessed_at ON public.contract_pii_mapping USING btree (accessed_at);

-- INDEX idx_contract_pii_mapping_accessed_by
CREATE INDEX idx_contract_pii_mapping_accessed_by ON public.contract_pii_mapping USING btree (accessed_by);

-- INDEX idx_contract_pii_mapping_contract_id
CREATE INDEX idx_contract_pii_mapping_contract_id ON public.contract_pii_mapping USING btree (contract_id);

-- INDEX idx_contract_pii_mapping_created_at
CREATE INDEX idx_contract_pii_mapping_created_at ON public.contract_pii_mapping USING btree (created_at);

-- INDEX idx_contract_pii_mapping_created_by
CREATE INDEX idx_contract_pii_mapping_created_by ON public.contract_pii_mapping USING btree (created_by);

-- INDEX idx_contract_project_id
CREATE INDEX idx_contract_project_id ON public.contract USING btree (project_id);

-- INDEX idx_contractor_report_counterparty_id
CREATE INDEX idx_contractor_report_counterparty_id ON public.contractor_report USING btree (counterparty_id);

-- INDEX idx_contractor_report_project_id
CREATE INDEX idx_contractor_report_project_id ON public.contractor_report USING btree (project_id);

-- INDEX idx_counterparty_counterparty_type_id
CREATE INDEX idx_counterparty_counterparty_type_id ON public.counterparty USING btree (counterparty_type_id);

-- INDEX idx_cure_step_default_event_id
CREATE INDEX idx_cure_step_default_event_id ON public.cure_step USING btree (default_event_id);

-- INDEX idx_cure_step_organization_id
CREATE INDEX idx_cure_step_organization_id ON public.cure_step USING btree (organization_id);

-- INDEX idx_damages_ledger_clause
CREATE INDEX idx_damages_ledger_clause ON public.damages_ledger USING btree (clause_id, period_start);

-- INDEX idx_damages_ledger_contract_id
CREATE INDEX idx_damages_ledger_contract_id ON public.damages_ledger USING btree (contract_id);

-- INDEX idx_damages_ledger_currency_id
CREATE INDEX idx_damages_ledger_currency_id ON public.damages_ledger USING btree (currency_id);

-- INDEX idx_damages_ledger_organization_id
CREATE INDEX idx_damages_ledger_organization_id ON public.damages_ledger USING btree (organization_id);

-- INDEX idx_damages_ledger_rule_output_id
CREATE INDEX idx_damages_ledger_rule_output_id ON public.damages_ledger USING btree (rule_output_id);

-- INDEX idx_default_event_clause_id
CREATE INDEX idx_default_event_clause_id ON public.default_event USING btree (clause_id);

-- INDEX idx_default_event_contract_id
CREATE INDEX idx_default_event_contract_id ON public.default_event USING btree (contract_id);

-- INDEX idx_default_event_default_event_type_id
CREATE INDEX idx_default_event_default_event_type_id ON public.default_event USING btree (default_event_type_id);

-- INDEX idx_default_event_event_id
CREATE INDEX idx_default_event_event_id ON public.default_event USING btree (event_id);

-- INDEX idx_default_event_has_evidence
CREATE INDEX idx_default_event_has_evidence ON public.default_event USING btree (((evidence IS NOT NULL)));

-- INDEX idx_default_event_organization_id
CREATE INDEX idx_default_event_organization_id ON public.default_event USING btree (organization_id);

-- INDEX idx_default_event_project_id
CREATE INDEX idx_default_event_project_id ON public.default_event USING btree (project_id);

-- INDEX idx_event_data_source_id
CREATE INDEX idx_event_data_source_id ON public.event USING btree (data_source_id);

-- INDEX idx_event_event_type_id
CREATE INDEX idx_event_event_type_id ON public.event USING btree (event_type_id);

-- INDEX idx_event_organization_id
CREATE INDEX idx_event_organization_id ON public.event USING btree (organization_id);

-- INDEX idx_event_project_id
CREATE INDEX idx_event_project_id ON public.event USING btree (project_id);

-- INDEX idx_exchange_rate_quote_currency_id
CREATE INDEX idx_exchange_rate_quote_currency_id ON public.exchange_rate USING btree (quote_currency_id);

-- INDEX idx_expected_invoice_header_billing_period_id
CREATE INDEX idx_expected_invoice_header_billing_period_id ON public.expected_invoice_header USING btree (billing_period_id);

-- INDEX idx_expected_invoice_header_contract_id
CREATE INDEX idx_expected_invoice_header_contract_id ON public.expected_invoice_header USING btree (contract_id);

-- INDEX idx_expected_invoice_header_counterparty_id
CREATE INDEX idx_expected_invoice_header_counterparty_id ON public.expected_invoice_header USING btree (counterparty_id);

-- INDEX idx_expected_invoice_header_currency_id
CREATE INDEX idx_expected_invoice_header_currency_id ON public.expected_invoice_header USING btree (currency_id);

-- INDEX idx_expected_invoice_header_project_id
CREATE INDEX idx_expected_invoice_header_project_id ON public.expected_invoice_header USING btree (project_id);

-- INDEX idx_expected_invoice_line_item_expected_invoice_header_id
CREATE INDEX idx_expected_invoice_line_item_expected_invoice_header_id ON public.expected_invoice_line_item USING btree (expected_invoice_header_id);

-- INDEX idx_expected_invoice_line_item_invoice_line_item_type_id
CREATE INDEX idx_expected_invoice_line_item_invoice_line_item_type_id ON public.expected_invoice_line_item USING btree (invoice_line_item_type_id);

-- INDEX idx_fault_asset_id
CREATE INDEX idx_fault_asset_id ON public.fault USING btree (asset_id);

-- INDEX idx_fault_data_source_id
CREATE INDEX idx_fault_data_source_id ON public.fault USING btree (data_source_id);

-- INDEX idx_fault_fault_type_id
CREATE INDEX idx_fault_fault_type_id ON public.fault USING btree (fault_type_id);

-- INDEX idx_fault_project_id
CREATE INDEX idx_fault_project_id ON public.fault USING btree (project_id);

-- INDEX idx_file_mapping_data_source_id
CREATE INDEX idx_file_mapping_data_source_id ON public.file_mapping USING btree (data_source_id);

-- INDEX idx_grid_event_grid_event_type_id
CREATE INDEX idx_grid_event_grid_event_type_id ON public.grid_event USING btree (grid_event_type_id);

-- INDEX idx_grid_event_grid_operator_id
CREATE INDEX idx_grid_event_grid_operator_id ON public.grid_event USING btree (grid_operator_id);

-- INDEX idx_ingestion_log_created
CREATE INDEX idx_ingestion_log_created ON public.ingestion_log USING btree (created_at);

-- INDEX idx_ingestion_log_file_hash
CREATE INDEX idx_ingestion_log_file_hash ON public.ingestion_log USING btree (file_hash);

-- INDEX idx_ingestion_log_org
CREATE INDEX idx_ingestion_log_org ON public.ingestion_log USING btree (organization_id);

-- INDEX idx_ingestion_log_org_date
CREATE INDEX idx_ingestion_log_org_date ON public.ingestion_log USING btree (organization_id, created_at DESC);

-- INDEX idx_ingestion_log_site
CREATE INDEX idx_ingestion_log_site ON public.ingestion_log USING btree (integration_site_id);

-- INDEX idx_ingestion_log_source
CREATE INDEX idx_ingestion_log_source ON public.ingestion_log USING btree (data_source_id);

-- INDEX idx_ingestion_log_status
CREATE INDEX idx_ingestion_log_status ON public.ingestion_log USING btree (ingestion_status);

-- INDEX idx_integration_credential_active
CREATE INDEX idx_integration_credential_active ON public.integration_credential USING btree (is_active) WHERE (is_active = true);

-- INDEX idx_integration_credential_created_by
CREATE INDEX idx_integration_credential_created_by ON public.integration_credential USING btree (created_by);

-- INDEX idx_integration_credential_org
CREATE INDEX idx_integration_credential_org ON public.integration_credential USING btree (organization_id);

-- INDEX idx_integration_credential_source
CREATE INDEX idx_integration_credential_source ON public.integration_credential USING btree (data_source_id);

-- INDEX idx_integration_credential_updated_by
CREATE INDEX idx_integration_credential_updated_by ON public.integration_credential USING btree (updated_by);

-- INDEX idx_integration_site_active
CREATE INDEX idx_integration_site_active ON public.integration_site USING btree (is_active, sync_enabled) WHERE ((is_active = true) AND (sync_enabled = true));

-- INDEX idx_integration_site_credential
CREATE INDEX idx_integration_site_credential ON public.integration_site USING btree (integration_credential_id);

-- INDEX idx_integration_site_data_source_id
CREATE INDEX idx_integration_site_data_source_id ON public.integration_site USING btree (data_source_id);

-- INDEX idx_integration_site_external
CREATE INDEX idx_integration_site_external ON public.integration_site USING btree (external_site_id);

-- INDEX idx_integration_site_meter_id
CREATE INDEX idx_integration_site_meter_id ON public.integration_site USING btree (meter_id);

-- INDEX idx_integration_site_org
CREATE INDEX idx_integration_site_org ON public.integration_site USING btree (organization_id);

-- INDEX idx_integration_site_project
CREATE INDEX idx_integration_site_project ON public.integration_site USING btree (project_id);

-- INDEX idx_invoice_comparison_expected_invoice_header_id
CREATE INDEX idx_invoice_comparison_expected_invoice_header_id ON public.invoice_comparison USING btree (expected_invoice_header_id);

-- INDEX idx_invoice_comparison_line_item_expected_invoice_line_item_id
CREATE INDEX idx_invoice_comparison_line_item_expected_invoice_line_item_id ON public.invoice_comparison_line_item USING btree (expected_invoice_line_item_id);

-- INDEX idx_invoice_comparison_line_item_invoice_comparison_id
CREATE INDEX idx_invoice_comparison_line_item_invoice_comparison_id ON public.invoice_comparison_line_item USING btree (invoice_comparison_id);

-- INDEX idx_invoice_comparison_line_item_received_invoice_line_item_id
CREATE INDEX idx_invoice_comparison_line_item_received_invoice_line_item_id ON public.invoice_comparison_line_item USING btree (received_invoice_line_item_id);

-- INDEX idx_invoice_comparison_received_invoice_header_id
CREATE INDEX idx_invoice_comparison_received_invoice_header_id ON public.invoice_comparison USING btree (received_invoice_header_id);

-- INDEX idx_invoice_header_billing_period_id
CREATE INDEX idx_invoice_header_billing_period_id ON public.invoice_header USING btree (billing_period_id);

-- INDEX idx_invoice_header_contract_id
CREATE INDEX idx_invoice_header_contract_id ON public.invoice_header USING btree (contract_id);

-- INDEX idx_invoice_header_corrects_id
CREATE INDEX idx_invoice_header_corrects_id ON public.invoice_header USING btree (corrects_id);

-- INDEX idx_invoice_header_counterparty_id
CREATE INDEX idx_invoice_header_counterparty_id ON public.invoice_header USING btree (counterparty_id);

-- INDEX idx_invoice_header_currency_id
CREATE INDEX idx_invoice_header_currency_id ON public.invoice_header USING btree (currency_id);

-- INDEX idx_invoice_header_invoice_series_id
CREATE INDEX idx_invoice_header_invoice_series_id ON public.invoice_header USING btree (invoice_series_id);

-- INDEX idx_invoice_header_project_id
CREATE INDEX idx_invoice_header_project_id ON public.invoice_header USING btree (project_id);

-- INDEX idx_invoice_line_item_clause_tariff_id
CREATE INDEX idx_invoice_line_item_clause_tariff_id ON public.invoice_line_item USING btree (clause_tariff_id);

-- INDEX idx_invoice_line_item_corrects_id
CREATE INDEX idx_invoice_line_item_corrects_id ON public.invoice_line_item USING btree (corrects_id);

-- INDEX idx_invoice_line_item_invoice_header_id
CREATE INDEX idx_invoice_line_item_invoice_header_id ON public.invoice_line_item USING btree (invoice_header_id);

-- INDEX idx_invoice_line_item_invoice_line_item_type_id
CREATE INDEX idx_invoice_line_item_invoice_line_item_type_id ON public.invoice_line_item USING btree (invoice_line_item_type_id);

-- INDEX idx_invoice_line_item_meter_aggregate_id
CREATE INDEX idx_invoice_line_item_meter_aggregate_id ON public.invoice_line_item USING btree (meter_aggregate_id);

-- INDEX idx_invoice_line_item_provisional
CREATE INDEX idx_invoice_line_item_provisional ON public.invoice_line_item USING btree (invoice_header_id) WHERE is_provisional;

-- INDEX idx_invoice_line_item_rule_output_id
CREATE INDEX idx_invoice_line_item_rule_output_id ON public.invoice_line_item USING btree (rule_output_id);

-- INDEX idx_invoice_series_organization_id
CREATE INDEX idx_invoice_series_organization_id ON public.invoice_series USING btree (organization_id);

-- INDEX idx_invoice_status_change_invoice_header_id
CREATE INDEX idx_invoice_status_change_invoice_header_id ON public.invoice_status_change USING btree (invoice_header_id);

-- INDEX idx_invoice_tax_corrects_id
CREATE INDEX idx_invoice_tax_corrects_id ON public.invoice_tax USING btree (corrects_id);

-- INDEX idx_invoice_tax_invoice_header_id
CREATE INDEX idx_invoice_tax_invoice_header_id ON public.invoice_tax USING btree (invoice_header_id);

-- INDEX idx_invoice_tax_tax_rule_id
CREATE INDEX idx_invoice_tax_tax_rule_id ON public.invoice_tax USING btree (tax_rule_id);

-- INDEX idx_market_price_market_price_type_id
CREATE INDEX idx_market_price_market_price_type_id ON public.market_price USING btree (market_price_type_id);

-- INDEX idx_meter_aggregate_billing_period_id
CREATE INDEX idx_meter_aggregate_billing_period_id ON public.meter_aggregate USING btree (billing_period_id) WHERE (billing_period_id IS NOT NULL);

-- INDEX idx_meter_aggregate_data_source_id
CREATE INDEX idx_meter_aggregate_data_source_id ON public.meter_aggregate USING btree (data_source_id) WHERE (data_source_id IS NOT NULL);

-- INDEX idx_meter_aggregate_period
CREATE INDEX idx_meter_aggregate_period ON public.meter_aggregate USING btree (period_type, period_start, period_end) WHERE (NOT ((period_type)::text = 'hourly'::text));

-- INDEX idx_meter_asset_id
CREATE INDEX idx_meter_asset_id ON public.meter USING btree (asset_id);

-- INDEX idx_meter_meter_type_id
CREATE INDEX idx_meter_meter_type_id ON public.meter USING btree (meter_type_id);

-- INDEX idx_meter_project_id
CREATE INDEX idx_meter_project_id ON public.meter USING btree (project_id);

-- INDEX idx_meter_reading_time
CREATE INDEX idx_meter_reading_time ON ONLY public.meter_reading USING brin (reading_timestamp);

-- INDEX idx_meter_vendor_id
CREATE INDEX idx_meter_vendor_id ON public.meter USING btree (vendor_id);

-- INDEX idx_month_close_billing_period_id
CREATE INDEX idx_month_close_billing_period_id ON public.month_close USING btree (billing_period_id);

-- INDEX idx_notification_default_event_id
CREATE INDEX idx_notification_default_event_id ON public.notification USING btree (default_event_id);

-- INDEX idx_notification_mail_unsent
CREATE INDEX idx_notification_mail_unsent ON public.notification_mail USING btree (notification_id) WHERE (sent_at IS NULL);

-- INDEX idx_notification_notification_type_id
CREATE INDEX idx_notification_notification_type_id ON public.notification USING btree (notification_type_id);

-- INDEX idx_notification_organization_id
CREATE INDEX idx_notification_organization_id ON public.notification USING btree (organization_id);

-- INDEX idx_notification_project_id
CREATE INDEX idx_notification_project_id ON public.notification USING btree (project_id);

-- INDEX idx_notification_rule_output_id
CREATE INDEX idx_notification_rule_output_id ON public.notification USING btree (rule_output_id);

-- INDEX idx_project_organization_id
CREATE INDEX idx_project_organization_id ON public.project USING btree (organization_id);

-- INDEX idx_reading_archive_file_organization_id
CREATE INDEX idx_reading_archive_file_organization_id ON public.reading_archive_file USING btree (organization_id);

-- INDEX idx_reading_change_ingestion_log_id
CREATE INDEX idx_reading_change_ingestion_log_id ON public.reading_change USING btree (ingestion_log_id);

-- INDEX idx_reading_change_meter_id
CREATE INDEX idx_reading_change_meter_id ON public.reading_change USING btree (meter_id);

-- INDEX idx_reading_change_organization_id
CREATE INDEX idx_reading_change_organization_id ON public.reading_change USING btree (organization_id);

-- INDEX idx_reading_change_pending
CREATE INDEX idx_reading_change_pending ON public.reading_change USING btree (meter_id, period_start) WHERE (aggregated_at IS NULL);

-- INDEX idx_reading_change_project
CREATE INDEX idx_reading_change_project ON public.reading_change USING btree (project_id, period_end);

-- INDEX idx_received_invoice_header_billing_period_id
CREATE INDEX idx_received_invoice_header_billing_period_id ON public.received_invoice_header USING btree (billing_period_id);

-- INDEX idx_received_invoice_header_contract_id
CREATE INDEX idx_received_invoice_header_contract_id ON public.received_invoice_header USING btree (contract_id);

-- INDEX idx_received_invoice_header_counterparty_id
CREATE INDEX idx_received_invoice_header_counterparty_id ON public.received_invoice_header USING btree (counterparty_id);

-- INDEX idx_received_invoice_header_currency_id
CREATE INDEX idx_received_invoice_header_currency_id ON public.received_invoice_header USING btree (currency_id);

-- INDEX idx_received_invoice_header_project_id
CREATE INDEX idx_received_invoice_header_project_id ON public.received_invoice_header USING btree (project_id);

-- INDEX idx_received_invoice_line_item_invoice_line_item_type_id
CREATE INDEX idx_received_invoice_line_item_invoice_line_item_type_id ON public.received_invoice_line_item USING btree (invoice_line_item_type_id);

-- INDEX idx_received_invoice_line_item_received_invoice_header_id
CREATE INDEX idx_received_invoice_line_item_received_invoice_header_id ON public.received_invoice_line_item USING btree (received_invoice_header_id);

-- INDEX idx_regulatory_fee_regulatory_fee_type_id
CREATE INDEX idx_regulatory_fee_regulatory_fee_type_id ON public.regulatory_fee USING btree (regulatory_fee_type_id);

-- INDEX idx_rejected_reading_log
CREATE INDEX idx_rejected_reading_log ON public.rejected_reading USING btree (ingestion_log_id, line);

-- INDEX idx_rejected_reading_organization_id
CREATE INDEX idx_rejected_reading_organization_id ON public.rejected_reading USING btree (organization_id);

-- INDEX idx_role_org_id
CREATE INDEX idx_role_org_id ON public.role USING btree (organization_id);

-- INDEX idx_role_user_id
CREATE INDEX idx_role_user_id ON public.role USING btree (user_id);

-- INDEX idx_rule_output_clause_id
CREATE INDEX idx_rule_output_clause_id ON public.rule_output USING btree (clause_id);

-- INDEX idx_rule_output_currency_id
CREATE INDEX idx_rule_output_currency_id ON public.rule_output USING btree (currency_id);

-- INDEX idx_rule_output_default_event_id
CREATE INDEX idx_rule_output_default_event_id ON public.rule_output USING btree (default_event_id);

-- INDEX idx_rule_output_project_id
CREATE INDEX idx_rule_output_project_id ON public.rule_output USING btree (project_id);

-- INDEX idx_rule_output_rule_output_type_id
CREATE INDEX idx_rule_output_rule_output_type_id ON public.rule_output USING btree (rule_output_type_id);

-- INDEX idx_tax_rule_invoice_line_item_type_id
CREATE INDEX idx_tax_rule_invoice_line_item_type_id ON public.tax_rule USING btree (invoice_line_item_type_id);

-- INDEX idx_tax_rule_organization_id
CREATE INDEX idx_tax_rule_organization_id ON public.tax_rule USING btree (organization_id);

-- INDEX idx_weather_data_weather_data_type_id
CREATE INDEX idx_weather_data_weather_data_type_id ON public.weather_data USING btree (weather_data_type_id);

-- INDEX uq_default_event_current
CREATE UNIQUE INDEX uq_default_event_current ON public.default_event USING btree (clause_id, period_start, period_end) WHERE (superseded_at IS NULL);

-- INDEX uq_ingestion_log_loaded_file
CREATE UNIQUE INDEX uq_ingestion_log_loaded_file ON public.ingestion_log USING btree (organization_id, file_hash) WHERE (ingestion_status = 'success'::public.ingestion_status);

-- INDEX uq_invoice_header_draft
CREATE UNIQUE INDEX uq_invoice_header_draft ON public.invoice_header USING btree (contract_id, billing_period_id) WHERE (((document_type)::text = 'invoice'::text) AND (status = 'draft'::public.invoice_status));

-- INDEX uq_rule_output_current
CREATE UNIQUE INDEX uq_rule_output_current ON public.rule_output USING btree (clause_id, period_start, period_end) WHERE (superseded_at IS NULL);

-- RULE provisional_issued_invoice _RETURN
CREATE OR REPLACE VIEW public.provisional_issued_invoice WITH (security_invoker='true') AS
 SELECT invoice.id AS invoice_header_id,
    contract.organization_id,
    contract.project_id,
    invoice.contract_id,
    invoice.billing_period_id,
    invoice.status,
    invoice.invoice_number,
    invoice.computed_at,
    sum(line.line_total_amount) AS provisional_amount
   FROM ((public.invoice_header invoice
     JOIN public.invoice_line_item line ON (((line.invoice_header_id = invoice.id) AND line.is_provisional)))
     JOIN public.contract ON ((contract.id = invoice.contract_id)))
  WHERE ((invoice.status <> 'draft'::public.invoice_status) AND ((invoice.document_type)::text = 'invoice'::text))
  GROUP BY invoice.id, contract.id;

-- TRIGGER clause clause_insert_payload
CREATE TRIGGER clause_insert_payload BEFORE INSERT ON public.clause FOR EACH ROW WHEN ((new.normalized_payload IS NOT NULL)) EXECUTE FUNCTION public.check_clause_payload();

-- TRIGGER clause_tariff clause_tariff_proven
CREATE TRIGGER clause_tariff_proven BEFORE UPDATE ON public.clause_tariff FOR EACH ROW WHEN ((old.proven_until IS NOT NULL)) EXECUTE FUNCTION public.guard_proven_tariff();

-- TRIGGER clause clause_update_payload
CREATE TRIGGER clause_update_payload BEFORE UPDATE ON public.clause FOR EACH ROW WHEN (((new.normalized_payload IS DISTINCT FROM old.normalized_payload) OR (new.clause_category_id IS DISTINCT FROM old.clause_category_id))) EXECUTE FUNCTION public.check_clause_payload();

-- TRIGGER file_mapping file_mapping_updated
CREATE TRIGGER file_mapping_updated BEFORE UPDATE ON public.file_mapping FOR EACH ROW EXECUTE FUNCTION public.update_file_mapping_timestamp();

-- TRIGGER integration_credential integration_credential_updated
CREATE TRIGGER integration_credential_updated BEFORE UPDATE ON public.integration_credential FOR EACH ROW EXECUTE FUNCTION public.update_integration_credential_timestamp();

-- TRIGGER integration_site integration_site_updated
CREATE TRIGGER integration_site_updated BEFORE UPDATE ON public.integration_site FOR EACH ROW EXECUTE FUNCTION public.update_integration_site_timestamp();

-- TRIGGER meter_aggregate meter_aggregate_insert_references
CREATE TRIGGER meter_aggregate_insert_references AFTER INSERT ON public.meter_aggregate REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION public.check_meter_aggregate_references();

-- TRIGGER meter_aggregate meter_aggregate_update_references
CREATE TRIGGER meter_aggregate_update_references AFTER UPDATE ON public.meter_aggregate REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION public.check_meter_aggregate_references();

-- TRIGGER meter_reading meter_reading_insert_references
CREATE TRIGGER meter_reading_insert_references AFTER INSERT ON public.meter_reading REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION public.check_meter_reading_references();

-- TRIGGER meter_reading meter_reading_update_references
CREATE TRIGGER meter_reading_update_references AFTER UPDATE ON public.meter_reading REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION public.check_meter_reading_references();

-- TRIGGER meter meter_with_readings_keeps_its_project
CREATE TRIGGER meter_with_readings_keeps_its_project BEFORE UPDATE ON public.meter FOR EACH ROW WHEN (((old.id IS DISTINCT FROM new.id) OR (old.project_id IS DISTINCT FROM new.project_id))) EXECUTE FUNCTION public.guard_meter_of_readings();

-- TRIGGER meter meter_with_readings_stays
CREATE TRIGGER meter_with_readings_stays BEFORE DELETE ON public.meter FOR EACH ROW EXECUTE FUNCTION public.guard_meter_of_readings();

-- TRIGGER meter meters_with_readings_are_not_truncated
CREATE TRIGGER meters_with_readings_are_not_truncated AFTER TRUNCATE ON public.meter FOR EACH STATEMENT EXECUTE FUNCTION public.guard_truncated_meters();

-- TRIGGER invoice_status_change pgtrigger_change_stays_ca618
CREATE TRIGGER pgtrigger_change_stays_ca618 BEFORE DELETE OR UPDATE ON public.invoice_status_change FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_change_stays_ca618();

ALTER TABLE public.invoice_status_change ENABLE ALWAYS TRIGGER pgtrigger_change_stays_ca618;

-- COMMENT TRIGGER pgtrigger_change_stays_ca618 ON invoice_status_change
COMMENT ON TRIGGER pgtrigger_change_stays_ca618 ON public.invoice_status_change IS '409d9dcbd9e8730553ed6a13f1627edf4f2552a9';

-- TRIGGER invoice_series pgtrigger_counts_on_23f83
CREATE TRIGGER pgtrigger_counts_on_23f83 BEFORE DELETE OR UPDATE ON public.invoice_series FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_counts_on_23f83();

ALTER TABLE public.invoice_series ENABLE ALWAYS TRIGGER pgtrigger_counts_on_23f83;

-- COMMENT TRIGGER pgtrigger_counts_on_23f83 ON invoice_series
COMMENT ON TRIGGER pgtrigger_counts_on_23f83 ON public.invoice_series IS 'b63fcaf52e454ac7bd888a7f2d8f66b34c0cdd86';

-- TRIGGER invoice_tax pgtrigger_issued_is_final_65188
CREATE TRIGGER pgtrigger_issued_is_final_65188 BEFORE INSERT OR DELETE OR UPDATE ON public.invoice_tax FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_issued_is_final_65188();

ALTER TABLE public.invoice_tax ENABLE ALWAYS TRIGGER pgtrigger_issued_is_final_65188;

-- COMMENT TRIGGER pgtrigger_issued_is_final_65188 ON invoice_tax
COMMENT ON TRIGGER pgtrigger_issued_is_final_65188 ON public.invoice_tax IS '679a6726ee19dcbac33afa245196a6eed1bbaf30';

-- TRIGGER invoice_header pgtrigger_issued_is_final_ba802
CREATE TRIGGER pgtrigger_issued_is_final_ba802 BEFORE INSERT OR DELETE OR UPDATE ON public.invoice_header FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_issued_is_final_ba802();

ALTER TABLE public.invoice_header ENABLE ALWAYS TRIGGER pgtrigger_issued_is_final_ba802;

-- COMMENT TRIGGER pgtrigger_issued_is_final_ba802 ON invoice_header
COMMENT ON TRIGGER pgtrigger_issued_is_final_ba802 ON public.invoice_header IS 'fc1911ce5669101fcf9a922a2d1cfbe8806cf16b';

-- TRIGGER invoice_line_item pgtrigger_issued_is_final_e98dc
CREATE TRIGGER pgtrigger_issued_is_final_e98dc BEFORE INSERT OR DELETE OR UPDATE ON public.invoice_line_item FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_issued_is_final_e98dc();

ALTER TABLE public.invoice_line_item ENABLE ALWAYS TRIGGER pgtrigger_issued_is_final_e98dc;

-- COMMENT TRIGGER pgtrigger_issued_is_final_e98dc ON invoice_line_item
COMMENT ON TRIGGER pgtrigger_issued_is_final_e98dc ON public.invoice_line_item IS '5ea49a067ccea804fc3d43e97a67d98c4c61bf21';

-- TRIGGER invoice_line_item pgtrigger_issued_is_not_truncated_350b8
CREATE TRIGGER pgtrigger_issued_is_not_truncated_350b8 BEFORE TRUNCATE ON public.invoice_line_item FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_issued_is_not_truncated_350b8();

ALTER TABLE public.invoice_line_item ENABLE ALWAYS TRIGGER pgtrigger_issued_is_not_truncated_350b8;

-- COMMENT TRIGGER pgtrigger_issued_is_not_truncated_350b8 ON invoice_line_item
COMMENT ON TRIGGER pgtrigger_issued_is_not_truncated_350b8 ON public.invoice_line_item IS '3692537f8ce3a7a33993a5ae08fdaf9f0ffd5445';

-- TRIGGER invoice_tax pgtrigger_issued_is_not_truncated_53501
CREATE TRIGGER pgtrigger_issued_is_not_truncated_53501 BEFORE TRUNCATE ON public.invoice_tax FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_issued_is_not_truncated_53501();

ALTER TABLE public.invoice_tax ENABLE ALWAYS TRIGGER pgtrigger_issued_is_not_truncated_53501;

-- COMMENT TRIGGER pgtrigger_issued_is_not_truncated_53501 ON invoice_tax
COMMENT ON TRIGGER pgtrigger_issued_is_not_truncated_53501 ON public.invoice_tax IS 'c73ba7d42e6aa66a191c594d20e244887cb13e0c';

-- TRIGGER invoice_status_change pgtrigger_issued_is_not_truncated_93bdf
CREATE TRIGGER pgtrigger_issued_is_not_truncated_93bdf BEFORE TRUNCATE ON public.invoice_status_change FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_issued_is_not_truncated_93bdf();

ALTER TABLE public.invoice_status_change ENABLE ALWAYS TRIGGER pgtrigger_issued_is_not_truncated_93bdf;

-- COMMENT TRIGGER pgtrigger_issued_is_not_truncated_93bdf ON invoice_status_change
COMMENT ON TRIGGER pgtrigger_issued_is_not_truncated_93bdf ON public.invoice_status_change IS '42982d517ba31c2d512494b70473109cf11f32ab';

-- TRIGGER invoice_header pgtrigger_issued_is_not_truncated_af8be
CREATE TRIGGER pgtrigger_issued_is_not_truncated_af8be BEFORE TRUNCATE ON public.invoice_header FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_issued_is_not_truncated_af8be();

ALTER TABLE public.invoice_header ENABLE ALWAYS TRIGGER pgtrigger_issued_is_not_truncated_af8be;

-- COMMENT TRIGGER pgtrigger_issued_is_not_truncated_af8be ON invoice_header
COMMENT ON TRIGGER pgtrigger_issued_is_not_truncated_af8be ON public.invoice_header IS 'f1ae3dfe1cd24e2b2ef2df8da0bbb783ec9d7066';

-- TRIGGER invoice_series pgtrigger_issued_is_not_truncated_d4350
CREATE TRIGGER pgtrigger_issued_is_not_truncated_d4350 BEFORE TRUNCATE ON public.invoice_series FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_issued_is_not_truncated_d4350();

ALTER TABLE public.invoice_series ENABLE ALWAYS TRIGGER pgtrigger_issued_is_not_truncated_d4350;

-- COMMENT TRIGGER pgtrigger_issued_is_not_truncated_d4350 ON invoice_series
COMMENT ON TRIGGER pgtrigger_issued_is_not_truncated_d4350 ON public.invoice_series IS '292f378ed95cf4981b027692512463eb09d74c36';

-- TRIGGER invoice_series pgtrigger_number_is_used_c9a27
CREATE CONSTRAINT TRIGGER pgtrigger_number_is_used_c9a27 AFTER UPDATE ON public.invoice_series DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((old.last_number <> new.last_number)) EXECUTE FUNCTION public.pgtrigger_number_is_used_c9a27();

ALTER TABLE public.invoice_series ENABLE ALWAYS TRIGGER pgtrigger_number_is_used_c9a27;

-- COMMENT TRIGGER pgtrigger_number_is_used_c9a27 ON invoice_series
COMMENT ON TRIGGER pgtrigger_number_is_used_c9a27 ON public.invoice_series IS '55dcc66a6503f81d94157cb289aeff1ba1833b63';

-- TRIGGER project project_with_readings_keeps_its_organization
CREATE TRIGGER project_with_readings_keeps_its_organization BEFORE UPDATE ON public.project FOR EACH ROW WHEN ((old.organization_id IS DISTINCT FROM new.organization_id)) EXECUTE FUNCTION public.guard_project_of_readings();

-- FK CONSTRAINT asset asset_asset_type_id_fkey
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_asset_type_id_fkey FOREIGN KEY (asset_type_id) REFERENCES public.asset_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT asset asset_project_id_fkey
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT asset asset_vendor_id_fkey
ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_vendor_id_fkey FOREIGN KEY (vendor_id) REFERENCES public.vendor(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT clause clause_clause_category_id_fkey
ALTER TABLE ONLY public.clause
    ADD CONSTRAINT clause_clause_category_id_fkey FOREIGN KEY (clause_category_id) REFERENCES public.clause_category(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT clause clause_clause_responsibleparty_id_fkey
ALTER TABLE ONLY public.clause
    ADD CONSTRAINT clause_clause_responsibleparty_id_fkey FOREIGN KEY (clause_responsibleparty_id) REFERENCES public.clause_responsibleparty(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT clause clause_clause_type_id_fkey
ALTER TABLE ONLY public.clause
    ADD CONSTRAINT clause_clause_type_id_fkey FOREIGN KEY (clause_type_id) REFERENCES public.clause_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT clause clause_contract_id_fkey
ALTER TABLE ONLY public.clause
    ADD CONSTRAINT clause_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT clause clause_project_id_fkey
ALTER TABLE ONLY public.clause
    ADD CONSTRAINT clause_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT clause_tariff clause_tariff_contract_id_fkey
ALTER TABLE ONLY public.clause_tariff
    ADD CONSTRAINT clause_tariff_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT clause_tariff clause_tariff_currency_id_fkey
ALTER TABLE ONLY public.clause_tariff
    ADD CONSTRAINT clause_tariff_currency_id_fkey FOREIGN KEY (currency_id) REFERENCES public.currency(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT clause_tariff clause_tariff_project_id_fkey
ALTER TABLE ONLY public.clause_tariff
    ADD CONSTRAINT clause_tariff_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT clause_tariff clause_tariff_tariff_type_id_fkey
ALTER TABLE ONLY public.clause_tariff
    ADD CONSTRAINT clause_tariff_tariff_type_id_fkey FOREIGN KEY (tariff_type_id) REFERENCES public.tariff_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT comparison_tolerance comparison_tolerance_contract_id_fkey
ALTER TABLE ONLY public.comparison_tolerance
    ADD CONSTRAINT comparison_tolerance_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT comparison_tolerance comparison_tolerance_currency_id_fkey
ALTER TABLE ONLY public.comparison_tolerance
    ADD CONSTRAINT comparison_tolerance_currency_id_fkey FOREIGN KEY (currency_id) REFERENCES public.currency(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT comparison_tolerance comparison_tolerance_organization_id_fkey
ALTER TABLE ONLY public.comparison_tolerance
    ADD CONSTRAINT comparison_tolerance_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contract contract_contract_status_id_fkey
ALTER TABLE ONLY public.contract
    ADD CONSTRAINT contract_contract_status_id_fkey FOREIGN KEY (contract_status_id) REFERENCES public.contract_status(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contract contract_contract_type_id_fkey
ALTER TABLE ONLY public.contract
    ADD CONSTRAINT contract_contract_type_id_fkey FOREIGN KEY (contract_type_id) REFERENCES public.contract_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contract contract_counterparty_id_fkey
ALTER TABLE ONLY public.contract
    ADD CONSTRAINT contract_counterparty_id_fkey FOREIGN KEY (counterparty_id) REFERENCES public.counterparty(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contract contract_organization_id_fkey
ALTER TABLE ONLY public.contract
    ADD CONSTRAINT contract_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contract_pii_mapping contract_pii_mapping_accessed_by_fkey
ALTER TABLE ONLY public.contract_pii_mapping
    ADD CONSTRAINT contract_pii_mapping_accessed_by_fkey FOREIGN KEY (accessed_by) REFERENCES auth.users(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contract_pii_mapping contract_pii_mapping_contract_id_fkey
ALTER TABLE ONLY public.contract_pii_mapping
    ADD CONSTRAINT contract_pii_mapping_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contract_pii_mapping contract_pii_mapping_created_by_fkey
ALTER TABLE ONLY public.contract_pii_mapping
    ADD CONSTRAINT contract_pii_mapping_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contract contract_project_id_fkey
ALTER TABLE ONLY public.contract
    ADD CONSTRAINT contract_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contractor_report contractor_report_counterparty_id_fkey
ALTER TABLE ONLY public.contractor_report
    ADD CONSTRAINT contractor_report_counterparty_id_fkey FOREIGN KEY (counterparty_id) REFERENCES public.counterparty(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT contractor_report contractor_report_project_id_fkey
ALTER TABLE ONLY public.contractor_report
    ADD CONSTRAINT contractor_report_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT counterparty counterparty_counterparty_type_id_fkey
ALTER TABLE ONLY public.counterparty
    ADD CONSTRAINT counterparty_counterparty_type_id_fkey FOREIGN KEY (counterparty_type_id) REFERENCES public.counterparty_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT cure_step cure_step_default_event_id_fkey
ALTER TABLE ONLY public.cure_step
    ADD CONSTRAINT cure_step_default_event_id_fkey FOREIGN KEY (default_event_id) REFERENCES public.default_event(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT cure_step cure_step_organization_id_fkey
ALTER TABLE ONLY public.cure_step
    ADD CONSTRAINT cure_step_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT damages_ledger damages_ledger_clause_id_fkey
ALTER TABLE ONLY public.damages_ledger
    ADD CONSTRAINT damages_ledger_clause_id_fkey FOREIGN KEY (clause_id) REFERENCES public.clause(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT damages_ledger damages_ledger_contract_id_fkey
ALTER TABLE ONLY public.damages_ledger
    ADD CONSTRAINT damages_ledger_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT damages_ledger damages_ledger_currency_id_fkey
ALTER TABLE ONLY public.damages_ledger
    ADD CONSTRAINT damages_ledger_currency_id_fkey FOREIGN KEY (currency_id) REFERENCES public.currency(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT damages_ledger damages_ledger_organization_id_fkey
ALTER TABLE ONLY public.damages_ledger
    ADD CONSTRAINT damages_ledger_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT damages_ledger damages_ledger_rule_output_id_fkey
ALTER TABLE ONLY public.damages_ledger
    ADD CONSTRAINT damages_ledger_rule_output_id_fkey FOREIGN KEY (rule_output_id) REFERENCES public.rule_output(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT default_event default_event_clause_id_fkey
ALTER TABLE ONLY public.default_event
    ADD CONSTRAINT default_event_clause_id_fkey FOREIGN KEY (clause_id) REFERENCES public.clause(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT default_event default_event_contract_id_fkey
ALTER TABLE ONLY public.default_event
    ADD CONSTRAINT default_event_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT default_event default_event_default_event_type_id_fkey
ALTER TABLE ONLY public.default_event
    ADD CONSTRAINT default_event_default_event_type_id_fkey FOREIGN KEY (default_event_type_id) REFERENCES public.default_event_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT default_event default_event_event_id_fkey
ALTER TABLE ONLY public.default_event
    ADD CONSTRAINT default_event_event_id_fkey FOREIGN KEY (event_id) REFERENCES public.event(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT default_event default_event_organization_id_fkey
ALTER TABLE ONLY public.default_event
    ADD CONSTRAINT default_event_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT default_event default_event_project_id_fkey
ALTER TABLE ONLY public.default_event
    ADD CONSTRAINT default_event_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT event event_data_source_id_fkey
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_data_source_id_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT event event_event_type_id_fkey
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_event_type_id_fkey FOREIGN KEY (event_type_id) REFERENCES public.event_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT event event_organization_id_fkey
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT event event_project_id_fkey
ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT exchange_rate exchange_rate_base_currency_id_fkey
ALTER TABLE ONLY public.exchange_rate
    ADD CONSTRAINT exchange_rate_base_currency_id_fkey FOREIGN KEY (base_currency_id) REFERENCES public.currency(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT exchange_rate exchange_rate_quote_currency_id_fkey
ALTER TABLE ONLY public.exchange_rate
    ADD CONSTRAINT exchange_rate_quote_currency_id_fkey FOREIGN KEY (quote_currency_id) REFERENCES public.currency(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT expected_invoice_header expected_invoice_header_billing_period_id_fkey
ALTER TABLE ONLY public.expected_invoice_header
    ADD CONSTRAINT expected_invoice_header_billing_period_id_fkey FOREIGN KEY (billing_period_id) REFERENCES public.billing_period(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT expected_invoice_header expected_invoice_header_contract_id_fkey
ALTER TABLE ONLY public.expected_invoice_header
    ADD CONSTRAINT expected_invoice_header_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT expected_invoice_header expected_invoice_header_counterparty_id_fkey
ALTER TABLE ONLY public.expected_invoice_header
    ADD CONSTRAINT expected_invoice_header_counterparty_id_fkey FOREIGN KEY (counterparty_id) REFERENCES public.counterparty(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT expected_invoice_header expected_invoice_header_currency_id_fkey
ALTER TABLE ONLY public.expected_invoice_header
    ADD CONSTRAINT expected_invoice_header_currency_id_fkey FOREIGN KEY (currency_id) REFERENCES public.currency(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT expected_invoice_header expected_invoice_header_project_id_fkey
ALTER TABLE ONLY public.expected_invoice_header
    ADD CONSTRAINT expected_invoice_header_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT expected_invoice_line_item expected_invoice_line_item_expected_invoice_header_id_fkey
ALTER TABLE ONLY public.expected_invoice_line_item
    ADD CONSTRAINT expected_invoice_line_item_expected_invoice_header_id_fkey FOREIGN KEY (expected_invoice_header_id) REFERENCES public.expected_invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT expected_invoice_line_item expected_invoice_line_item_invoice_line_item_type_id_fkey
ALTER TABLE ONLY public.expected_invoice_line_item
    ADD CONSTRAINT expected_invoice_line_item_invoice_line_item_type_id_fkey FOREIGN KEY (invoice_line_item_type_id) REFERENCES public.invoice_line_item_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT fault fault_asset_id_fkey
ALTER TABLE ONLY public.fault
    ADD CONSTRAINT fault_asset_id_fkey FOREIGN KEY (asset_id) REFERENCES public.asset(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT fault fault_data_source_id_fkey
ALTER TABLE ONLY public.fault
    ADD CONSTRAINT fault_data_source_id_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT fault fault_fault_type_id_fkey
ALTER TABLE ONLY public.fault
    ADD CONSTRAINT fault_fault_type_id_fkey FOREIGN KEY (fault_type_id) REFERENCES public.fault_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT fault fault_project_id_fkey
ALTER TABLE ONLY public.fault
    ADD CONSTRAINT fault_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT file_mapping file_mapping_data_source_id_fkey
ALTER TABLE ONLY public.file_mapping
    ADD CONSTRAINT file_mapping_data_source_id_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT file_mapping file_mapping_organization_id_fkey
ALTER TABLE ONLY public.file_mapping
    ADD CONSTRAINT file_mapping_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT grid_event grid_event_grid_event_type_id_fkey
ALTER TABLE ONLY public.grid_event
    ADD CONSTRAINT grid_event_grid_event_type_id_fkey FOREIGN KEY (grid_event_type_id) REFERENCES public.grid_event_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT grid_event grid_event_grid_operator_id_fkey
ALTER TABLE ONLY public.grid_event
    ADD CONSTRAINT grid_event_grid_operator_id_fkey FOREIGN KEY (grid_operator_id) REFERENCES public.grid_operator(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT holiday holiday_holiday_calendar_id_fkey
ALTER TABLE ONLY public.holiday
    ADD CONSTRAINT holiday_holiday_calendar_id_fkey FOREIGN KEY (holiday_calendar_id) REFERENCES public.holiday_calendar(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT ingestion_log ingestion_log_data_source_id_fkey
ALTER TABLE ONLY public.ingestion_log
    ADD CONSTRAINT ingestion_log_data_source_id_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT ingestion_log ingestion_log_integration_site_id_fkey
ALTER TABLE ONLY public.ingestion_log
    ADD CONSTRAINT ingestion_log_integration_site_id_fkey FOREIGN KEY (integration_site_id) REFERENCES public.integration_site(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT ingestion_log ingestion_log_organization_id_fkey
ALTER TABLE ONLY public.ingestion_log
    ADD CONSTRAINT ingestion_log_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT integration_credential integration_credential_created_by_fkey
ALTER TABLE ONLY public.integration_credential
    ADD CONSTRAINT integration_credential_created_by_fkey FOREIGN KEY (created_by) REFERENCES auth.users(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT integration_credential integration_credential_data_source_id_fkey
ALTER TABLE ONLY public.integration_credential
    ADD CONSTRAINT integration_credential_data_source_id_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT integration_credential integration_credential_organization_id_fkey
ALTER TABLE ONLY public.integration_credential
    ADD CONSTRAINT integration_credential_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT integration_credential integration_credential_updated_by_fkey
ALTER TABLE ONLY public.integration_credential
    ADD CONSTRAINT integration_credential_updated_by_fkey FOREIGN KEY (updated_by) REFERENCES auth.users(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT integration_site integration_site_data_source_id_fkey
ALTER TABLE ONLY public.integration_site
    ADD CONSTRAINT integration_site_data_source_id_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT integration_site integration_site_integration_credential_id_fkey
ALTER TABLE ONLY public.integration_site
    ADD CONSTRAINT integration_site_integration_credential_id_fkey FOREIGN KEY (integration_credential_id) REFERENCES public.integration_credential(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT integration_site integration_site_meter_id_fkey
ALTER TABLE ONLY public.integration_site
    ADD CONSTRAINT integration_site_meter_id_fkey FOREIGN KEY (meter_id) REFERENCES public.meter(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT integration_site integration_site_organization_id_fkey
ALTER TABLE ONLY public.integration_site
    ADD CONSTRAINT integration_site_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT integration_site integration_site_project_id_fkey
ALTER TABLE ONLY public.integration_site
    ADD CONSTRAINT integration_site_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_comparison invoice_comparison_expected_invoice_header_id_fkey
ALTER TABLE ONLY public.invoice_comparison
    ADD CONSTRAINT invoice_comparison_expected_invoice_header_id_fkey FOREIGN KEY (expected_invoice_header_id) REFERENCES public.expected_invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_comparison_line_item invoice_comparison_line_item_expected_invoice_line_item_id_fkey
ALTER TABLE ONLY public.invoice_comparison_line_item
    ADD CONSTRAINT invoice_comparison_line_item_expected_invoice_line_item_id_fkey FOREIGN KEY (expected_invoice_line_item_id) REFERENCES public.expected_invoice_line_item(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_comparison_line_item invoice_comparison_line_item_invoice_comparison_id_fkey
ALTER TABLE ONLY public.invoice_comparison_line_item
    ADD CONSTRAINT invoice_comparison_line_item_invoice_comparison_id_fkey FOREIGN KEY (invoice_comparison_id) REFERENCES public.invoice_comparison(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_comparison_line_item invoice_comparison_line_item_received_invoice_line_item_id_fkey
ALTER TABLE ONLY public.invoice_comparison_line_item
    ADD CONSTRAINT invoice_comparison_line_item_received_invoice_line_item_id_fkey FOREIGN KEY (received_invoice_line_item_id) REFERENCES public.received_invoice_line_item(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_comparison invoice_comparison_received_invoice_header_id_fkey
ALTER TABLE ONLY public.invoice_comparison
    ADD CONSTRAINT invoice_comparison_received_invoice_header_id_fkey FOREIGN KEY (received_invoice_header_id) REFERENCES public.received_invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_header invoice_header_billing_period_id_fkey
ALTER TABLE ONLY public.invoice_header
    ADD CONSTRAINT invoice_header_billing_period_id_fkey FOREIGN KEY (billing_period_id) REFERENCES public.billing_period(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_header invoice_header_contract_id_fkey
ALTER TABLE ONLY public.invoice_header
    ADD CONSTRAINT invoice_header_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_header invoice_header_corrects_id_fkey
ALTER TABLE ONLY public.invoice_header
    ADD CONSTRAINT invoice_header_corrects_id_fkey FOREIGN KEY (corrects_id) REFERENCES public.invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_header invoice_header_counterparty_id_fkey
ALTER TABLE ONLY public.invoice_header
    ADD CONSTRAINT invoice_header_counterparty_id_fkey FOREIGN KEY (counterparty_id) REFERENCES public.counterparty(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_header invoice_header_currency_id_fkey
ALTER TABLE ONLY public.invoice_header
    ADD CONSTRAINT invoice_header_currency_id_fkey FOREIGN KEY (currency_id) REFERENCES public.currency(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_header invoice_header_invoice_series_id_fkey
ALTER TABLE ONLY public.invoice_header
    ADD CONSTRAINT invoice_header_invoice_series_id_fkey FOREIGN KEY (invoice_series_id) REFERENCES public.invoice_series(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_header invoice_header_project_id_fkey
ALTER TABLE ONLY public.invoice_header
    ADD CONSTRAINT invoice_header_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_line_item invoice_line_item_clause_tariff_id_fkey
ALTER TABLE ONLY public.invoice_line_item
    ADD CONSTRAINT invoice_line_item_clause_tariff_id_fkey FOREIGN KEY (clause_tariff_id) REFERENCES public.clause_tariff(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_line_item invoice_line_item_corrects_id_fkey
ALTER TABLE ONLY public.invoice_line_item
    ADD CONSTRAINT invoice_line_item_corrects_id_fkey FOREIGN KEY (corrects_id) REFERENCES public.invoice_line_item(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_line_item invoice_line_item_invoice_header_id_fkey
ALTER TABLE ONLY public.invoice_line_item
    ADD CONSTRAINT invoice_line_item_invoice_header_id_fkey FOREIGN KEY (invoice_header_id) REFERENCES public.invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_line_item invoice_line_item_invoice_line_item_type_id_fkey
ALTER TABLE ONLY public.invoice_line_item
    ADD CONSTRAINT invoice_line_item_invoice_line_item_type_id_fkey FOREIGN KEY (invoice_line_item_type_id) REFERENCES public.invoice_line_item_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_line_item invoice_line_item_meter_aggregate_id_fkey
ALTER TABLE ONLY public.invoice_line_item
    ADD CONSTRAINT invoice_line_item_meter_aggregate_id_fkey FOREIGN KEY (meter_aggregate_id) REFERENCES public.meter_aggregate(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_line_item invoice_line_item_rule_output_id_fkey
ALTER TABLE ONLY public.invoice_line_item
    ADD CONSTRAINT invoice_line_item_rule_output_id_fkey FOREIGN KEY (rule_output_id) REFERENCES public.rule_output(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_notice invoice_notice_invoice_header_id_fkey
ALTER TABLE ONLY public.invoice_notice
    ADD CONSTRAINT invoice_notice_invoice_header_id_fkey FOREIGN KEY (invoice_header_id) REFERENCES public.invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_notice invoice_notice_notification_id_fkey
ALTER TABLE ONLY public.invoice_notice
    ADD CONSTRAINT invoice_notice_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES public.notification(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_notice invoice_notice_received_invoice_header_id_fkey
ALTER TABLE ONLY public.invoice_notice
    ADD CONSTRAINT invoice_notice_received_invoice_header_id_fkey FOREIGN KEY (received_invoice_header_id) REFERENCES public.received_invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_series invoice_series_organization_id_fkey
ALTER TABLE ONLY public.invoice_series
    ADD CONSTRAINT invoice_series_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_status_change invoice_status_change_invoice_header_id_fkey
ALTER TABLE ONLY public.invoice_status_change
    ADD CONSTRAINT invoice_status_change_invoice_header_id_fkey FOREIGN KEY (invoice_header_id) REFERENCES public.invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_tax invoice_tax_corrects_id_fkey
ALTER TABLE ONLY public.invoice_tax
    ADD CONSTRAINT invoice_tax_corrects_id_fkey FOREIGN KEY (corrects_id) REFERENCES public.invoice_tax(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_tax invoice_tax_invoice_header_id_fkey
ALTER TABLE ONLY public.invoice_tax
    ADD CONSTRAINT invoice_tax_invoice_header_id_fkey FOREIGN KEY (invoice_header_id) REFERENCES public.invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT invoice_tax invoice_tax_tax_rule_id_fkey
ALTER TABLE ONLY public.invoice_tax
    ADD CONSTRAINT invoice_tax_tax_rule_id_fkey FOREIGN KEY (tax_rule_id) REFERENCES public.tax_rule(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT market_price market_price_market_price_type_id_fkey
ALTER TABLE ONLY public.market_price
    ADD CONSTRAINT market_price_market_price_type_id_fkey FOREIGN KEY (market_price_type_id) REFERENCES public.market_price_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT meter_aggregate meter_aggregate_billing_period_id_fkey
ALTER TABLE ONLY public.meter_aggregate
    ADD CONSTRAINT meter_aggregate_billing_period_id_fkey FOREIGN KEY (billing_period_id) REFERENCES public.billing_period(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT meter_aggregate meter_aggregate_data_source_id_fkey
ALTER TABLE ONLY public.meter_aggregate
    ADD CONSTRAINT meter_aggregate_data_source_id_fkey FOREIGN KEY (data_source_id) REFERENCES public.data_source(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT meter meter_asset_id_fkey
ALTER TABLE ONLY public.meter
    ADD CONSTRAINT meter_asset_id_fkey FOREIGN KEY (asset_id) REFERENCES public.asset(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT meter meter_meter_type_id_fkey
ALTER TABLE ONLY public.meter
    ADD CONSTRAINT meter_meter_type_id_fkey FOREIGN KEY (meter_type_id) REFERENCES public.meter_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT meter meter_project_id_fkey
ALTER TABLE ONLY public.meter
    ADD CONSTRAINT meter_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT meter meter_vendor_id_fkey
ALTER TABLE ONLY public.meter
    ADD CONSTRAINT meter_vendor_id_fkey FOREIGN KEY (vendor_id) REFERENCES public.vendor(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT month_close month_close_billing_period_id_fkey
ALTER TABLE ONLY public.month_close
    ADD CONSTRAINT month_close_billing_period_id_fkey FOREIGN KEY (billing_period_id) REFERENCES public.billing_period(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT month_close month_close_contract_id_fkey
ALTER TABLE ONLY public.month_close
    ADD CONSTRAINT month_close_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT notification notification_default_event_id_fkey
ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_default_event_id_fkey FOREIGN KEY (default_event_id) REFERENCES public.default_event(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT notification_mail notification_mail_notification_id_fkey
ALTER TABLE ONLY public.notification_mail
    ADD CONSTRAINT notification_mail_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES public.notification(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT notification notification_notification_type_id_fkey
ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_notification_type_id_fkey FOREIGN KEY (notification_type_id) REFERENCES public.notification_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT notification notification_organization_id_fkey
ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT notification notification_project_id_fkey
ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT notification notification_rule_output_id_fkey
ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_rule_output_id_fkey FOREIGN KEY (rule_output_id) REFERENCES public.rule_output(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT price_index_value price_index_value_price_index_id_fkey
ALTER TABLE ONLY public.price_index_value
    ADD CONSTRAINT price_index_value_price_index_id_fkey FOREIGN KEY (price_index_id) REFERENCES public.price_index(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT project project_organization_id_fkey
ALTER TABLE ONLY public.project
    ADD CONSTRAINT project_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT reading_archive_file reading_archive_file_organization_id_fkey
ALTER TABLE ONLY public.reading_archive_file
    ADD CONSTRAINT reading_archive_file_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT reading_archive_file reading_archive_file_reading_archive_id_fkey
ALTER TABLE ONLY public.reading_archive_file
    ADD CONSTRAINT reading_archive_file_reading_archive_id_fkey FOREIGN KEY (reading_archive_id) REFERENCES public.reading_archive(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT reading_change reading_change_ingestion_log_id_fkey
ALTER TABLE ONLY public.reading_change
    ADD CONSTRAINT reading_change_ingestion_log_id_fkey FOREIGN KEY (ingestion_log_id) REFERENCES public.ingestion_log(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT reading_change reading_change_meter_id_fkey
ALTER TABLE ONLY public.reading_change
    ADD CONSTRAINT reading_change_meter_id_fkey FOREIGN KEY (meter_id) REFERENCES public.meter(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT reading_change reading_change_organization_id_fkey
ALTER TABLE ONLY public.reading_change
    ADD CONSTRAINT reading_change_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT reading_change reading_change_project_id_fkey
ALTER TABLE ONLY public.reading_change
    ADD CONSTRAINT reading_change_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT received_invoice_header received_invoice_header_billing_period_id_fkey
ALTER TABLE ONLY public.received_invoice_header
    ADD CONSTRAINT received_invoice_header_billing_period_id_fkey FOREIGN KEY (billing_period_id) REFERENCES public.billing_period(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT received_invoice_header received_invoice_header_contract_id_fkey
ALTER TABLE ONLY public.received_invoice_header
    ADD CONSTRAINT received_invoice_header_contract_id_fkey FOREIGN KEY (contract_id) REFERENCES public.contract(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT received_invoice_header received_invoice_header_counterparty_id_fkey
ALTER TABLE ONLY public.received_invoice_header
    ADD CONSTRAINT received_invoice_header_counterparty_id_fkey FOREIGN KEY (counterparty_id) REFERENCES public.counterparty(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT received_invoice_header received_invoice_header_currency_id_fkey
ALTER TABLE ONLY public.received_invoice_header
    ADD CONSTRAINT received_invoice_header_currency_id_fkey FOREIGN KEY (currency_id) REFERENCES public.currency(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT received_invoice_header received_invoice_header_project_id_fkey
ALTER TABLE ONLY public.received_invoice_header
    ADD CONSTRAINT received_invoice_header_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT received_invoice_line_item received_invoice_line_item_invoice_line_item_type_id_fkey
ALTER TABLE ONLY public.received_invoice_line_item
    ADD CONSTRAINT received_invoice_line_item_invoice_line_item_type_id_fkey FOREIGN KEY (invoice_line_item_type_id) REFERENCES public.invoice_line_item_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT received_invoice_line_item received_invoice_line_item_received_invoice_header_id_fkey
ALTER TABLE ONLY public.received_invoice_line_item
    ADD CONSTRAINT received_invoice_line_item_received_invoice_header_id_fkey FOREIGN KEY (received_invoice_header_id) REFERENCES public.received_invoice_header(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT regulatory_fee regulatory_fee_regulatory_fee_type_id_fkey
ALTER TABLE ONLY public.regulatory_fee
    ADD CONSTRAINT regulatory_fee_regulatory_fee_type_id_fkey FOREIGN KEY (regulatory_fee_type_id) REFERENCES public.regulatory_fee_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT rejected_reading rejected_reading_ingestion_log_id_fkey
ALTER TABLE ONLY public.rejected_reading
    ADD CONSTRAINT rejected_reading_ingestion_log_id_fkey FOREIGN KEY (ingestion_log_id) REFERENCES public.ingestion_log(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT rejected_reading rejected_reading_organization_id_fkey
ALTER TABLE ONLY public.rejected_reading
    ADD CONSTRAINT rejected_reading_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT role role_organization_id_fkey
ALTER TABLE ONLY public.role
    ADD CONSTRAINT role_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT rule_output rule_output_clause_id_fkey
ALTER TABLE ONLY public.rule_output
    ADD CONSTRAINT rule_output_clause_id_fkey FOREIGN KEY (clause_id) REFERENCES public.clause(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT rule_output rule_output_currency_id_fkey
ALTER TABLE ONLY public.rule_output
    ADD CONSTRAINT rule_output_currency_id_fkey FOREIGN KEY (currency_id) REFERENCES public.currency(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT rule_output rule_output_default_event_id_fkey
ALTER TABLE ONLY public.rule_output
    ADD CONSTRAINT rule_output_default_event_id_fkey FOREIGN KEY (default_event_id) REFERENCES public.default_event(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT rule_output rule_output_project_id_fkey
ALTER TABLE ONLY public.rule_output
    ADD CONSTRAINT rule_output_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.project(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT rule_output rule_output_rule_output_type_id_fkey
ALTER TABLE ONLY public.rule_output
    ADD CONSTRAINT rule_output_rule_output_type_id_fkey FOREIGN KEY (rule_output_type_id) REFERENCES public.rule_output_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT tax_rule tax_rule_invoice_line_item_type_id_fkey
ALTER TABLE ONLY public.tax_rule
    ADD CONSTRAINT tax_rule_invoice_line_item_type_id_fkey FOREIGN KEY (invoice_line_item_type_id) REFERENCES public.invoice_line_item_type(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT tax_rule tax_rule_organization_id_fkey
ALTER TABLE ONLY public.tax_rule
    ADD CONSTRAINT tax_rule_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id) DEFERRABLE INITIALLY DEFERRED;

-- FK CONSTRAINT weather_data weather_data_weather_data_type_id_fkey
ALTER TABLE ONLY public.weather_data
    ADD CONSTRAINT weather_data_weather_data_type_id_fkey FOREIGN KEY (weather_data_type_id) REFERENCES public.weather_data_type(id) DEFERRABLE INITIALLY DEFERRED;

-- ROW SECURITY comparison_tolerance
ALTER TABLE public.comparison_tolerance ENABLE ROW LEVEL SECURITY;

-- POLICY comparison_tolerance comparison_tolerance_org_policy
CREATE POLICY comparison_tolerance_org_policy ON public.comparison_tolerance FOR SELECT TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY comparison_tolerance comparison_tolerance_service_policy
CREATE POLICY comparison_tolerance_service_policy ON public.comparison_tolerance TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY contract_pii_mapping
ALTER TABLE public.contract_pii_mapping ENABLE ROW LEVEL SECURITY;

-- POLICY contract_pii_mapping contract_pii_mapping_insert_policy
CREATE POLICY contract_pii_mapping_insert_policy ON public.contract_pii_mapping FOR INSERT TO authenticated WITH CHECK ((EXISTS ( SELECT
   FROM (public.contract
     JOIN public.role ON ((role.organization_id = contract.organization_id)))
  WHERE ((contract.id = contract_pii_mapping.contract_id) AND (role.user_id = auth.uid()) AND ((role.role_type)::text = 'admin'::text) AND role.is_active))));

-- POLICY contract_pii_mapping contract_pii_mapping_select_policy
CREATE POLICY contract_pii_mapping_select_policy ON public.contract_pii_mapping FOR SELECT TO authenticated USING ((EXISTS ( SELECT
   FROM (public.contract
     JOIN public.role ON ((role.organization_id = contract.organization_id)))
  WHERE ((contract.id = contract_pii_mapping.contract_id) AND (role.user_id = auth.uid()) AND ((role.role_type)::text = 'admin'::text) AND role.is_active))));

-- POLICY contract_pii_mapping contract_pii_mapping_update_policy
CREATE POLICY contract_pii_mapping_update_policy ON public.contract_pii_mapping FOR UPDATE TO authenticated USING ((EXISTS ( SELECT
   FROM (public.contract
     JOIN public.role ON ((role.organization_id = contract.organization_id)))
  WHERE ((contract.id = contract_pii_mapping.contract_id) AND (role.user_id = auth.uid()) AND ((role.role_type)::text = 'admin'::text) AND role.is_active))));

-- ROW SECURITY cure_step
ALTER TABLE public.cure_step ENABLE ROW LEVEL SECURITY;

-- POLICY cure_step cure_step_org_policy
CREATE POLICY cure_step_org_policy ON public.cure_step FOR SELECT TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY cure_step cure_step_service_policy
CREATE POLICY cure_step_service_policy ON public.cure_step TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY damages_ledger
ALTER TABLE public.damages_ledger ENABLE ROW LEVEL SECURITY;

-- POLICY damages_ledger damages_ledger_org_policy
CREATE POLICY damages_ledger_org_policy ON public.damages_ledger FOR SELECT TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY damages_ledger damages_ledger_service_policy
CREATE POLICY damages_ledger_service_policy ON public.damages_ledger TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY exchange_rate
ALTER TABLE public.exchange_rate ENABLE ROW LEVEL SECURITY;

-- POLICY exchange_rate exchange_rate_read_policy
CREATE POLICY exchange_rate_read_policy ON public.exchange_rate FOR SELECT TO authenticated USING (true);

-- POLICY exchange_rate exchange_rate_service_policy
CREATE POLICY exchange_rate_service_policy ON public.exchange_rate TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY file_mapping
ALTER TABLE public.file_mapping ENABLE ROW LEVEL SECURITY;

-- POLICY file_mapping file_mapping_org_policy
CREATE POLICY file_mapping_org_policy ON public.file_mapping TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY file_mapping file_mapping_service_policy
CREATE POLICY file_mapping_service_policy ON public.file_mapping TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY holiday
ALTER TABLE public.holiday ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY holiday_calendar
ALTER TABLE public.holiday_calendar ENABLE ROW LEVEL SECURITY;

-- POLICY holiday_calendar holiday_calendar_read_policy
CREATE POLICY holiday_calendar_read_policy ON public.holiday_calendar FOR SELECT TO authenticated USING (true);

-- POLICY holiday_calendar holiday_calendar_service_policy
CREATE POLICY holiday_calendar_service_policy ON public.holiday_calendar TO service_role USING (true) WITH CHECK (true);

-- POLICY holiday holiday_read_policy
CREATE POLICY holiday_read_policy ON public.holiday FOR SELECT TO authenticated USING (true);

-- POLICY holiday holiday_service_policy
CREATE POLICY holiday_service_policy ON public.holiday TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY ingestion_log
ALTER TABLE public.ingestion_log ENABLE ROW LEVEL SECURITY;

-- POLICY ingestion_log ingestion_log_org_policy
CREATE POLICY ingestion_log_org_policy ON public.ingestion_log FOR SELECT TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY ingestion_log ingestion_log_service_policy
CREATE POLICY ingestion_log_service_policy ON public.ingestion_log TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY integration_credential
ALTER TABLE public.integration_credential ENABLE ROW LEVEL SECURITY;

-- POLICY integration_credential integration_credential_org_policy
CREATE POLICY integration_credential_org_policy ON public.integration_credential TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND ((role.role_type)::text = 'admin'::text) AND role.is_active))));

-- POLICY integration_credential integration_credential_service_policy
CREATE POLICY integration_credential_service_policy ON public.integration_credential TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY integration_site
ALTER TABLE public.integration_site ENABLE ROW LEVEL SECURITY;

-- POLICY integration_site integration_site_org_policy
CREATE POLICY integration_site_org_policy ON public.integration_site TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY integration_site integration_site_service_policy
CREATE POLICY integration_site_service_policy ON public.integration_site TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY invoice_notice
ALTER TABLE public.invoice_notice ENABLE ROW LEVEL SECURITY;

-- POLICY invoice_notice invoice_notice_org_policy
CREATE POLICY invoice_notice_org_policy ON public.invoice_notice FOR SELECT TO authenticated USING ((notification_id IN ( SELECT notification.id
   FROM (public.notification
     JOIN public.role ON ((role.organization_id = notification.organization_id)))
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY invoice_notice invoice_notice_service_policy
CREATE POLICY invoice_notice_service_policy ON public.invoice_notice TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY invoice_series
ALTER TABLE public.invoice_series ENABLE ROW LEVEL SECURITY;

-- POLICY invoice_series invoice_series_org_policy
CREATE POLICY invoice_series_org_policy ON public.invoice_series FOR SELECT TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY invoice_series invoice_series_service_policy
CREATE POLICY invoice_series_service_policy ON public.invoice_series TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY invoice_status_change
ALTER TABLE public.invoice_status_change ENABLE ROW LEVEL SECURITY;

-- POLICY invoice_status_change invoice_status_change_org_policy
CREATE POLICY invoice_status_change_org_policy ON public.invoice_status_change FOR SELECT TO authenticated USING ((EXISTS ( SELECT
   FROM ((public.invoice_header
     JOIN public.contract ON ((contract.id = invoice_header.contract_id)))
     JOIN public.role ON ((role.organization_id = contract.organization_id)))
  WHERE ((invoice_header.id = invoice_status_change.invoice_header_id) AND (role.user_id = auth.uid()) AND role.is_active))));

-- POLICY invoice_status_change invoice_status_change_service_policy
CREATE POLICY invoice_status_change_service_policy ON public.invoice_status_change TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY invoice_tax
ALTER TABLE public.invoice_tax ENABLE ROW LEVEL SECURITY;

-- POLICY invoice_tax invoice_tax_org_policy
CREATE POLICY invoice_tax_org_policy ON public.invoice_tax FOR SELECT TO authenticated USING ((EXISTS ( SELECT
   FROM ((public.invoice_header
     JOIN public.contract ON ((contract.id = invoice_header.contract_id)))
     JOIN public.role ON ((role.organization_id = contract.organization_id)))
  WHERE ((invoice_header.id = invoice_tax.invoice_header_id) AND (role.user_id = auth.uid()) AND role.is_active))));

-- POLICY invoice_tax invoice_tax_service_policy
CREATE POLICY invoice_tax_service_policy ON public.invoice_tax TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY month_close
ALTER TABLE public.month_close ENABLE ROW LEVEL SECURITY;

-- POLICY month_close month_close_org_policy
CREATE POLICY month_close_org_policy ON public.month_close FOR SELECT TO authenticated USING ((contract_id IN ( SELECT contract.id
   FROM (public.contract
     JOIN public.role ON ((role.organization_id = contract.organization_id)))
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY month_close month_close_service_policy
CREATE POLICY month_close_service_policy ON public.month_close TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY notification_mail
ALTER TABLE public.notification_mail ENABLE ROW LEVEL SECURITY;

-- POLICY notification_mail notification_mail_org_policy
CREATE POLICY notification_mail_org_policy ON public.notification_mail FOR SELECT TO authenticated USING ((notification_id IN ( SELECT notification.id
   FROM (public.notification
     JOIN public.role ON ((role.organization_id = notification.organization_id)))
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY notification_mail notification_mail_service_policy
CREATE POLICY notification_mail_service_policy ON public.notification_mail TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY price_index
ALTER TABLE public.price_index ENABLE ROW LEVEL SECURITY;

-- POLICY price_index price_index_read_policy
CREATE POLICY price_index_read_policy ON public.price_index FOR SELECT TO authenticated USING (true);

-- POLICY price_index price_index_service_policy
CREATE POLICY price_index_service_policy ON public.price_index TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY price_index_value
ALTER TABLE public.price_index_value ENABLE ROW LEVEL SECURITY;

-- POLICY price_index_value price_index_value_read_policy
CREATE POLICY price_index_value_read_policy ON public.price_index_value FOR SELECT TO authenticated USING (true);

-- POLICY price_index_value price_index_value_service_policy
CREATE POLICY price_index_value_service_policy ON public.price_index_value TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY reading_archive
ALTER TABLE public.reading_archive ENABLE ROW LEVEL SECURITY;

-- ROW SECURITY reading_archive_file
ALTER TABLE public.reading_archive_file ENABLE ROW LEVEL SECURITY;

-- POLICY reading_archive_file reading_archive_file_org_policy
CREATE POLICY reading_archive_file_org_policy ON public.reading_archive_file FOR SELECT TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY reading_archive_file reading_archive_file_service_policy
CREATE POLICY reading_archive_file_service_policy ON public.reading_archive_file TO service_role USING (true) WITH CHECK (true);

-- POLICY reading_archive reading_archive_service_policy
CREATE POLICY reading_archive_service_policy ON public.reading_archive TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY reading_change
ALTER TABLE public.reading_change ENABLE ROW LEVEL SECURITY;

-- POLICY reading_change reading_change_org_policy
CREATE POLICY reading_change_org_policy ON public.reading_change FOR SELECT TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY reading_change reading_change_service_policy
CREATE POLICY reading_change_service_policy ON public.reading_change TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY rejected_reading
ALTER TABLE public.rejected_reading ENABLE ROW LEVEL SECURITY;

-- POLICY rejected_reading rejected_reading_org_policy
CREATE POLICY rejected_reading_org_policy ON public.rejected_reading FOR SELECT TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY rejected_reading rejected_reading_service_policy
CREATE POLICY rejected_reading_service_policy ON public.rejected_reading TO service_role USING (true) WITH CHECK (true);

-- ROW SECURITY tax_rule
ALTER TABLE public.tax_rule ENABLE ROW LEVEL SECURITY;

-- POLICY tax_rule tax_rule_org_policy
CREATE POLICY tax_rule_org_policy ON public.tax_rule FOR SELECT TO authenticated USING ((organization_id IN ( SELECT role.organization_id
   FROM public.role
  WHERE ((role.user_id = auth.uid()) AND role.is_active))));

-- POLICY tax_rule tax_rule_service_policy
CREATE POLICY tax_rule_service_policy ON public.tax_rule TO service_role USING (true) WITH CHECK (true);

-- What a dump of the schema leaves out: the partitions of meter_reading, this month's and the next three, and where
-- pg_cron serves this database the monthly job that makes those to come. As in 006_meter_reading_v2.sql.

SELECT public.create_meter_reading_partition((date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC'
    + make_interval(months => ahead))::date)
FROM generate_series(0, 3) AS ahead;

DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_cron')
        OR current_setting('cron.database_name', true) IS DISTINCT FROM current_database() THEN
        RAISE NOTICE 'pg_cron is not at hand: partitions are made by ingestion and by command';
        RETURN;
    END IF;
    CREATE EXTENSION IF NOT EXISTS pg_cron;
    PERFORM cron.schedule('meter-reading-partition-maintenance', '0 0 1 * *',
        $job$
        SELECT public.create_meter_reading_partition((date_trunc('month', now(), 'UTC') AT TIME ZONE 'UTC'
            + make_interval(months => ahead))::date)
        FROM generate_series(0, 3) AS ahead
        $job$);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'pg_cron may not be used by %: %', current_user, SQLERRM
        USING HINT = 'On Supabase enable it under Database, Extensions, then run this end of the snapshot again.';
END $$;

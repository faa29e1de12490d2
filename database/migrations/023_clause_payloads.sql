-- Refuses a clause whose payload lacks a key that its category requires, or holds one that the category does not know,
-- whoever writes it; what a value may be is said by the program, which a test holds to the same keys.
-- Adds clause_payload_keys, clause_payload_problems and the triggers that ask them. Clauses that are stored already
-- stay as they are until their payload or category is written; check_clauses lists them.

CREATE OR REPLACE FUNCTION clause_payload_keys()
RETURNS TABLE (category text, key text, is_required boolean)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, public
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
            shortfall_cap_usd nameplate_capacity_mw efficiency_factor reference_annex'),
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
            ld_multiplier_schedule ld_bonus_rate ld_bonus_cap ld_grace_days ld_max_days ld_rate_base ld_rate_index
            cap_type cap_base cap_year'),
        (ARRAY['AVAILABILITY', 'PERFORMANCE_GUARANTEE', 'LIQUIDATED_DAMAGES', 'DEFAULT'],
            'extended_cure_period_days cure_calendar ld_accrues_during_cure chronic_breach')
    ) AS vocabulary (categories, words)
        CROSS JOIN unnest(categories) AS category
        CROSS JOIN regexp_split_to_table(words, '\s+') AS word
$$;
COMMENT ON FUNCTION clause_payload_keys() IS
    'The keys of clause.normalized_payload for each category of clause, and which of them must be there.';

CREATE OR REPLACE FUNCTION clause_payload_problems(p_category text, p_payload jsonb)
RETURNS TABLE (key text, problem text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, public
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
COMMENT ON FUNCTION clause_payload_problems(text, jsonb) IS
    'The keys that a payload lacks or does not know, with the reason; none for no payload, or a category without keys.';

CREATE OR REPLACE FUNCTION check_clause_payload() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, public
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
COMMENT ON FUNCTION check_clause_payload() IS
    'Trigger: the payload of a clause holds the keys that its category requires, and no unknown one.';

CREATE OR REPLACE TRIGGER clause_insert_payload
    BEFORE INSERT ON clause
    FOR EACH ROW WHEN (NEW.normalized_payload IS NOT NULL)
    EXECUTE FUNCTION check_clause_payload();

CREATE OR REPLACE TRIGGER clause_update_payload
    BEFORE UPDATE ON clause
    FOR EACH ROW WHEN (
        NEW.normalized_payload IS DISTINCT FROM OLD.normalized_payload
        OR NEW.clause_category_id IS DISTINCT FROM OLD.clause_category_id
    )
    EXECUTE FUNCTION check_clause_payload();

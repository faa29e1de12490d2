-- How the guarantees of a month stand: what was promised, measured and owed, and what became of each breach.

-- param month: month, as 2025-12; without it, the month before this one
\if :{?month} \else \set month '' \endif
-- param organization: name of the organization; without it, all
\if :{?organization} \else \set organization '' \endif

-- name: compliance_dashboard
-- A row for each availability clause of a contract in force in the month, judged or not; worst first. A verdict on a
-- quarter or a year stands in its last month. Hours are of useful time and summed over the meters; unknown ones might
-- have been useful. Superseded verdicts are left out.
\C compliance_dashboard
WITH asked AS (
    SELECT first_day, (first_day + interval '1 month')::date AS next_first_day
    FROM (SELECT coalesce(to_date(nullif(:'month', ''), 'YYYY-MM'),
        (date_trunc('month', now()) - interval '1 month')::date)) AS month (first_day)
), guarantee AS (
    SELECT clause.id, clause.name, clause.section_ref, clause.contract_id, contract.name AS contract_name,
        organization.name AS organization_name, project.name AS project_name,
        normalized_payload ->> 'threshold' AS threshold, normalized_payload ->> 'threshold_unit' AS threshold_unit,
        normalized_payload ->> 'measurement_period' AS measured_over,
        first_day::timestamp AT TIME ZONE coalesce(project.time_zone, 'UTC') AS starts_at,
        next_first_day::timestamp AT TIME ZONE coalesce(project.time_zone, 'UTC') AS ends_at
    FROM clause
        JOIN clause_category AS category ON category.id = clause_category_id AND category.code = 'AVAILABILITY'
        JOIN contract ON contract.id = clause.contract_id
        JOIN contract_status AS status ON status.id = contract.contract_status_id
        JOIN organization ON organization.id = contract.organization_id
        LEFT JOIN project ON project.id = contract.project_id
        CROSS JOIN asked
    WHERE status.code = 'ACTIVE'
        AND coalesce(contract.effective_date, '-infinity') < next_first_day
        AND coalesce(contract.end_date, 'infinity') >= first_day
        AND (:'organization' = '' OR organization.name = :'organization')
), judged AS (
    SELECT verdict.*, type.code AS type_code,
        -- A verdict explains itself step by step; one that was written by hand has the numbers at the top.
        coalesce(jsonb_path_query_first(metadata_detail, '$.steps[*] ? (@.step == "classify time")'), '{}') AS seconds,
        coalesce(
            100 * (jsonb_path_query_first(metadata_detail, '$.steps[*].measured.rounded') #>> '{}')::numeric,
            (metadata_detail ->> 'availability_percent')::numeric) AS measured_percent
    FROM rule_output AS verdict JOIN rule_output_type AS type ON type.id = rule_output_type_id
    WHERE superseded_at IS NULL
)
SELECT
    guarantee.organization_name AS organization,
    guarantee.project_name AS project,
    guarantee.contract_name AS contract,
    concat_ws(' ', guarantee.section_ref, guarantee.name) AS clause,
    concat_ws(' ', guarantee.threshold, guarantee.threshold_unit) AS guaranteed,
    guarantee.measured_over,
    CASE WHEN judged.id IS NULL THEN 'not judged' WHEN judged.type_code = 'UNDETERMINED' THEN 'undetermined'
        WHEN judged.breach THEN 'breach' ELSE 'kept' END AS verdict,
    round(judged.measured_percent, 4) AS measured_percent,
    round((seconds ->> 'up')::numeric / 3600, 2) AS hours_up,
    round((seconds ->> 'down')::numeric / 3600, 2) AS hours_down,
    round(((seconds ->> 'excused_up')::numeric + (seconds ->> 'excused_down')::numeric) / 3600, 2) AS hours_excused,
    round((seconds ->> 'unknown')::numeric / 3600, 2) AS hours_unknown,
    currency.code AS currency,
    round(judged.ld_amount, 2) AS damages,
    default_event.id AS default_event_id,
    default_event.status AS default_status,
    default_event.cure_deadline,
    default_event.time_cured AS cured_at,
    (SELECT min(time_notified) FROM notification WHERE notification.default_event_id = default_event.id) AS notified_at,
    default_event.evidence IS NOT NULL OR default_event.evidence_s3_path IS NOT NULL AS has_evidence
FROM guarantee
    LEFT JOIN judged ON judged.clause_id = guarantee.id
        AND judged.period_end > guarantee.starts_at AND judged.period_end <= guarantee.ends_at
    LEFT JOIN currency ON currency.id = judged.currency_id
    LEFT JOIN default_event ON default_event.id = judged.default_event_id
ORDER BY judged.breach DESC NULLS LAST, judged.ld_amount DESC NULLS LAST, organization, contract, guarantee.id;

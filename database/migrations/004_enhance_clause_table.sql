-- Keeps what extraction says of a clause: summary, beneficiary and confidence, so that people can review it.
-- Adds three columns to clause, and the functions that list and sum up clauses.

ALTER TABLE clause
    ADD COLUMN IF NOT EXISTS summary           text,
    ADD COLUMN IF NOT EXISTS beneficiary_party varchar(255),
    ADD COLUMN IF NOT EXISTS confidence_score  numeric(4,3);

ALTER TABLE clause
    DROP CONSTRAINT IF EXISTS clause_confidence_score_check,
    ADD CONSTRAINT clause_confidence_score_check CHECK (confidence_score >= 0.0 AND confidence_score <= 1.0);

CREATE INDEX IF NOT EXISTS idx_clause_beneficiary_party ON clause (beneficiary_party)
    WHERE beneficiary_party IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_clause_confidence_score ON clause (confidence_score)
    WHERE confidence_score IS NOT NULL;

CREATE OR REPLACE FUNCTION get_clauses_needing_review(
    p_confidence_threshold numeric DEFAULT 0.7, p_limit integer DEFAULT 100
)
RETURNS TABLE (
    contract_id bigint, clause_id bigint, clause_name character varying, confidence_score numeric, summary text,
    raw_text character varying
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public
AS $$
    SELECT clause.contract_id, clause.id, clause.name, clause.confidence_score, clause.summary, clause.raw_text
    FROM clause
    WHERE clause.confidence_score < p_confidence_threshold
    ORDER BY clause.confidence_score, clause.id
    LIMIT p_limit
$$;
COMMENT ON FUNCTION get_clauses_needing_review(numeric, integer) IS
    'Clauses that extraction was less sure of than the threshold, least sure first.';

CREATE OR REPLACE FUNCTION get_contract_clause_stats(p_contract_id bigint)
RETURNS TABLE (
    total_clauses bigint, avg_confidence numeric, low_confidence_count bigint, clauses_by_type jsonb,
    clauses_by_category jsonb
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public
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
COMMENT ON FUNCTION get_contract_clause_stats(bigint) IS
    'How many clauses a contract has, how sure extraction was, and of which types and categories they are.';

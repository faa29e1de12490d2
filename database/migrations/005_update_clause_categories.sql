-- Gives each clause category the terms by which its clauses are recognised.
-- Adds clause_category.key_terms and holds category codes to one spelling; the rows are reference data.

SET CONSTRAINTS ALL IMMEDIATE;

ALTER TABLE clause_category
    ADD COLUMN IF NOT EXISTS key_terms text[];

UPDATE clause_category SET code = upper(code) WHERE code <> upper(code);

ALTER TABLE clause_category
    DROP CONSTRAINT IF EXISTS clause_category_code_check,
    ADD CONSTRAINT clause_category_code_check CHECK (code = upper(code));

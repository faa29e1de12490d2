-- What Supabase brings and plain PostgreSQL lacks, made only where it is absent: the roles that its API signs in
-- as, the table of users and the function that names the user of a request. Runs before the baseline and before
-- a snapshot is loaded; changes nothing on Supabase or when it runs again.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['anon', 'authenticated', 'service_role'] LOOP
        IF to_regrole(role_name) IS NULL THEN
            -- Roles belong to the whole server: another database may be making the same one right now.
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                RAISE NOTICE 'role % was made by another session', role_name;
            END;
        END IF;
    END LOOP;
END $$;

DO $$ BEGIN
    IF to_regnamespace('auth') IS NULL THEN
        CREATE SCHEMA auth;
        GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
    END IF;

    IF to_regclass('auth.users') IS NULL THEN
        CREATE TABLE auth.users (
            id         uuid PRIMARY KEY,
            email      varchar(255),
            created_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE UNIQUE INDEX users_email_key ON auth.users (lower(email));
        COMMENT ON TABLE auth.users IS 'Fact: people who may sign in; on Supabase its own table stands here.';
    END IF;

    IF to_regprocedure('auth.uid()') IS NULL THEN
        CREATE FUNCTION auth.uid() RETURNS uuid
        LANGUAGE sql STABLE
        AS $body$
            SELECT coalesce(
                nullif(current_setting('request.jwt.claim.sub', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
            )::uuid
        $body$;
        COMMENT ON FUNCTION auth.uid() IS 'The signed-in user of the request, or null.';
    END IF;
END $$;

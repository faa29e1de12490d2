-- Ties each role to a person who signs in through Supabase Auth.
-- Adds role.user_id, role_type, is_active and updated_at. Roles that exist already are matched to auth.users by
-- e-mail address; where none matches, the file stops and says which, because a role of nobody must not exist.

SET CONSTRAINTS ALL IMMEDIATE;

ALTER TABLE role
    ADD COLUMN IF NOT EXISTS user_id    uuid,
    ADD COLUMN IF NOT EXISTS role_type  varchar,
    ADD COLUMN IF NOT EXISTS is_active  boolean NOT NULL DEFAULT true,
    ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now();

UPDATE role
SET user_id = users.id
FROM auth.users AS users
WHERE role.user_id IS NULL AND lower(users.email) = lower(role.email);

UPDATE role SET role_type = 'staff' WHERE role_type IS NULL;

DO $$
DECLARE
    unmatched text;
BEGIN
    SELECT string_agg(format('%s (id %s, e-mail %s)', name, id, coalesce(email, 'none')), '; ' ORDER BY id)
    INTO unmatched
    FROM role WHERE user_id IS NULL;
    IF unmatched IS NOT NULL THEN
        RAISE EXCEPTION 'roles without a user in auth.users: %', unmatched
            USING HINT = 'Invite these people in Supabase Auth, or delete their roles, and apply the file again.';
    END IF;
END $$;

ALTER TABLE role
    ALTER COLUMN user_id SET NOT NULL,
    ALTER COLUMN role_type SET NOT NULL,
    DROP CONSTRAINT IF EXISTS role_user_id_key,
    ADD CONSTRAINT role_user_id_key UNIQUE (user_id),
    DROP CONSTRAINT IF EXISTS role_role_type_check,
    ADD CONSTRAINT role_role_type_check CHECK (role_type IN ('admin', 'staff'));

CREATE INDEX IF NOT EXISTS idx_role_user_id ON role (user_id);

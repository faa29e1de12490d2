-- Who may do what, and what they did. Needs Django's own tables, which `migrate` makes.

-- param days: how many days of acts to count
\if :{?days} \else \set days '30' \endif

-- name: user_activity
-- A row for each person with a role or a login. Acts are counted apart for the admin, for events and defaults that
-- carry the person's name, and for masked names that were read.
\C user_activity
WITH acted AS (
    SELECT user_id, count(*) FILTER (WHERE action_flag = 1) AS added, count(*) FILTER (WHERE action_flag = 2) AS changed,
        count(*) FILTER (WHERE action_flag = 3) AS deleted, max(action_time) AS latest_at
    FROM django.django_admin_log
    WHERE action_time >= now() - make_interval(days => :'days'::integer)
    GROUP BY user_id
), signed AS (
    SELECT lower(author) AS author, count(*) AS number, max(at) AS latest_at
    FROM (
        SELECT created_by, created_at FROM event
        UNION ALL SELECT updated_by, updated_at FROM event
        UNION ALL SELECT updated_by, updated_at FROM default_event
        UNION ALL SELECT updated_by, updated_at FROM rule_output
        UNION ALL SELECT updated_by, updated_at FROM contract
        UNION ALL SELECT updated_by, updated_at FROM clause
    ) AS act (author, at)
    WHERE author IS NOT NULL AND at >= now() - make_interval(days => :'days'::integer)
    GROUP BY lower(author)
), looked AS (
    SELECT accessed_by, count(*) AS contracts, max(accessed_at) AS latest_at
    FROM contract_pii_mapping
    WHERE accessed_at >= now() - make_interval(days => :'days'::integer)
    GROUP BY accessed_by
)
SELECT
    organization.name AS organization,
    coalesce(role.name, login.username) AS person,
    coalesce(role.email, login.email) AS email,
    role.role_type AS role,
    role.is_active AS role_is_active,
    login.username AS login,
    login.is_active AS login_is_active,
    login.is_superuser,
    date_trunc('second', login.last_login) AS last_login_at,
    coalesce(acted.added, 0) AS added,
    coalesce(acted.changed, 0) AS changed,
    coalesce(acted.deleted, 0) AS deleted,
    coalesce(signed.number, 0) AS signed,
    coalesce(looked.contracts, 0) AS masked_names_read,
    date_trunc('second', greatest(login.last_login, acted.latest_at, signed.latest_at, looked.latest_at))
        AS latest_act_at
FROM role
    FULL JOIN django.core_user AS login ON login.auth_user_id = role.user_id
    LEFT JOIN organization ON organization.id = role.organization_id
    LEFT JOIN acted ON acted.user_id = login.id
    LEFT JOIN signed ON signed.author = lower(coalesce(role.email, login.email))
    LEFT JOIN looked ON looked.accessed_by = coalesce(role.user_id, login.auth_user_id)
ORDER BY organization.name NULLS FIRST, person;

-- Where a partition is not as its parent: one row for each part, with what the parent has and the partition has.
--
-- Parts are compared by what they say, not by their names, which PostgreSQL chooses for each partition anew. Bounds
-- and a pending detachment stand in rows of their own, for every partition: only the reader knows the right ones.
WITH member (parent, child, pending) AS (
    SELECT inhparent, inhrelid, inhdetachpending
    FROM pg_inherits
        JOIN pg_class AS parent ON parent.oid = inhparent AND parent.relkind = 'p'
        JOIN pg_class AS child ON child.oid = inhrelid AND child.relkind IN ('r', 'p', 'f')
    WHERE parent.relnamespace = 'public'::regnamespace
),
relation AS (
    SELECT * FROM pg_class WHERE oid IN (SELECT parent FROM member UNION SELECT child FROM member)
),
piece (relation, kind, name, definition) AS (
    SELECT oid, 'schema', '', relnamespace::regnamespace::text FROM relation
    UNION ALL
    SELECT oid, 'owner', '', relowner::regrole::text FROM relation
    UNION ALL
    SELECT oid, 'persistence', '', relpersistence::text FROM relation
    UNION ALL
    SELECT oid, 'row security', '',
        CASE WHEN relrowsecurity THEN 'ENABLED' ELSE 'DISABLED' END
            || CASE WHEN relforcerowsecurity THEN ', FORCED' ELSE '' END
    FROM relation
    UNION ALL
    SELECT relation.oid, 'column', quote_ident(attname),
        concat_ws(' ', format_type(atttypid, atttypmod),
            CASE WHEN attcollation <> 0 THEN 'COLLATE ' || attcollation::regcollation END,
            CASE WHEN attnotnull THEN 'NOT NULL' END,
            CASE attgenerated WHEN '' THEN 'DEFAULT ' ELSE 'GENERATED AS ' END || pg_get_expr(adbin, adrelid))
    FROM relation
        JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    UNION ALL
    SELECT conrelid,
        CASE contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'c' THEN 'check'
            WHEN 'f' THEN 'foreign key' ELSE 'exclusion' END,
        pg_get_constraintdef(pg_constraint.oid), 'present'
    FROM relation JOIN pg_constraint ON conrelid = relation.oid AND contype IN ('p', 'u', 'c', 'f', 'x')
    UNION ALL
    SELECT indrelid, 'index',
        concat(CASE WHEN indisunique THEN 'UNIQUE ' END,
            regexp_replace(pg_get_indexdef(indexrelid), '^.* ON (ONLY )?\S+ ', '')),
        CASE WHEN indisvalid THEN 'present' ELSE 'INVALID' END
    FROM relation JOIN pg_index ON indrelid = relation.oid
    UNION ALL
    SELECT tgrelid, 'trigger', quote_ident(tgname),
        regexp_replace(pg_get_triggerdef(pg_trigger.oid), ' ON \S+ ', ' ') || ' ' || tgenabled::text
    FROM relation JOIN pg_trigger ON tgrelid = relation.oid AND NOT tgisinternal
    UNION ALL
    SELECT polrelid, 'policy', quote_ident(polname),
        concat_ws(' ', CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, polcmd::text,
            'TO', (SELECT string_agg(role::regrole::text, ', ' ORDER BY role::regrole::text)
                   FROM unnest(polroles) AS role),
            'USING (' || pg_get_expr(polqual, polrelid) || ')',
            'WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')')
    FROM relation JOIN pg_policy ON polrelid = relation.oid
    UNION ALL
    SELECT oid, 'grant', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
        string_agg(privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', '
            ORDER BY privilege_type)
    FROM relation, aclexplode(coalesce(relacl, acldefault('r', relowner)))
    WHERE grantee <> relowner
    GROUP BY oid, grantee
    UNION ALL
    SELECT oid, 'comment', coalesce((
            SELECT quote_ident(attname) FROM pg_attribute
            WHERE attrelid = relation.oid AND attnum = objsubid AND objsubid > 0), ''),
        description
    FROM relation JOIN pg_description ON classoid = 'pg_class'::regclass AND objoid = oid
),
part AS (
    -- Two indexes may say the same; one of them may be missing.
    SELECT relation, kind, name, string_agg(definition, '; ' ORDER BY definition) AS definition
    FROM piece
    GROUP BY relation, kind, name
)
SELECT child::regclass::text, kind, name, expected.definition, found.definition
FROM (
    SELECT child, kind, name, definition FROM member JOIN part ON relation = parent
    WHERE NOT pending
) AS expected
FULL JOIN (
    SELECT child, kind, name, definition FROM member JOIN part ON relation = child
    WHERE NOT pending
) AS found USING (child, kind, name)
WHERE expected.definition IS DISTINCT FROM found.definition

UNION ALL
SELECT child::regclass::text, 'bounds', '', NULL, pg_get_expr(relpartbound, child)
FROM member JOIN pg_class ON pg_class.oid = child

UNION ALL
SELECT child::regclass::text, 'pending detachment', '', NULL, 'pending'
FROM member
WHERE pending
ORDER BY 1, 2, 3;

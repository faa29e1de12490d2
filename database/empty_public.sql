-- The statements that empty the schema `public`, one a row. Extensions stay, and so do the rights and default
-- privileges that the schema itself was given: on Supabase nobody but its owner could bring them back. The sequence of
-- an identity column goes with its column.
SELECT format('DROP %s IF EXISTS %s CASCADE', upper(replace(found.type, ' object', '')), found.identity)
FROM pg_depend, pg_identify_object(classid, objid, objsubid) AS found
WHERE refclassid = 'pg_namespace'::regclass AND refobjid = 'public'::regnamespace AND deptype = 'n'
    AND classid NOT IN ('pg_extension'::regclass, 'pg_default_acl'::regclass)
    AND NOT EXISTS (
        SELECT FROM pg_depend AS belongs
        WHERE belongs.classid = pg_depend.classid AND belongs.objid = pg_depend.objid
            AND belongs.deptype IN ('e', 'i') AND belongs.refobjid <> belongs.objid)
ORDER BY classid = 'pg_class'::regclass DESC, found.type, found.identity

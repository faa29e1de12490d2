-- The tables whose rows a backup holds, partitions by themselves, without what extensions own.
SELECT format('%%I.%%I', nspname, relname), nspname, relname
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname = ANY (%(schemas)s) AND NOT EXISTS (
    SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
ORDER BY nspname, relname

-- Which readings of a table refer to a meter, project and organization that do not exist or do not belong together, and
-- how many they are. What the other ones refer to is held until the transaction ends, so that it stays as it is.
-- The triggers ask the same of rows that are written; who attaches a table goes past them.
SELECT named.organization_id, named.project_id, named.meter_id, named.readings
FROM (
    SELECT organization_id, project_id, meter_id, count(*) AS readings FROM {table}
    GROUP BY organization_id, project_id, meter_id
    ORDER BY meter_id, project_id, organization_id
) AS named
    LEFT JOIN LATERAL (
        SELECT true AS is_known
        FROM public.meter JOIN public.project ON project.id = meter.project_id
        WHERE meter.id = named.meter_id AND project.id = named.project_id
            AND project.organization_id = named.organization_id
        FOR KEY SHARE
    ) AS held ON true
WHERE is_known IS NULL
ORDER BY named.meter_id, named.project_id, named.organization_id

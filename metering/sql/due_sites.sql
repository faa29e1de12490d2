-- Sites whose sync is due, longest waiting first; of all, or of the one given. `get_sites_ready_for_sync` knows the
-- interval; here each failure in a row doubles the wait, up to a day, so that a portal that refuses is left in peace.
SELECT ready.site_id
FROM get_sites_ready_for_sync() AS ready
    JOIN integration_site AS site ON site.id = ready.site_id
    CROSS JOIN LATERAL (SELECT make_interval(mins => site.sync_interval_minutes)) AS pause (usual)
WHERE (%(site)s::bigint IS NULL OR site.id = %(site)s::bigint)
    AND (
        site.last_sync_at IS NULL
        OR site.last_sync_at <= now() - greatest(
            usual, least(interval '1 day', usual * 2 ^ least(site.consecutive_failures - 1, 20))
        )
    )
ORDER BY site.last_sync_at NULLS FIRST, site.id

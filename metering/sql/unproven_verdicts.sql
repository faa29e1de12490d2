-- What was decided on readings of a month and could not be shown any more once they left: defaults without evidence,
-- verdicts without the checksum of their readings, and verdicts that are older than the readings they rest on.
-- What was superseded counts too: it stays as it is and must stand on something.
-- Gives one sentence for each kind, with how many there are and the first ids.
WITH finding AS (
    SELECT 'defaults without evidence (default event' AS kind, id
    FROM default_event
    WHERE evidence IS NULL
        AND coalesce(period_start, time_start) < %(end)s
        AND coalesce(period_end, time_cured, time_start + interval '1 microsecond') > %(start)s
    UNION ALL
    SELECT 'verdicts without a checksum of their readings (rule output', rule_output.id
    FROM rule_output LEFT JOIN default_event ON default_event.id = default_event_id
    WHERE rule_output.period_start < %(end)s AND rule_output.period_end > %(start)s
        AND rule_output.metadata_detail ->> 'data_hash' IS NULL AND default_event.evidence IS NULL
    UNION ALL
    SELECT 'verdicts that are older than their readings (rule output', rule_output_id
    FROM stale_verdict
    WHERE period_start < %(end)s AND period_end > %(start)s
)
SELECT format('%%s %%s %%s%%s)', count(*), kind, array_to_string((array_agg(id ORDER BY id))[1:5], ', '),
    CASE WHEN count(*) > 5 THEN ', ...' END)
FROM finding
GROUP BY kind
ORDER BY kind

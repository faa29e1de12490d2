-- The ledger as stretches of time, in order.
SELECT meter_id, lower(stretch), upper(stretch), state, category, is_excused
FROM ledger CROSS JOIN unnest(spans) AS stretch
ORDER BY number, meter_id, lower(stretch)

-- The value of each index for a month, as it was published last.
SELECT DISTINCT ON (asked.name, asked.month) asked.name, asked.month, value
FROM unnest(%(names)s::text[], %(months)s::date[]) AS asked (name, month)
    JOIN price_index USING (name)
    JOIN price_index_value AS published ON published.price_index_id = price_index.id
        AND published.month = asked.month
ORDER BY asked.name, asked.month, published_on DESC

"""Aggregates by DuckDB: one machine, all its cores, more data than memory."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from metering.engines import READING_COLUMNS, Source, aggregates_statement

ROWS_AT_ONCE = 2**17


def aggregates(source: Source) -> Iterator[pa.RecordBatch]:
    """The aggregates of the source's files, some rows at a time, in the order of meter, length and time."""
    with duckdb.connect() as database:
        if source.lake.folder is None:
            database.register_filesystem(source.lake.files)
        columns = ", ".join(name for name in READING_COLUMNS if name != "reading_timestamp")
        files = database.read_parquet(source.uris, hive_partitioning=False)
        files.project(f"{columns}, epoch_us(reading_timestamp) AS at_us").create_view("reading")
        for name, table in source.tables.items():
            database.register(name, table)
        made = database.sql(f"{aggregates_statement()} ORDER BY meter_id, period_type, period_start, period_end")
        yield from made.to_arrow_reader(ROWS_AT_ONCE)

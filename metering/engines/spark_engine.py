"""Aggregates by Spark: the session that is configured, or one on this machine's cores."""

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import SparkSession

from metering.engines import READING_COLUMNS, Source, aggregates_statement


def aggregates(source: Source) -> Iterator[pa.RecordBatch]:
    """The aggregates of the source's files, in the order of meter, length and time.

    Where the files lie on S3, Spark reads them by its own means: hadoop-aws must be among its packages.
    """
    session = SparkSession.builder.appName("aggregate_readings").getOrCreate()
    columns = [name for name in READING_COLUMNS if name != "reading_timestamp"]
    readings = session.read.parquet(*source.uris)
    readings.selectExpr(*columns, "unix_micros(reading_timestamp) AS at_us").createOrReplaceTempView("reading")
    for name, table in source.tables.items():
        session.createDataFrame(table).createOrReplaceTempView(name)
    made = session.sql(aggregates_statement()).orderBy("meter_id", "period_type", "period_start", "period_end")
    yield from made.toArrow().to_batches()

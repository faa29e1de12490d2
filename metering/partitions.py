"""The months of `meter_reading`: which exist, and making those that readings need."""

from datetime import UTC, datetime, timedelta

from django.db import connection

# Before this no plant that is judged here was metered; a reading from 1970 is a clock that was never set.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# How far a clock may run ahead before its readings are taken for a typing error.
LEAD = timedelta(days=1)


def existing_months() -> frozenset[str]:
    """The names of the partitions that are attached."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'meter_reading'::regclass")
        return frozenset(name for (name,) in cursor.fetchall())


def ensure_months(first: datetime, last: datetime) -> list[str]:
    """Makes the partitions from the month of `first` to that of `last`, both included; returns the new ones.

    Months are months of UTC. Whoever calls has made sure that the span is sane: each month makes a table.
    """
    # Makers of months take turns until their transactions end; who needs none must not wait for them.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT create_meter_reading_partition(month::date)
            FROM generate_series(
                date_trunc('month', %s AT TIME ZONE 'UTC'), %s AT TIME ZONE 'UTC', interval '1 month'
            ) AS month
            WHERE 'meter_reading_' || to_char(month, 'YYYY_MM') <> ALL (%s)
            """,
            [first, last, list(existing_months())],
        )
        return [name for (name,) in cursor.fetchall()]

"""The months of `meter_reading`: made where readings need them, and only then."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection

from metering.partitions import ensure_months, existing_months
from tests.metering.readings import rows

pytestmark = pytest.mark.django_db

# No other test has readings in these years.
NOVEMBER = datetime(2003, 11, 15, tzinfo=UTC)
SILVESTER = datetime(2003, 12, 31, 23, 59, tzinfo=UTC)
FEBRUARY = datetime(2004, 2, 1, tzinfo=UTC)


def test_months_are_made_across_the_end_of_a_year() -> None:
    made = ensure_months(NOVEMBER, FEBRUARY)
    assert made == [f"meter_reading_{month}" for month in ("2003_11", "2003_12", "2004_01", "2004_02")]
    assert existing_months() >= set(made)


def test_only_the_missing_months_are_made() -> None:
    assert ensure_months(SILVESTER, SILVESTER) == ["meter_reading_2003_12"]
    made = ensure_months(NOVEMBER, FEBRUARY)
    assert made == ["meter_reading_2003_11", "meter_reading_2004_01", "meter_reading_2004_02"]
    assert ensure_months(NOVEMBER, FEBRUARY) == []


def test_months_are_those_of_utc() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    early = datetime(2004, 3, 1, 5, 29, tzinfo=kolkata)
    assert ensure_months(early, early) == ["meter_reading_2004_02"]
    assert ensure_months(early, early + timedelta(minutes=1)) == ["meter_reading_2004_03"]


def test_the_months_have_bounds_of_utc_and_no_gap() -> None:
    ensure_months(NOVEMBER, FEBRUARY)
    bounds = rows(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = ANY (%s) ORDER BY relname",
        ["meter_reading_2003_12", "meter_reading_2004_01"],
    )
    assert [bound for (bound,) in bounds] == [
        "FOR VALUES FROM ('2003-12-01 00:00:00+00') TO ('2004-01-01 00:00:00+00')",
        "FOR VALUES FROM ('2004-01-01 00:00:00+00') TO ('2004-02-01 00:00:00+00')",
    ]


def test_who_needs_no_new_month_waits_for_nobody_who_makes_one() -> None:
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as elsewhere:
            elsewhere.execute("SELECT create_meter_reading_partition('2003-10-01')")
            ensure_months(datetime.now(UTC), datetime.now(UTC))
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '200ms'")
            assert ensure_months(datetime.now(UTC), datetime.now(UTC)) == []
    finally:
        other.rollback()
        other.close()

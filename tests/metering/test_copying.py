"""Rows in COPY's binary format: PostgreSQL reads the values that the frame holds."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.copying import HEADER, JSONB_VERSION, TRAILER, encoded
from tests.metering.readings import Rows, rows

pytestmark = pytest.mark.django_db

SCHEMA = {
    "whole": pl.Int64(),
    "small": pl.Int32(),
    "at": pl.Datetime("us", "UTC"),
    "energy": pl.Decimal(24, 9),
    "weather": pl.Decimal(12, 6),
    "words": pl.String(),
}
TABLE = (
    "CREATE TEMPORARY TABLE copied (number bigint, label text, whole bigint, small integer, at timestamptz,"
    " energy numeric(24,9), weather numeric(12,6), words text) ON COMMIT DROP"
)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(-(10**15), 6 * 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros))
ROW = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | INSTANTS,
    st.none() | st.integers(-(10**24) + 1, 10**24 - 1).map(lambda n: Decimal(n).scaleb(-9)),
    st.none() | st.integers(-(10**12) + 1, 10**12 - 1).map(lambda n: Decimal(n).scaleb(-6)),
    st.none() | st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=9),
)


def copied(frame: pl.DataFrame) -> Rows:
    """What PostgreSQL read."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.copied")
        cursor.execute(TABLE)
        with cursor.copy("COPY pg_temp.copied FROM STDIN (FORMAT binary)") as copy:
            copy.write(HEADER)
            for piece in encoded(frame, {"number": 2**40, "label": "Zähler"}):
                copy.write(piece)
            copy.write(TRAILER)
    return rows("SELECT * FROM pg_temp.copied")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(ROW, max_size=12))
def test_every_value_arrives_as_it_is(given_rows: list[tuple[object, ...]]) -> None:
    frame = pl.DataFrame(given_rows, SCHEMA, orient="row")
    found = copied(frame)
    assert Counter(found) == Counter((2**40, "Zähler", *row) for row in frame.iter_rows())


def test_rows_of_one_shape_keep_their_order() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        [(n, n, start + timedelta(hours=n), Decimal(n), Decimal(0), "x") for n in range(100)], SCHEMA, orient="row"
    )
    assert [row[2] for row in copied(frame)] == list(range(100))


def test_json_arrives_as_json() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE noted (label text, metrics jsonb) ON COMMIT DROP")
        with cursor.copy("COPY pg_temp.noted FROM STDIN (FORMAT binary)") as copy:
            copy.write(HEADER)
            for piece in encoded(pl.DataFrame({"metrics": [JSONB_VERSION + '{"Q1_kvarh":"0.10"}', None]}), {"l": ""}):
                copy.write(piece)
            copy.write(TRAILER)
    assert rows("SELECT metrics ->> 'Q1_kvarh' FROM pg_temp.noted ORDER BY 1") == [("0.10",), (None,)]

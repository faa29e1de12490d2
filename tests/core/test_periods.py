from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PeriodError
from core.periods import (
    CalendarPeriod,
    Period,
    PeriodKind,
    clip,
    day_in_zone,
    measure,
    parse_period,
    start_of_day,
    union,
    zone,
)

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
HOUR = 3600

# Half-hour clock changes, odd offsets, a change each Ramadan, a skipped day, midnights skipped or doubled.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Tehran",
    "Africa/Cairo",
    "America/Santiago",
    "Pacific/Chatham",
    "Antarctica/Troll",
]


def seconds(start: int, end: int) -> Period:
    return Period(NOON + timedelta(seconds=start), NOON + timedelta(seconds=end))


# --- periods


def test_a_period_includes_its_start_and_excludes_its_end() -> None:
    period = seconds(0, 10)
    assert period.contains(period.start)
    assert not period.contains(period.end)
    assert period.seconds == 10


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(PeriodError, match=r"start 2025-11-01T00:00:00 has no time zone"):
        Period(datetime(2025, 11, 1), NOON)  # noqa: DTZ001


def test_a_period_does_not_run_backwards() -> None:
    with pytest.raises(PeriodError, match="cannot end"):
        seconds(10, 0)


def test_seconds_count_the_hour_a_clock_change_takes() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert Period(datetime(2025, 3, 30, tzinfo=berlin), datetime(2025, 3, 31, tzinfo=berlin)).seconds == 23 * HOUR


def test_a_started_second_does_not_count() -> None:
    assert Period(NOON, NOON + timedelta(microseconds=1_999_999)).seconds == 1


@pytest.mark.parametrize(
    "other, shared",
    [
        ((2, 4), (2, 4)),
        ((-5, 3), (0, 3)),
        ((7, 20), (7, 10)),
        ((-5, 20), (0, 10)),
        ((10, 20), None),
        ((-5, 0), None),
        ((3, 3), None),
    ],
)
def test_overlap_is_what_both_share(other: tuple[int, int], shared: tuple[int, int] | None) -> None:
    expected = seconds(*shared) if shared else None
    assert seconds(0, 10).overlap(seconds(*other)) == expected
    assert seconds(*other).overlap(seconds(0, 10)) == expected


def test_union_joins_what_overlaps_or_touches_and_drops_what_is_empty() -> None:
    periods = [seconds(20, 30), seconds(0, 5), seconds(5, 8), seconds(22, 25), seconds(40, 40)]
    assert union(periods) == (seconds(0, 8), seconds(20, 30))


def test_overlapping_excuses_count_once() -> None:
    assert measure([seconds(0, 10), seconds(5, 15), seconds(5, 15)]) == 15


def test_measure_adds_fractions_before_it_drops_the_last_one() -> None:
    half = timedelta(milliseconds=500)
    assert measure([Period(NOON, NOON + half), Period(NOON + 2 * half, NOON + 3 * half)]) == 1


def test_clip_cuts_to_the_window() -> None:
    assert clip([seconds(-5, 3), seconds(4, 6), seconds(9, 99), seconds(10, 12)], seconds(0, 10)) == (
        seconds(0, 3),
        seconds(4, 6),
        seconds(9, 10),
    )


spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda span: (span[0], span[0] + span[1])),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(spans)
def test_union_holds_exactly_the_seconds_of_its_parts(given_spans: list[tuple[int, int]]) -> None:
    covered = {second for start, end in given_spans for second in range(start, end)}
    merged = union(seconds(*span) for span in given_spans)
    assert measure(merged) == len(covered) == measure(seconds(*span) for span in reversed(given_spans))
    assert all(one.end < next_one.start for one, next_one in pairwise(merged))


# --- calendar periods


@pytest.mark.parametrize(
    "text, kind, first_day, last_day, days",
    [
        ("2025-11", PeriodKind.MONTHLY, date(2025, 11, 1), date(2025, 11, 30), 30),
        ("2025-12", PeriodKind.MONTHLY, date(2025, 12, 1), date(2025, 12, 31), 31),
        ("2024-02", PeriodKind.MONTHLY, date(2024, 2, 1), date(2024, 2, 29), 29),
        ("1900-02", PeriodKind.MONTHLY, date(1900, 2, 1), date(1900, 2, 28), 28),
        ("2025-Q1", PeriodKind.QUARTERLY, date(2025, 1, 1), date(2025, 3, 31), 90),
        ("2025-Q4", PeriodKind.QUARTERLY, date(2025, 10, 1), date(2025, 12, 31), 92),
        ("2025", PeriodKind.ANNUAL, date(2025, 1, 1), date(2025, 12, 31), 365),
        ("2024", PeriodKind.ANNUAL, date(2024, 1, 1), date(2024, 12, 31), 366),
    ],
)
def test_a_period_is_read_and_labelled(text: str, kind: PeriodKind, first_day: date, last_day: date, days: int) -> None:
    period = parse_period(text)
    assert (period.kind, period.first_day, period.last_day) == (kind, first_day, last_day)
    assert period.label == str(period) == text
    assert len(period) == days == len(list(period.days()))
    assert [*period.days()][-1] == last_day


@pytest.mark.parametrize(
    "text",
    ["", "2025-13", "2025-00", "2025-Q5", "2025-Q0", "25-11", "2025-1", "2025-11-01", "0000", "9999", "२०२५"],
)
def test_anything_else_is_not_a_period(text: str) -> None:
    with pytest.raises(PeriodError, match="is not a period"):
        parse_period(text)


# --- days in a zone


@pytest.mark.parametrize(
    "name, day, start, hours",
    [
        ("Europe/Berlin", date(2025, 3, 30), "2025-03-29T23:00", 23),
        ("Europe/Berlin", date(2025, 10, 26), "2025-10-25T22:00", 25),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00", 23),  # midnight is skipped
        ("America/Sao_Paulo", date(2018, 2, 17), "2018-02-17T02:00", 25),  # 23:00 comes twice
        ("Asia/Beirut", date(2025, 3, 30), "2025-03-29T22:00", 23),  # midnight is skipped
        ("America/Havana", date(2025, 3, 9), "2025-03-09T05:00", 23),  # midnight is skipped
        ("America/Havana", date(2025, 11, 2), "2025-11-02T04:00", 25),  # midnight comes twice
        ("Australia/Lord_Howe", date(2025, 4, 6), "2025-04-05T13:00", 24.5),
        ("Australia/Lord_Howe", date(2025, 10, 5), "2025-10-04T13:30", 23.5),
        ("Pacific/Apia", date(2011, 12, 29), "2011-12-29T10:00", 24),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00", 0),  # the day that Samoa skipped
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00", 24),
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30", 23.5),  # 23:30 jumps to 00:30
    ],
)
def test_a_local_day_starts_when_the_calendar_first_shows_it(name: str, day: date, start: str, hours: float) -> None:
    period = day_in_zone(day, ZoneInfo(name))
    assert period.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert period.seconds == hours * HOUR


@pytest.mark.parametrize("name", ZONES)
def test_every_local_day_of_twenty_years_begins_on_its_own_date(name: str) -> None:
    place = ZoneInfo(name)
    day = date(2015, 1, 1)
    while day < date(2036, 1, 1):
        start = start_of_day(day, place)
        assert start.astimezone(place).date() == day
        assert (start - timedelta(seconds=1)).astimezone(place).date() < day
        day += timedelta(days=1)


@pytest.mark.parametrize("name", ZONES)
def test_months_quarters_and_days_tile_each_year(name: str) -> None:
    place = ZoneInfo(name)
    for year in range(2015, 2036):
        whole = parse_period(f"{year}").in_zone(place)
        months = [parse_period(f"{year}-{month:02}") for month in range(1, 13)]
        quarters = [parse_period(f"{year}-Q{quarter}") for quarter in range(1, 5)]
        days = [day_in_zone(day, place) for month in months for day in month.days()]
        for parts in ([month.in_zone(place) for month in months], [q.in_zone(place) for q in quarters], days):
            assert union(parts) == (whole,)  # no gap
            assert sum(part.seconds for part in parts) == whole.seconds  # no overlap


@pytest.mark.parametrize(
    "name, lengths",
    [
        ("Asia/Kathmandu", {24}),
        ("Europe/Berlin", {23, 24, 25}),
        ("Africa/Casablanca", {23, 24, 25}),
        ("America/St_Johns", {23, 24, 25}),
        ("Australia/Lord_Howe", {23.5, 24, 24.5}),
        ("Antarctica/Troll", {22, 24, 26}),
    ],
)
def test_days_are_as_long_as_the_clock_makes_them(name: str, lengths: set[float]) -> None:
    days = parse_period("2025").days()
    assert {day_in_zone(day, ZoneInfo(name)).seconds / HOUR for day in days} == lengths


@settings(max_examples=60, deadline=None)
@given(st.dates(date(2015, 1, 1), date(2035, 12, 31)), st.sampled_from(ZONES), st.integers(0, 86_399))
def test_an_instant_lies_in_the_month_its_local_date_says(day: date, name: str, second: int) -> None:
    place = ZoneInfo(name)
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)
    local = instant.astimezone(place)
    assert parse_period(f"{local:%Y-%m}").in_zone(place).contains(instant)
    assert day_in_zone(local.date(), place).contains(instant)


def test_calendar_periods_sort_by_time() -> None:
    months = [parse_period(text) for text in ("2026-01", "2025-12", "2025-02")]
    assert [month.label for month in sorted(months)] == ["2025-02", "2025-12", "2026-01"]
    assert months[1] == CalendarPeriod(date(2025, 12, 1), date(2026, 1, 1), PeriodKind.MONTHLY)


# --- zones


@pytest.mark.parametrize("name", ["UTC", "Etc/GMT+7", "Africa/Accra", "America/Argentina/Buenos_Aires"])
def test_an_iana_name_is_a_zone(name: str) -> None:
    assert zone(name) == ZoneInfo(name)


def test_the_posix_sign_is_the_other_one() -> None:
    cured = zone("Etc/GMT+7").utcoffset(NOON)
    assert cured == timedelta(hours=-7)


@pytest.mark.parametrize(
    "name, cure",
    [
        ("-07:00", r"write Etc/GMT\+7: POSIX signs are reversed"),
        ("+10", r"write Etc/GMT-10"),
        ("UTC+10", r"write Etc/GMT-10"),
        ("GMT-0300", r"write Etc/GMT\+3"),
        ("+14:00", r"write Etc/GMT-14"),
        ("+15:00", r"write the IANA name of the place"),
        ("-13:00", r"write the IANA name of the place"),
        ("+05:30", r"write the IANA name of the place, like Asia/Kolkata"),
        ("+00:00", r"write UTC"),
        ("Europe/Berln", r"did you mean Europe/Berlin\?"),
        ("europe/berlin", r"did you mean Europe/Berlin\?"),
        ("America", r"is not a time zone"),
        ("../../etc/passwd", r"is not a time zone"),
        ("", r"write an IANA name"),
        ("Pacific Daylight Saving", r"is not a time zone"),
        ("localtime", r"is not a time zone"),
        ("right/UTC", r"is not a time zone"),
    ],
)
def test_a_name_that_is_no_zone_is_refused_with_its_cure(name: str, cure: str) -> None:
    with pytest.raises(PeriodError, match=cure):
        zone(name)

"""Clocks, holidays and time-of-use schedules."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from core.periods import start_of_day, zone
from invoicing.errors import TariffError
from invoicing.tariffs.calendar import Holiday, HolidayCalendar, Observed, easter, label
from invoicing.tariffs.clock import Clock, ClockKind, instant, seconds
from invoicing.tariffs.schedule import Rule, Schedule, Window

# Half-hour changes, offsets of 30 and 45 minutes, a change during Ramadan, a skipped day, changes at midnight.
ZONES = (
    *("Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia", "America/St_Johns", "UTC"),
    *("America/Havana", "America/Sao_Paulo", "Asia/Beirut", "Asia/Tehran", "Europe/Dublin", "Pacific/Chatham"),
    *("America/Denver", "Europe/Madrid"),
)


def at(text: str) -> int:
    return seconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def wall_clock(place: str) -> Clock:
    return Clock(ClockKind.LOCAL_WALL, place)


# --- clocks


@pytest.mark.parametrize("place", ZONES)
def test_the_wall_clock_agrees_with_the_time_zone_database_at_every_hour_around_each_change(place: str) -> None:
    clock, local = wall_clock(place), ZoneInfo(place)
    spans = list(clock.spans(at("2015-01-01"), at("2036-01-01")))
    assert spans[0][0] == at("2015-01-01")
    assert spans[-1][1] == at("2036-01-01")
    for (_, end, _), (start, _, _) in pairwise(spans):
        assert end == start
    for start, end, offset in spans:
        for moment in (start, start + 1, end - 1):
            assert instant(moment).astimezone(local).utcoffset() == timedelta(seconds=offset)


@pytest.mark.parametrize("place", ZONES)
def test_a_day_starts_where_calendar_periods_start_it(place: str) -> None:
    clock, local = wall_clock(place), zone(place)
    for n in range(365 * 4):
        day = date(2015, 1, 1) + timedelta(days=n)
        assert instant(clock.start_of_day(day)) == start_of_day(day, local)


def test_standard_time_leaves_daylight_saving_out() -> None:
    denver = Clock(ClockKind.LOCAL_STANDARD, "America/Denver")
    assert list(denver.spans(at("2026-01-01"), at("2026-12-31"))) == [(at("2026-01-01"), at("2026-12-31"), -7 * 3600)]
    lord_howe = Clock(ClockKind.LOCAL_STANDARD, "Australia/Lord_Howe")
    assert {offset for _, _, offset in lord_howe.spans(at("2026-01-01"), at("2026-12-31"))} == {37800}


def test_a_fixed_offset_never_changes() -> None:
    """Meter data of the Australian market, NEM12, are in market time: UTC+10 the whole year."""
    market = Clock(ClockKind.FIXED_OFFSET, offset_minutes=600)
    assert list(market.spans(0, 10**9)) == [(0, 10**9, 36000)]


@pytest.mark.parametrize(
    ("kind", "place", "minutes", "said"),
    [
        (ClockKind.LOCAL_STANDARD, "Europe/Dublin", None, "write fixed_offset"),
        (ClockKind.LOCAL_WALL, "Sonora", None, "is not a time zone"),
        (ClockKind.LOCAL_WALL, None, None, "takes a time_zone"),
        (ClockKind.FIXED_OFFSET, None, None, "takes utc_offset_minutes"),
        (ClockKind.FIXED_OFFSET, None, 3600, "further than any clock"),
    ],
)
def test_a_clock_that_says_too_little_is_refused(
    kind: ClockKind, place: str | None, minutes: int | None, said: str
) -> None:
    with pytest.raises(TariffError, match=said):
        Clock(kind, place, minutes)


def test_naive_instants_and_fractions_of_a_second_are_refused() -> None:
    with pytest.raises(TariffError, match="no time zone"):
        seconds(datetime(2026, 1, 1))  # noqa: DTZ001 -- what is refused
    with pytest.raises(TariffError, match="whole second"):
        seconds(datetime(2026, 1, 1, microsecond=1, tzinfo=UTC))


# --- holidays


def test_easter_of_published_years() -> None:
    """Dates of Easter Sunday of the US Census Bureau's table of 1600 to 2099."""
    assert [easter(year) for year in (1961, 2000, 2008, 2011, 2025, 2026, 2038)] == [
        *(date(1961, 4, 2), date(2000, 4, 23), date(2008, 3, 23), date(2011, 4, 24), date(2025, 4, 20)),
        *(date(2026, 4, 5), date(2038, 4, 25)),
    ]


def test_bank_holidays_of_england_are_those_that_the_government_publishes() -> None:
    """gov.uk/bank-holidays: 2021 with substitute days for Christmas and Boxing Day, 2022 for New Year."""
    england = HolidayCalendar(
        "England",
        (
            Holiday("New Year's Day", "01-01"),
            Holiday("Good Friday", "easter-2"),
            Holiday("Easter Monday", "easter+1"),
            Holiday("Early May", "first monday of 05"),
            Holiday("Spring", "last monday of 05"),
            Holiday("Summer", "last monday of 08"),
            Holiday("Christmas Day", "12-25"),
            Holiday("Boxing Day", "12-26"),
        ),
        Observed.NEXT_WEEKDAY,
    )
    year = [date(2021, 1, 1) + timedelta(days=n) for n in range(365)]
    assert [day for day in year if england.is_holiday(day) and day.weekday() < 5] == [
        *(date(2021, 1, 1), date(2021, 4, 2), date(2021, 4, 5), date(2021, 5, 3), date(2021, 5, 31)),
        *(date(2021, 8, 30), date(2021, 12, 27), date(2021, 12, 28)),
    ]
    assert label(date(2022, 1, 3), england) == "holiday"


def test_federal_holidays_move_to_the_nearest_weekday() -> None:
    """opm.gov, federal holidays: 3 July 2020, 5 July 2021, 31 December 2021 for New Year's Day of 2022."""
    states = HolidayCalendar(
        "United States",
        (
            Holiday("New Year's Day", "01-01"),
            Holiday("Independence Day", "07-04"),
            Holiday("Thanksgiving", "fourth thursday of 11"),
        ),
        Observed.NEAREST_WEEKDAY,
    )
    for day in (date(2020, 7, 3), date(2021, 7, 5), date(2021, 12, 31), date(2025, 11, 27)):
        assert states.is_holiday(day)
    assert not states.is_holiday(date(2020, 7, 6))


@pytest.mark.parametrize("text", ["13-01", "02-30", "2025-02-29", "fifth monday of 01", "easter1", "Monday", ""])
def test_a_day_that_no_year_has_is_refused(text: str) -> None:
    with pytest.raises(TariffError, match="is no day"):
        Holiday("Mistake", text)


def test_a_leap_day_is_a_holiday_in_leap_years_alone() -> None:
    assert [Holiday("Leap day", "02-29").date_in(year) for year in (2024, 2025)] == [date(2024, 2, 29), None]


# --- schedules

OFF_PEAK = Rule("night", windows=(Window.of("22:00", "06:00"),))
PEAK = Rule("peak", months=frozenset({6, 7, 8}), days=frozenset({"weekday"}), windows=(Window.of("15:00", "19:00"),))


def schedule(place: str, *rules: Rule, holidays: HolidayCalendar | None = None) -> Schedule:
    return Schedule(wall_clock(place), "base", rules, holidays)


@pytest.mark.parametrize("place", ZONES)
def test_segments_tile_the_time_and_agree_with_the_rules_on_both_sides_of_each_edge(place: str) -> None:
    tariff = schedule(place, OFF_PEAK, PEAK)
    start, end = at("2015-01-01"), at("2036-01-01")
    segments = tariff.segments(start, end)
    assert (segments[0].start, segments[-1].end) == (start, end)
    for one, other in pairwise(segments):
        assert one.end == other.start
        assert one.bucket != other.bucket
    for segment in segments[::7]:
        assert tariff.bucket_at(segment.start) == tariff.bucket_at(segment.end - 1) == segment.bucket


def test_the_repeated_hour_of_autumn_lies_in_one_window_both_times() -> None:
    tariff = schedule("America/Denver", Rule("early", windows=(Window.of("01:00", "02:00"),)))
    (found,) = [each for each in tariff.segments(at("2025-11-02 06:00"), at("2025-11-03 06:00")) if each[2] == "early"]
    assert (found.start, found.end) == (at("2025-11-02 07:00"), at("2025-11-02 09:00"))


def test_a_window_that_the_spring_skips_has_no_time() -> None:
    tariff = schedule("America/Denver", Rule("early", windows=(Window.of("02:00", "03:00"),)))
    assert {each.bucket for each in tariff.segments(at("2026-03-08 07:00"), at("2026-03-09 06:00"))} == {"base"}


def test_a_window_over_midnight_is_of_the_day_of_the_instant() -> None:
    friday_night = Rule("friday", days=frozenset({"fri"}), windows=(Window.of("22:00", "06:00"),))
    tariff = schedule("UTC", friday_night)
    found = [each for each in tariff.segments(at("2026-01-01"), at("2026-01-04")) if each.bucket == "friday"]
    assert [(each.start, each.end) for each in found] == [
        (at("2026-01-02 00:00"), at("2026-01-02 06:00")),
        (at("2026-01-02 22:00"), at("2026-01-03 00:00")),
    ]


def test_the_first_rule_that_fits_wins() -> None:
    everything = Rule("everything")
    assert schedule("UTC", everything, OFF_PEAK).bucket_at(at("2026-01-01 23:00")) == "everything"
    assert schedule("UTC", OFF_PEAK, everything).bucket_at(at("2026-01-01 23:00")) == "night"


def test_a_holiday_is_no_weekday() -> None:
    calendar = HolidayCalendar("one", (Holiday("Independence Day", "07-04"),), Observed.NEAREST_WEEKDAY)
    tariff = schedule("America/Denver", PEAK, holidays=calendar)
    assert tariff.bucket_at(at("2025-07-03 22:00")) == "peak"
    assert tariff.bucket_at(at("2025-07-04 22:00")) == "base"


def test_rules_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(TariffError, match="holiday_calendar"):
        schedule("UTC", Rule("holiday", days=frozenset({"holiday"})))
    with pytest.raises(TariffError, match="names Monday"):
        Rule("peak", days=frozenset({"Monday"}))
    with pytest.raises(TariffError, match="names 13"):
        Rule("peak", months=frozenset({13}))
    for start, end in (("7:00", "08:00"), ("07:60", "08:00"), ("07:00", "25:00"), ("07:00", "07:00")):
        with pytest.raises(TariffError, match=r"no time of day|no window"):
            Window.of(start, end)

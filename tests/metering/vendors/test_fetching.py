"""What every vendor's module promises alike: windows, bodies, lists of sites, and readings in the end."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from core.periods import Period
from metering.formats import enphase, goodwe, sma, solaredge
from metering.formats.bodies import BodyMapping
from metering.vendors import MONTH, VENDORS, Body, Gone, RequestRefused, Session, Site, VendorError
from tests.metering.vendors.portal import DAYLIGHT_W, SITE, SITES, ZONE, Clock, Portal, Reply

ALL = sorted(VENDORS)
PARSERS = {"solaredge": solaredge.parse_v2, "enphase": enphase.parse, "sma": sma.parse, "goodwe": goodwe.parse}
# Whole local days, before now.
DAYS = Period(datetime(2026, 9, 1, 22, tzinfo=UTC), datetime(2026, 9, 4, 22, tzinfo=UTC))
DAY_WH = 12 * DAYLIGHT_W

OpenPortal = Callable[[str], Portal]
OpenSession = Callable[..., Session]


def site(**metadata: object) -> Site:
    return Site(SITE, ZONE.key, {"label": "end"} | metadata)


def readings(bodies: Iterable[Body]) -> pl.DataFrame:
    """All readings of all bodies, which must be in the vendor's format."""
    return pl.concat(
        block.readings
        for body in bodies
        for block in PARSERS[body.file_format](BytesIO(body.content), BodyMapping.from_json(body.mapping), body.name)
    )


@pytest.mark.parametrize("vendor", ALL)
def test_a_window_is_fetched_whole_and_nothing_twice(
    vendor: str, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    session = open_session(open_portal(vendor))
    found = readings(VENDORS[vendor].fetch(session, site(), DAYS))
    assert found["energy_wh"].sum() == 3 * DAY_WH
    assert found["seconds"].sum() == 3 * 86_400
    assert not found.select("external_device_id", "reading_timestamp").is_duplicated().any()
    assert (found["reading_timestamp"].min(), found["external_device_id"].unique().to_list()) == (DAYS.start, [SITE])


@pytest.mark.parametrize("vendor", ALL)
def test_bodies_follow_each_other_within_the_longest_window(
    vendor: str, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    month = Period(DAYS.start - timedelta(days=20), DAYS.end)
    bodies = [*VENDORS[vendor].fetch(open_session(open_portal(vendor)), site(), month)]
    assert bodies[0].period.start == month.start
    assert bodies[-1].period.end == month.end
    assert all(body.period.end == following.period.start for body, following in pairwise(bodies))
    assert all(body.period.end - body.period.start <= VENDORS[vendor].LONGEST_WINDOW for body in bodies)
    assert len({body.name for body in bodies}) == len(bodies)


@pytest.mark.parametrize("vendor", ALL)
def test_an_interval_that_still_runs_is_left_for_later(
    vendor: str, open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    clock.now = datetime(2026, 9, 4, 10, 7, tzinfo=UTC)
    window = Period(datetime(2026, 9, 4, 8, tzinfo=UTC), clock.now)
    found = readings(VENDORS[vendor].fetch(open_session(open_portal(vendor)), site(), window))
    ends = found.select(pl.col("reading_timestamp") + pl.duration(seconds="seconds")).to_series()
    minutes = 5 if vendor in ("sma", "goodwe") else 0
    assert ends.max() == datetime(2026, 9, 4, 10, minutes, tzinfo=UTC)


@pytest.mark.parametrize("vendor", ALL)
def test_every_site_is_listed_over_all_pages(vendor: str, open_portal: OpenPortal, open_session: OpenSession) -> None:
    listed = [*VENDORS[vendor].sites(open_session(open_portal(vendor)))]
    assert [each.external_site_id for each in listed] == SITES
    assert listed[0].time_zone == (None if vendor == "goodwe" else ZONE.key)


@pytest.mark.parametrize("vendor", ALL)
def test_a_site_that_was_removed_is_gone_and_not_asked_again(
    vendor: str, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal(vendor)
    portal.gone.add(SITE)
    with pytest.raises(Gone, match="HTTP 410"):
        [*VENDORS[vendor].fetch(open_session(portal), site(), DAYS)]
    assert sum(SITE in f"{asked.path}{asked.content}" for asked in portal.asked) == 1


@pytest.mark.parametrize("vendor", ALL)
def test_a_site_that_nobody_knows_is_refused_and_not_asked_again(
    vendor: str, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    unknown = Site("99", ZONE.key, {"label": "end"})
    with pytest.raises(RequestRefused, match=r"HTTP 404.*no such site"):
        [*VENDORS[vendor].fetch(open_session(open_portal(vendor)), unknown, DAYS)]


@pytest.mark.parametrize("vendor", ["solaredge", "enphase", "sma"])
def test_the_id_of_a_site_leads_nowhere_else(vendor: str, open_portal: OpenPortal, open_session: OpenSession) -> None:
    portal = open_portal(vendor)
    with pytest.raises(RequestRefused, match="HTTP 404"):
        [*VENDORS[vendor].fetch(open_session(portal), Site("../sites?key=a#", ZONE.key, {"label": "end"}), DAYS)]
    assert "/..%2Fsites%3Fkey%3Da%23/" in portal.asked[-1].path


@pytest.mark.parametrize(
    "vendor, answer",
    [
        ("solaredge", {"unit": "WH", "resolution": "QUARTER_HOUR", "values": []}),
        ("enphase", {"system_id": 4711, "total_devices": 0, "intervals": [], "meter_intervals": []}),
        ("sma", {"plant": {"plantId": SITE}, "resolution": "FiveMinutes", "set": []}),
        ("goodwe", {"code": 0, "data": {"lines": [], "generateData": []}}),
    ],
)
def test_a_period_for_which_the_vendor_has_nothing_is_empty_and_no_failure(
    vendor: str, answer: dict[str, object], open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal(vendor)
    session = open_session(portal)
    [*VENDORS[vendor].sites(session)]  # a token is there
    portal.trouble(Reply(body=answer))
    day = Period(DAYS.start, DAYS.start + timedelta(days=1))
    [body] = VENDORS[vendor].fetch(session, site(), day)
    assert body.empty
    [body] = VENDORS[vendor].fetch(session, site(), day)
    assert not body.empty


@pytest.mark.parametrize("vendor", ALL)
def test_the_smallest_plans_limits_are_declared(vendor: str) -> None:
    limits = VENDORS[vendor].LIMITS
    assert limits
    assert all(quota.requests > 0 for quota in limits)
    monthly = {quota.requests for quota in limits if quota.per == MONTH}
    assert monthly == {"solaredge": {2_000}, "enphase": {1_000}}.get(vendor, set())


# --- what one vendor does alone ---------------------------------------------------------------------------------


def test_microinverters_of_enphase_are_fetched_by_days_of_five_minutes(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    bodies = [*VENDORS["enphase"].fetch(open_session(open_portal("enphase")), site(series="production_micro"), DAYS)]
    found = readings(bodies)
    assert len(bodies) == 3
    assert found["seconds"].unique().to_list() == [300]
    assert found["energy_wh"].sum() == 3 * DAY_WH


def test_a_series_that_enphase_does_not_have_is_refused(open_portal: OpenPortal, open_session: OpenSession) -> None:
    with pytest.raises(VendorError, match="series 'weather' is unknown: known are rgm_stats"):
        [*VENDORS["enphase"].fetch(open_session(open_portal("enphase")), site(series="weather"), DAYS)]


def test_a_plant_of_sma_whose_label_nobody_declared_is_not_fetched(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal("sma")
    with pytest.raises(VendorError, match="needs a time zone, and label in its metadata"):
        [*VENDORS["sma"].fetch(open_session(portal), Site(SITE, ZONE.key, {}), DAYS)]
    assert not portal.asked


def test_a_real_list_of_goodwe_plants_is_read(
    open_portal: OpenPortal, open_session: OpenSession, shared_data: Path
) -> None:
    portal = open_portal("goodwe")
    session = open_session(portal)
    [*VENDORS["goodwe"].sites(session)]  # logged in
    portal.trouble(Reply(raw=(shared_data / "vendors" / "sems_query_power_station_monitor.json").read_bytes()))
    listed = [*VENDORS["goodwe"].sites(session)]
    assert [each.external_site_id[-4:] for each in listed] == ["0002", "0003", "0004"]
    assert listed[0].metadata == {"name": "Example Device", "capacity_kw": "5.8"}


def test_a_plant_of_goodwe_without_time_zone_is_not_fetched(open_portal: OpenPortal, open_session: OpenSession) -> None:
    with pytest.raises(VendorError, match="needs a time zone"):
        [*VENDORS["goodwe"].fetch(open_session(open_portal("goodwe")), Site(SITE, None, {}), DAYS)]


@pytest.mark.parametrize("vendor", ["sma", "goodwe"])
@pytest.mark.parametrize("day, hours", [("2026-03-28T23:00Z", 23), ("2025-10-25T22:00Z", 25)])
def test_a_local_day_of_23_or_25_hours_is_read_whole(
    vendor: str, day: str, hours: int, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    start = datetime.fromisoformat(day)
    window = Period(start, start + timedelta(hours=hours))
    [body] = VENDORS[vendor].fetch(open_session(open_portal(vendor)), site(), window)
    found = readings([body])
    assert body.period == window
    assert found["seconds"].sum() == hours * 3_600
    assert found["reading_timestamp"].n_unique() == hours * 12
    assert found["energy_wh"].sum() == Decimal(DAY_WH)

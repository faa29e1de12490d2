"""Green Button files: entries in any order become exact readings, or named problems."""

import io
import json
import random
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.errors import BadFile
from metering.formats.canonical import SCHEMA
from metering.formats.channels import Channels
from metering.formats.espi import parse

START = 1_704_067_200  # 2024-01-01 00:00 UTC
POINT = "RetailCustomer/1/UsagePoint/01"
NET = Channels(channels=("received", "-delivered"))


def entry(content: str, self: str = "", up: str = "", related: Sequence[str] = (), updated: str = "") -> str:
    """An entry of a feed."""
    links = [("self", self), ("up", up), *(("related", path) for path in related)]
    written = "".join(f'<link rel="{rel}" href="{path}"/>' for rel, path in links if path)
    updated = f"<updated>{updated}</updated>" if updated else ""
    return f"<entry><id>urn:uuid:{self or 'none'}</id>{written}<content>{content}</content>{updated}</entry>"


def point(number: str = "01", kind: str = "0") -> str:
    path = f"RetailCustomer/1/UsagePoint/{number}"
    content = f"<UsagePoint><ServiceCategory><kind>{kind}</kind></ServiceCategory></UsagePoint>"
    return entry(content, path, "RetailCustomer/1/UsagePoint", [f"{path}/MeterReading", "LocalTimeParameters/01"])


def meter_reading(number: str = "01", kind: str = "01", usage_point: str = POINT) -> str:
    path = f"{usage_point}/MeterReading/{number}"
    related = [f"{path}/IntervalBlock", f"ReadingType/{kind}"]
    return entry("<MeterReading/>", path, f"{usage_point}/MeterReading", related)


def reading_type(number: str = "01", /, **changes: object) -> str:
    said = {
        "accumulationBehaviour": 4,
        "commodity": 1,
        "currency": 840,
        "flowDirection": 1,
        "intervalLength": 900,
        "kind": 12,
        "powerOfTenMultiplier": 0,
        "uom": 72,
    } | changes
    elements = "".join(f"<{name}>{value}</{name}>" for name, value in said.items() if value is not None)
    return entry(f"<ReadingType>{elements}</ReadingType>", f"ReadingType/{number}", "ReadingType")


def value(number: object, start: int | None = None, duration: int | None = 900, **elements: object) -> str:
    """An IntervalReading; without start it has no timePeriod."""
    quality = elements.pop("quality", None)
    cost = elements.pop("cost", None)
    period = "" if start is None else f"<duration>{duration}</duration>" if duration is not None else ""
    return (
        "<IntervalReading>"
        + (f"<cost>{cost}</cost>" if cost is not None else "")
        + (f"<ReadingQuality><quality>{quality}</quality></ReadingQuality>" if quality is not None else "")
        + (f"<timePeriod>{period}<start>{start}</start></timePeriod>" if start is not None else "")
        + (f"<value>{number}</value>" if number is not None else "")
        + "".join(f"<{name}>{text}</{name}>" for name, text in elements.items())
        + "</IntervalReading>"
    )


def block(*values: str, reading: str = "01", start: object = START, duration: object = 1800, updated: str = "") -> str:
    path = f"{POINT}/MeterReading/{reading}/IntervalBlock"
    interval = f"<interval><duration>{duration}</duration><start>{start}</start></interval>"
    return entry(f"<IntervalBlock>{interval}{''.join(values)}</IntervalBlock>", f"{path}/1", path, updated=updated)


def feed(*entries: str) -> str:
    return '<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n' + "\n".join(entries) + "\n</feed>"


def simple(*values: str, **changes: object) -> str:
    """A feed of one channel, entry by entry on a line: the ReadingType on line 5, the block on line 6."""
    return feed(point(), meter_reading(), reading_type(**changes), block(*values))


def read(text: str | bytes, mapping: Channels | None = None, block_readings: int = 2**15) -> tuple[pl.DataFrame, int]:
    """All readings of a file, and how many lines only repeat others."""
    stream = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    blocks = list(parse(stream, mapping or Channels(), "usage.xml", block_readings=block_readings))
    assert all(block.readings.schema == SCHEMA for block in blocks)
    return pl.concat([SCHEMA.to_frame(), *(block.readings for block in blocks)]), sum(
        block.repeated for block in blocks
    )


def problems(text: str | bytes, mapping: Channels | None = None) -> list[tuple[int, str | None, str]]:
    """Line, column and cause of everything that is wrong with a file."""
    with pytest.raises(BadFile) as refusal:
        read(text, mapping)
    return [(each.line, each.column, each.cause) for each in refusal.value.problems]


# --- readings -----------------------------------------------------------------------------------------------


def test_a_value_becomes_the_energy_of_its_interval() -> None:
    [row] = read(simple(value(703, START), updated="x"))[0].rows(named=True)
    assert row == {
        "line": 6,
        "reading_timestamp": datetime(2024, 1, 1, tzinfo=UTC),
        "seconds": 900,
        "energy_wh": Decimal(703),
        "power_w": None,
        "register_wh": None,
        "irradiance_wm2": None,
        "temperature_c": None,
        "external_device_id": f"urn:uuid:{POINT}",
        "quality": "measured",
        "reported_at": None,
        "other_metrics": '{"channel":"delivered"}',
    }


@pytest.mark.parametrize(
    "power,written,wh",
    [
        (0, "703", "703"),
        (3, "703", "703000"),
        (9, "1", "1000000000"),
        (-3, "703", "0.703"),
        (-3, "-5", "-0.005"),
        (-12, "7000000", "0.000007"),
        (-3, "1.5", "0.0015"),
        (3, "1.5", "1500"),
        (-2, "0", "0"),
    ],
)
def test_the_power_of_ten_is_exact(power: int, written: str, wh: str) -> None:
    readings, _ = read(simple(value(written, START), powerOfTenMultiplier=power, flowDirection=4))
    assert readings["energy_wh"].to_list() == [Decimal(wh)]


def test_values_without_times_follow_each_other() -> None:
    readings, _ = read(simple(value(1), value(2)))
    assert readings.select("reading_timestamp", "energy_wh").rows() == [
        (datetime(2024, 1, 1, 0, 0, tzinfo=UTC), Decimal(1)),
        (datetime(2024, 1, 1, 0, 15, tzinfo=UTC), Decimal(2)),
    ]


def test_a_local_day_may_have_23_or_25_hours() -> None:
    values = [value(1, START, 82_800), value(1, START + 82_800, 90_000)]
    readings, _ = read(simple(*values, intervalLength=86_400))
    assert readings["seconds"].to_list() == [82_800, 90_000]


def test_a_value_that_is_not_there_is_missing_and_zero_is_not() -> None:
    readings, _ = read(simple(value(None, START), value(0, START + 900)))
    assert readings.select("energy_wh", "quality").rows() == [(None, "missing"), (Decimal(0), "measured")]


@pytest.mark.parametrize(
    "code,quality", [("0", "measured"), ("14", "measured"), ("19", "measured"), ("8", "estimated"), ("10", "estimated")]
)
def test_a_code_of_quality_says_what_a_value_is(code: str, quality: str) -> None:
    readings, _ = read(simple(value(1, START, quality=code)))
    assert readings["quality"].to_list() == [quality]
    noted = json.loads(readings["other_metrics"][0]).get("delivered_quality")
    assert noted == (None if code in ("0", "19") else code)


def test_the_worst_of_several_codes_holds_and_the_default_where_there_is_none() -> None:
    several = value(1, START).replace("<value>", "".join(
        f"<ReadingQuality><quality>{code}</quality></ReadingQuality>" for code in (17, 9)) + "<value>")  # fmt: skip
    readings, _ = read(simple(several, value(1, START + 900), defaultQuality=8))
    assert readings["quality"].to_list() == ["estimated", "estimated"]
    assert json.loads(readings["other_metrics"][0])["delivered_quality"] == "17,9"


def test_cost_and_times_of_use_are_kept_beside_the_energy() -> None:
    readings, _ = read(simple(value(1, START, cost=12345, consumptionTier=2, tou=3, cpp=1), powerOfTenMultiplier=3))
    assert json.loads(readings["other_metrics"][0]) == {
        "channel": "delivered",
        "delivered_cost_usd": "0.12345",
        "delivered_consumption_tier": "2",
        "delivered_tou": "3",
        "delivered_cpp": "1",
    }


def test_power_and_other_units_are_kept_beside_the_energy() -> None:
    text = feed(
        point(),
        *(meter_reading(number, number) for number in ("01", "02", "03")),
        reading_type("01"),
        reading_type("02", uom=38, accumulationBehaviour=12),
        reading_type("03", uom=73, powerOfTenMultiplier=-1),
        block(value(700, START)),
        block(value(2800, START), reading="02"),
        block(value(51, START), reading="03"),
    )
    [row] = read(text)[0].rows(named=True)
    assert (row["energy_wh"], row["power_w"]) == (700, 2800)
    assert json.loads(row["other_metrics"]) == {"channel": "delivered", "delivered_varh": "5.1"}


def test_power_alone_is_measured() -> None:
    readings, _ = read(simple(value(2800, START), uom=38, accumulationBehaviour=12))
    assert readings.select("energy_wh", "power_w", "quality").rows() == [(None, Decimal(2800), "measured")]


def test_a_cumulative_register_becomes_the_energy_between_its_reads() -> None:
    values = [value(number, START + 900 * place) for place, number in enumerate((1000, 1250, 1250, 900))]
    readings, _ = read(simple(*values, accumulationBehaviour=3))
    readings = readings.sort("reading_timestamp")
    assert readings["register_wh"].to_list() == [1000, 1250, 1250, 900]
    assert readings["energy_wh"].to_list() == [None, 250, 0, None]
    assert readings["quality"].to_list() == ["missing", "measured", "measured", "missing"]
    assert [json.loads(text).get("register") for text in readings["other_metrics"]] == ["first", None, None, "reset"]


def test_a_register_read_once_a_month_is_a_reading_of_one_second() -> None:
    readings, _ = read(simple(value(5000, START, 2_678_400), accumulationBehaviour=1))
    assert readings.select("reading_timestamp", "seconds", "register_wh").rows() == [
        (datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC), 1, Decimal(5000))
    ]


# --- links --------------------------------------------------------------------------------------------------


def of_two_meters() -> list[str]:
    """Two meters, the first with both directions of flow."""
    other = "RetailCustomer/1/UsagePoint/02"
    blocks = [
        block(value(100 + number, START + number * 900), reading=reading).replace(old, new)
        for number in range(4)
        for reading, old, new in (("01", "", ""), ("02", "", ""), ("03", POINT, other))
    ]
    return [
        point("01"),
        point("02"),
        meter_reading("01"),
        meter_reading("02", "02"),
        meter_reading("03", usage_point=other),
        reading_type("01"),
        reading_type("02", flowDirection=19, powerOfTenMultiplier=1),
        *blocks,
    ]


def test_several_meters_are_several_devices_and_directions_are_declared() -> None:
    [(line, column, cause)] = problems(feed(*of_two_meters()))
    assert (line, column) == (6, "flowDirection")
    assert f"device urn:uuid:{POINT} has several channels of energy, delivered, received" in cause
    declared = Channels(channels=("delivered",), devices={f"urn:uuid:{POINT}": ("received", "-delivered")})
    readings, _ = read(feed(*of_two_meters()), declared)
    sums = dict(readings.group_by("external_device_id").agg(pl.col("energy_wh").sum()).rows())
    assert sums == {f"urn:uuid:{POINT}": 9 * 406, "urn:uuid:RetailCustomer/1/UsagePoint/02": 406}
    assert json.loads(readings["other_metrics"][0])["delivered_wh"] == "100"


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([1, 3, 2**15]))
def test_neither_the_order_of_entries_nor_the_size_of_blocks_changes_a_reading(
    chance: random.Random, block_readings: int
) -> None:
    declared = Channels(channels=("delivered",), devices={f"urn:uuid:{POINT}": ("received", "-delivered")})
    entries = of_two_meters()
    order = ["external_device_id", "reading_timestamp"]
    kept = [name for name in SCHEMA.names() if name not in ("line", "other_metrics")]
    expected = read(feed(*entries), declared)[0].select(kept).sort(order)
    chance.shuffle(entries)
    assert read(feed(*entries), declared, block_readings)[0].select(kept).sort(order).equals(expected)


def test_meter_readings_that_flow_alike_are_named_by_their_links() -> None:
    text = feed(
        point(),
        meter_reading("01"),
        meter_reading("02", "02"),
        reading_type("01"),
        reading_type("02", intervalLength=3600),
        block(value(1, START)),
        block(value(4, START, 3600), reading="02"),
    )
    [(line, column, cause), *_] = problems(text)
    assert (line, column) == (5, "flowDirection")
    assert "delivered:MeterReading/01, delivered:MeterReading/02" in cause
    readings, _ = read(text, Channels(ignored=("delivered:MeterReading/02",)))
    assert readings["energy_wh"].to_list() == [1]


@pytest.mark.parametrize("prefix", ["espi:", "ns0:"])
@pytest.mark.parametrize("declared", [True, False])
def test_prefixes_do_not_matter_nor_whether_they_are_declared(prefix: str, declared: bool) -> None:
    text = re.sub(r"<(/?)(?=[A-Za-z])(?!feed|entry|link|id|content)", rf"<\1{prefix}", simple(value(7, START)))
    if declared:
        text = text.replace("<feed ", f'<feed xmlns:{prefix[:-1]}="http://naesb.org/espi" ')
    assert f"<{prefix}IntervalReading>" in text
    assert read(text)[0]["energy_wh"].to_list() == [7]


def test_links_may_name_hosts_and_only_some_of_them_be_there() -> None:
    text = simple(value(7, START)).replace('href="', 'href="https://utility.example/espi/')
    text = re.sub(r'(<link rel="related" href=")https://utility.example', r"\1", text)
    assert read(text)[0]["energy_wh"].to_list() == [7]


def test_entries_without_links_belong_to_the_only_ones_there_are() -> None:
    text = re.sub(r"<link [^>]*>", "", simple(value(7, START)))
    assert read(text)[0]["energy_wh"].to_list() == [7]


def test_an_entry_may_hold_several_blocks() -> None:
    text = simple(value(1, START)).replace(
        "</IntervalBlock>", f"</IntervalBlock><IntervalBlock>{value(2, START + 900)}</IntervalBlock>"
    )
    assert read(text)[0]["energy_wh"].to_list() == [1, 2]


@pytest.mark.parametrize(
    "entries,line,cause",
    [
        ((point(), reading_type(), block(value(1, START))), 5, "no link leads to a MeterReading"),
        ((point(), meter_reading(), block(value(1, START))), 4, "no link leads to a ReadingType"),
        (
            (point("09"), meter_reading(), reading_type(), block(value(1, START))),
            4,
            "no link leads to a UsagePoint",
        ),
    ],
)
def test_a_block_whose_links_lead_nowhere_is_refused(entries: tuple[str, ...], line: int, cause: str) -> None:
    assert problems(feed(*entries)) == [(line, "link", cause)]


# --- the same time twice ------------------------------------------------------------------------------------


def test_of_two_values_of_a_time_the_one_updated_later_holds() -> None:
    first = block(value(1, START), updated="2024-02-01T00:00:00Z")
    second = block(value(2, START), updated="2024-02-01T02:30:00+02:00")
    for blocks in ([first, second], [second, first]):
        readings, _ = read(feed(point(), meter_reading(), reading_type(), *blocks))
        assert readings.select("energy_wh", "reported_at").rows() == [(2, datetime(2024, 2, 1, 0, 30, tzinfo=UTC))]


def test_equal_values_of_a_time_count_once_and_others_are_refused() -> None:
    entries = [point(), meter_reading(), reading_type(), block(value(1, START))]
    readings, repeated = read(feed(*entries, entries[-1]))
    assert (readings.height, repeated) == (1, 1)
    cause = "line 6 says otherwise for the same channel and time, and nothing says which is later"
    assert problems(feed(*entries, block(value(2, START)))) == [(7, "timePeriod", cause)]


def test_a_feed_on_a_single_line_loses_nothing() -> None:
    entries = [point(), meter_reading(), reading_type(), block(value(1, START), value(3, START + 900))]
    readings, repeated = read(feed(*entries, entries[-1]).replace("\n", ""))
    assert (readings["energy_wh"].to_list(), repeated) == ([1, 3], 2)
    contradicting = feed(*entries, block(value(2, START))).replace("\n", "")
    cause = "line 1 says otherwise for the same channel and time, and nothing says which is later"
    assert problems(contradicting) == [(1, "timePeriod", cause)]


def test_intervals_that_overlap_are_refused() -> None:
    text = simple(value(1, START, 3600), "\n" + value(1, START + 900))
    assert problems(text) == [(7, "timePeriod", "overlaps with an interval of line 6")]


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes,line,column,cause",
    [
        ({"uom": 169}, 4, "flowDirection", "has no channel of energy or power, only delivered"),
        ({"commodity": 7}, 4, "flowDirection", "has no channel of energy or power, only delivered"),
        ({"uom": None}, 5, "uom", "no unit: nobody knows what the values are"),
        ({"uom": "Wh"}, 5, "uom", "not a code of this element"),
        ({"powerOfTenMultiplier": 99}, 5, "powerOfTenMultiplier", "not a code of this element"),
        ({"accumulationBehaviour": None}, 5, "accumulationBehaviour", "Only these are read, and only if it is said"),
        ({"accumulationBehaviour": 9}, 5, "accumulationBehaviour", "Only these are read, and only if it is said"),
    ],
)
def test_a_type_that_does_not_say_what_values_are_is_refused(
    changes: dict[str, object], line: int, column: str, cause: str
) -> None:
    [(found_line, found_column, found)] = problems(simple(value(1, START), **changes))
    assert (found_line, found_column, cause in found) == (line, column, True), found


@pytest.mark.parametrize(
    "given,column,cause",
    [
        (value("x", START), "value", "not a number"),
        (value("1,5", START), "value", "not a number: write a decimal point and no separator"),
        (value(1, START, quality=99), "quality", "not a code of quality"),
        (value(1, START, cost="1.5"), "cost", "not a whole number"),
        (
            value(1, START, 600),
            "timePeriod",
            "no interval that can be kept: 1, 60, 300, 900, 1800, 3600 seconds or a day",
        ),
        (value(1, 10**12), "timePeriod", "not a time between the years 1900 and 9999"),
        (value(1, START).replace(f"<start>{START}", "<start>noon"), "timePeriod.start", "not a whole number"),
    ],
)
def test_a_value_that_is_wrong_is_named(given: str, column: str, cause: str) -> None:
    assert (6, column, cause) in problems(simple(given))


@pytest.mark.parametrize(
    "values,cause",
    [
        ([value(1)], "1 values of 900 s without times of their own do not fill it"),
        ([value(1), value(2), value(3)], "3 values of 900 s without times of their own do not fill it"),
        ([value(1, START), value(2)], "1 of its 2 values have no time of their own"),
    ],
)
def test_values_without_times_must_fill_their_block(values: list[str], cause: str) -> None:
    assert cause in [found for _, _, found in problems(simple(*values))]


@pytest.mark.parametrize(
    "text,line,cause",
    [
        ("", 1, "the file is empty"),
        ("time,energy\n", 1, "not XML: syntax error"),
        (feed(), 1, "the file holds no readings"),
        (feed(point()), 1, "the file holds no readings"),
        ("<UsagePoint/>", 1, "the file holds no readings"),
        (simple(value(1, START))[:-30], 6, "not XML:"),
        ("<a>" * 100, 1, "elements are nested more than 64 deep"),
    ],
)
def test_what_is_no_feed_of_readings_is_refused(text: str, line: int, cause: str) -> None:
    [(found_line, _, found)] = problems(text)
    assert (found_line, found.startswith(cause)) == (line, True), found


LAUGHS = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10))


@pytest.mark.parametrize(
    "doctype",
    [
        f'<!DOCTYPE feed [<!ENTITY l0 "ha">{LAUGHS}]>',
        '<!DOCTYPE feed [<!ENTITY secret SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE feed SYSTEM "http://127.0.0.1:9/feed.dtd">',
        '<!DOCTYPE feed [<!ENTITY % remote SYSTEM "http://127.0.0.1:9/x"> %remote;]>',
    ],
)
def test_entities_and_references_to_other_files_are_refused(doctype: str) -> None:
    text = simple(value("&l9;" if "l9" in doctype else "&secret;", START)).replace("\n", f"\n{doctype}\n", 1)
    [(line, _, cause)] = problems(text)
    assert (line, "are not read: nothing can be hidden in them" in cause) == (2, True), cause


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    good = feed(*of_two_meters()).encode()
    at, size = data.draw(st.integers(0, len(good))), data.draw(st.integers(0, 20))
    damaged = good[:at] + data.draw(st.binary(max_size=6)) + good[at + size :]
    with suppress(BadFile):
        read(damaged, Channels(channels=("delivered",)))


# --- a real file --------------------------------------------------------------------------------------------


def test_a_real_file_has_its_sum(shared_data: Path) -> None:
    content = (shared_data / "greenbutton" / "sample_greenbutton_data.xml").read_bytes()
    readings, repeated = read(content)
    periods = re.findall(rb"<start>(\d+)</start>\s*</timePeriod>\s*<value>(\d+)</value>", content)
    assert (readings.height, repeated) == (len(periods), 0) == (362, 0)
    assert readings["energy_wh"].sum() == sum(int(number) for _, number in periods) == 291_018
    starts = sorted(int(start) for start, _ in periods)
    assert readings["reading_timestamp"].dt.epoch("s").sort().to_list() == starts
    assert readings["seconds"].unique().to_list() == [3600]
    assert readings["external_device_id"].unique().to_list() == ["urn:uuid:4217A3D3-60E0-46CD-A5AF-2A2D091F397E"]

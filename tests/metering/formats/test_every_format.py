"""What holds for all formats: good files are read, broken ones refused, and no number ever changes its unit."""

import gzip
import json
import random
import zipfile
from decimal import Decimal
from io import BytesIO

import polars as pl
import pytest

from metering.errors import BadFile, MappingError
from metering.formats import KNOWN_FORMATS, packed
from metering.formats.canonical import INTERVAL_SECONDS
from tests.metering.formats.files import gzipped, zipped
from tests.metering.formats.samples import SAMPLES, Sample, quantities, read, repacked
from tests.soak import rounds

TEXTS = [name for name in KNOWN_FORMATS if name not in ("parquet", "xlsx")]
DAYS = range(82_800, 90_001, 1800)  # of 23 to 25 hours, where clocks change by half an hour too
SHEET = "xl/worksheets/sheet1.xml"


def refusal(name: str, content: bytes) -> BadFile:
    with pytest.raises(BadFile) as refused:
        read(name, content, SAMPLES[name].mapping)
    assert refused.value.total >= len(refused.value.problems) > 0
    assert all(problem.line > 0 and problem.cause for problem in refused.value.problems)
    return refused.value


def is_explained(name: str, content: bytes, readings: pl.DataFrame) -> None:
    """Every reading is one that may be, and every quantity is a number of the file times a unit that it names."""
    quality, energy = readings["quality"], readings["energy_wh"]
    assert set(quality) <= {"measured", "estimated", "missing"}
    unknown = energy.is_null() & readings["power_w"].is_null()
    assert ((quality == "missing") == unknown).all()
    assert not readings.select("external_device_id", "reading_timestamp").is_duplicated().any()
    assert {*readings["seconds"]} <= {*INTERVAL_SECONDS.values(), *DAYS}
    if name not in TEXTS:
        return
    known = quantities(SAMPLES[name], content.decode().removeprefix("\ufeff"))
    for column in ("power_w", "register_wh"):
        assert {abs(each) for each in readings[column].drop_nulls()} <= {abs(each) for each in known}, column
    integrated = readings["power_w"].is_not_null()
    assert {abs(each) for each in energy.filter(~integrated).drop_nulls()} <= {abs(each) for each in known}
    for watts, seconds, watt_hours in readings.filter(integrated).select("power_w", "seconds", "energy_wh").iter_rows():
        assert watt_hours is None or abs(watts * seconds / 3600 - watt_hours) < Decimal("1E-8")


# --- good files ---------------------------------------------------------------------------------------------


def test_every_format_has_a_sample() -> None:
    assert set(SAMPLES) == set(KNOWN_FORMATS)


@pytest.mark.parametrize("name", KNOWN_FORMATS)
def test_a_sample_is_read_and_its_energy_explained(name: str) -> None:
    readings = read(name, SAMPLES[name].content, SAMPLES[name].mapping)
    assert readings.select(pl.col("energy_wh", "register_wh").count()).sum_horizontal()[0] > 0
    is_explained(name, SAMPLES[name].content, readings)


# --- broken files -------------------------------------------------------------------------------------------

BOMB = gzipped(b" " * 2**22)


def zip_bomb() -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meter", b"\n" * 2**22)
    return made.getvalue()


BROKEN = {
    "no bytes": b"",
    "a space": b" ",
    "NUL bytes": b"\0" * 100,
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 20,
    "a page of HTML": b"<!doctype html>\n<html><body>502 Bad Gateway</body></html>",
    "an error in JSON": b'{"error": {"code": 429, "message": "too many requests"}}',
    "a list of errors": b'[{"error": "quota"}]',
    "UTF-16": "time,energy\n".encode("utf-16"),
    "a document type": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "&c;">]><a>&b;</a>',
    "brackets": b"[" * 10_000,
    "elements": b"<a>" * 10_000,
    "a line without end": b"1," * 2**20,
    "a torn gzip": gzipped(b"time,energy\n" * 100)[:-6],
    "gzip in gzip": gzipped(gzipped(b"time,energy\n")),
    "two files": zipped(a=b"time,energy\n", b=b"time,energy\n"),
    "an empty archive": zipped(),
}


@pytest.mark.parametrize("name", KNOWN_FORMATS)
@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_file_of_readings_is_refused(name: str, what: str) -> None:
    refusal(name, BROKEN[what])


@pytest.mark.parametrize("name", KNOWN_FORMATS)
@pytest.mark.parametrize("bomb", [BOMB, zip_bomb()], ids=["gzip", "zip"])
def test_a_bomb_is_refused_in_every_format(name: str, bomb: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_SMALL", 2**16)
    assert "the packed file unpacks to more than" in str(refusal(name, bomb))


@pytest.mark.parametrize("name", KNOWN_FORMATS)
@pytest.mark.parametrize("other", KNOWN_FORMATS)
def test_a_file_of_another_format_is_refused(name: str, other: str) -> None:
    if name != other:
        with pytest.raises((BadFile, MappingError)):
            read(name, SAMPLES[other].content, SAMPLES[name].mapping)


@pytest.mark.parametrize("name", KNOWN_FORMATS)
def test_a_file_that_is_cut_off_is_refused_or_its_readings_are_whole(name: str) -> None:
    """Only where lines stand for themselves, in CSV and NDJSON, may some of them be missing without a trace."""
    content = SAMPLES[name].content
    whole = read(name, content, SAMPLES[name].mapping).drop("line")
    for size in range(1, len(content), max(1, len(content) // 100)):
        try:
            readings = read(name, content[:size], SAMPLES[name].mapping).drop("line")
        except BadFile:
            continue
        if name in ("csv", "ndjson"):
            assert readings.height <= whole.height
        else:
            assert readings.equals(whole), size


@pytest.mark.parametrize("name", KNOWN_FORMATS)
def test_every_format_may_come_packed(name: str) -> None:
    content, mapping = SAMPLES[name].content, SAMPLES[name].mapping
    expected = read(name, content, mapping)
    assert read(name, gzip.compress(content), mapping).equals(expected)
    assert read(name, zipped(meter=content), mapping).equals(expected)


@pytest.mark.parametrize("name,entries", [("solaredge", "values"), ("enphase", "intervals")])
def test_entries_of_instants_may_come_in_any_order_and_twice(name: str, entries: str) -> None:
    """Entries whose times are the face of a clock are told apart by their order, and so may not."""
    sample = SAMPLES[name]
    body = json.loads(sample.content)
    changed = body | {entries: [*body[entries][::-1], *body[entries]]}
    expected = read(name, sample.content, sample.mapping).drop("line").sort("reading_timestamp")
    readings = read(name, json.dumps(changed).encode(), sample.mapping)
    assert readings.drop("line").sort("reading_timestamp").equals(expected)


# --- units --------------------------------------------------------------------------------------------------

SPELLED = {
    "nem12": b"kWh",
    "nem13": b"kWh",
    "solaredge": b'"KWH"',
    "solaredge_v1": b'"kWh"',
    "goodwe": b'"kW"',
    "espi": b"<powerOfTenMultiplier>3<",
}


LETTERS = [letter.encode() for letter in "kKmMgGwWhHvVaAtT0123456789 -.,\"'<>/µ"]


@pytest.mark.parametrize("name", SPELLED)
def test_a_unit_with_one_letter_changed_is_read_as_it_says_or_refused(name: str) -> None:
    sample, spelled = SAMPLES[name], SPELLED[name]
    for at in range(len(spelled)):
        for letter in (*LETTERS, b"", spelled[at : at + 1] * 2):
            changed = sample.content.replace(spelled, spelled[:at] + letter + spelled[at + 1 :])
            try:
                readings = read(name, changed, sample.mapping)
            except (BadFile, MappingError):
                continue
            is_explained(name, changed, readings)


@pytest.mark.parametrize("unit", ["kW", "MW", "W/m2", "kVArh", "Wh/m2", "J", "1000 Wh", "µWh", "", "therm", "Wh,kWh"])
@pytest.mark.parametrize("name", ["nem12", "nem13", "solaredge", "solaredge_v1", "csv"])
def test_a_unit_that_is_not_one_of_energy_never_makes_energy_but_from_power(name: str, unit: str) -> None:
    mapping, content = SAMPLES[name].mapping, SAMPLES[name].content
    if name == "csv":
        mapping = {**mapping, "energy": ["energy", unit]}
    else:
        content = content.replace(SPELLED[name].strip(b'"'), unit.encode())
    try:
        readings = read(name, content, mapping)
    except (BadFile, MappingError):
        return
    assert readings["power_w"].count() == readings["energy_wh"].count() > 0
    is_explained(name, content, readings)


# --- damage -------------------------------------------------------------------------------------------------

PIECES = (b"", b"0", b"9" * 20, b"-", b",", b'"', b"\n", b"\0", b"\xff", b"null", b"{", b"]", b"<", b"e9", b".", b"k")


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content with a few bytes changed, removed, doubled, moved or replaced by what breaks parsers."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed) or 1)
        size = chance.randint(1, chance.choice((2, 20, 200)))
        match chance.randrange(6):
            case 0:
                changed[at : at + 1] = [chance.randrange(256)]
            case 1:
                del changed[at : at + size]
            case 2:
                changed[at:at] = changed[at : at + size]
            case 3:
                piece = changed[at : at + size]
                del changed[at : at + size]
                to = chance.randrange(len(changed) or 1)
                changed[to:to] = piece
            case 4:
                changed[at : at + chance.randrange(3)] = chance.choice(PIECES)
            case _:
                changed[at : at + 1] = b"%d" % chance.randrange(10)
    return bytes(changed)


def damaged(name: str, sample: Sample, chance: random.Random) -> bytes:
    if name != "xlsx":
        return mutated(sample.content, chance)
    # An archive guards its parts by checksums: damage must come before them.
    with zipfile.ZipFile(BytesIO(sample.content)) as archive:
        part = chance.choice([*archive.namelist(), SHEET, SHEET])
    return repacked(sample.content, part, lambda content: mutated(content, chance))


@pytest.mark.soak
@pytest.mark.parametrize("name", KNOWN_FORMATS)
def test_a_damaged_file_is_refused_or_every_quantity_of_it_explained(name: str) -> None:
    sample = SAMPLES[name]
    outcomes = {"read": 0, "refused": 0}
    for seed in range(rounds(3000, 60)):
        content = damaged(name, sample, random.Random(f"{name} {seed}"))
        try:
            readings = read(name, content, sample.mapping)
        except (BadFile, MappingError):
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            is_explained(name, content, readings)
    assert min(outcomes.values()) > 0

"""One small good file of every format, and how its energy can be told from its text without our parsers."""

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from io import BytesIO

import polars as pl

from metering.formats import parse, read_mapping
from metering.formats.canonical import SCHEMA
from tests.metering.formats import files

BERLIN = "Europe/Berlin"
TABLE: Mapping[str, object] = {**files.QUARTERS, "device_column": "device", "others": ["volts"]}
ROWS: list[dict[str, files.Cell]] = [
    {"time": "2024-01-01T00:00Z", "energy": 1.125, "device": "A", "volts": "230"},
    {"time": "2024-01-01T00:15Z", "energy": 0, "device": "A", "volts": ""},
    {"time": "2024-01-01T00:00Z", "energy": None, "device": "B", "volts": "229.5"},
]
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_FACTORS = {"wh": 1, "kwh": 10**3, "mwh": 10**6, "gwh": 10**9, "w": 1, "kw": 10**3, "mw": 10**6, "gw": 10**9}


@dataclass(frozen=True)
class Sample:
    """A good file; `factors` gives what one unit may be in Wh or W, by what the file's text says."""

    content: bytes
    mapping: Mapping[str, object] = field(default_factory=dict)
    factors: Callable[[str], set[Decimal]] = lambda _: {Decimal(1000)}


def read(name: str, content: bytes, mapping: Mapping[str, object]) -> pl.DataFrame:
    """All readings of a file."""
    found = parse(name, BytesIO(content), read_mapping(name, mapping), f"meter.{name}")
    return pl.concat([SCHEMA.to_frame(), *(block.readings for block in found)])


def quantities(sample: Sample, text: str) -> set[Decimal]:
    """Every quantity in Wh or W that some number of the text may be, to the ninth place, if it can be kept."""
    with localcontext(prec=60):
        found = {number * factor for number in _numbers(text) for factor in sample.factors(text)}
        return {round(quantity, 9) for quantity in found if quantity.is_zero() or quantity.adjusted() < 15}


def repacked(content: bytes, part: str, changed: Callable[[bytes], bytes]) -> bytes:
    """A zip archive with one part changed, whole as an archive."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as whole, zipfile.ZipFile(made, "w") as archive:
        for name in whole.namelist():
            archive.writestr(name, changed(whole.read(name)) if name == part else whole.read(name))
    return made.getvalue()


def _numbers(text: str) -> Iterator[Decimal]:
    try:
        found = _leaves(json.loads(text, parse_float=str, parse_int=str))
    except ValueError:
        found = iter([text])
    for leaf in found:
        yield from map(Decimal, _NUMBER.findall(leaf))


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, str):
        yield value


def _said(text: str) -> set[Decimal]:
    """The units that a body names; a small m is milli and so is none of them."""
    units = re.findall(r'"unit"\s*:\s*"\s*(\w*)', text)
    return {Decimal(_FACTORS.get(unit.lower(), 0)) for unit in units if not unit.startswith("m")}


def _between_commas(text: str) -> set[Decimal]:
    """The units of energy in records of meter data files, which may be written in any case."""
    units = re.findall(r"(?<=,)\s*([kM]?Wh)\s*(?=,)", text, re.IGNORECASE)
    return {Decimal(_FACTORS[unit.lower()]) for unit in units}


def _powers_of_ten(text: str) -> set[Decimal]:
    """The powers of ten of a feed whose types are of watt-hours (72) or watts (38)."""
    powers = re.findall(r"<(?:\w+:)?powerOfTenMultiplier>\s*([+-]?[0-9]+)\s*<", text) or ["0"]
    is_known = re.search(r"<(?:\w+:)?uom>\s*\+?0*(72|38)\s*<", text)
    return {Decimal(1).scaleb(int(power)) for power in powers if len(power) < 4} if is_known else set()


def _one(_: str) -> set[Decimal]:
    return {Decimal(1)}


def _body(value: object) -> bytes:
    return json.dumps(value).encode()


_NEM12 = "\r\n".join(
    [
        "100,NEM12,202401010000,MDP1,Retailer1",
        "200,6001000000,E1Q1,1,E1,N1,METSER1,kWh,30,",
        f"300,20240101,{','.join(f'{n}.125' for n in range(48))},V,,,20240102030405,",
        "400,1,40,A,,",
        "400,41,48,S14,32,",
        "200,6001000000,E1Q1,2,Q1,,METSER1,kVArh,30,",
        f"300,20240101,{','.join(['0.5'] * 48)},A,,,20240102030405,",
        "500,O,S01009,20240102100000,123.5",
        "900",
    ]
)
_NEM13 = "\r\n".join(
    [
        "100,NEM13,202401010000,MDP1,Retailer1",
        "250,6001000000,E1,1,E1,,METSER1,E,1000.5,20231001093000,A,,,1412.5,20240103114500,A,,,412.0,kWh,20240401,"
        "20240104000000,",
        "550,N,,A,",
        "900",
    ]
)
_ESPI = """<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<entry><id>urn:1</id><link rel="self" href="UsagePoint/01"/><content><UsagePoint><ServiceCategory><kind>0</kind>
</ServiceCategory></UsagePoint></content></entry>
<entry><id>urn:2</id><link rel="self" href="UsagePoint/01/MeterReading/01"/><link rel="up" href="UsagePoint/01"/>
<link rel="related" href="ReadingType/01"/><content><MeterReading/></content></entry>
<entry><id>urn:3</id><link rel="self" href="ReadingType/01"/><content><ReadingType>
<accumulationBehaviour>4</accumulationBehaviour><commodity>1</commodity><flowDirection>1</flowDirection>
<intervalLength>900</intervalLength><powerOfTenMultiplier>3</powerOfTenMultiplier><uom>72</uom></ReadingType></content>
</entry>
<entry><id>urn:4</id><link rel="self" href="UsagePoint/01/MeterReading/01/IntervalBlock/1"/>
<link rel="up" href="UsagePoint/01/MeterReading/01/IntervalBlock"/><content><IntervalBlock>
<interval><duration>1800</duration><start>1704067200</start></interval>
<IntervalReading><timePeriod><duration>900</duration><start>1704067200</start></timePeriod><value>12</value>
</IntervalReading>
<IntervalReading><timePeriod><duration>900</duration><start>1704068100</start></timePeriod><value>34</value>
</IntervalReading></IntervalBlock></content></entry>
</feed>"""

SAMPLES: Mapping[str, Sample] = {
    "csv": Sample(
        files.csv("time,energy,device,volts", *(",".join(str(v or "") for v in row.values()) for row in ROWS)), TABLE
    ),
    "json": Sample(_body(ROWS), TABLE),
    "ndjson": Sample(files.ndjson(*ROWS), TABLE),
    "parquet": Sample(files.parquet(**pl.DataFrame(ROWS).to_dict()), TABLE),
    "xlsx": Sample(files.workbook([*ROWS[0]], *([*row.values()] for row in ROWS)), TABLE),
    "nem12": Sample(_NEM12.encode(), {}, _between_commas),
    "nem13": Sample(_NEM13.encode(), {}, _between_commas),
    "espi": Sample(_ESPI.encode(), {}, _powers_of_ten),
    "solaredge": Sample(
        _body(
            {
                "unit": "KWH",
                "resolution": "QUARTER_HOUR",
                "values": [
                    {"timestamp": "2026-09-01T10:15:00+02:00", "value": 812.5},
                    {"timestamp": "2026-09-01T10:30:00+02:00", "value": None},
                ],
            }
        ),
        {"device": "4711"},
        _said,
    ),
    "solaredge_v1": Sample(
        _body(
            {
                "energy": {
                    "timeUnit": "QUARTER_OF_AN_HOUR",
                    "unit": "kWh",
                    "values": [
                        {"date": "2024-06-01 00:15:00", "value": 12.0},
                        {"date": "2024-06-01 00:30:00", "value": None},
                    ],
                }
            }
        ),
        {"device": "4711", "time_zone": BERLIN},
        _said,
    ),
    "enphase": Sample(
        _body(
            {
                "system_id": 66,
                "total_devices": 2,
                "intervals": [
                    {"end_at": 1384122600, "wh_del": 50, "devices_reporting": 2},
                    {"end_at": 1384123500, "wh_del": 0, "devices_reporting": 0},
                ],
                "meter_intervals": [],
            }
        ),
        {"device": "66"},
        _one,
    ),
    "sma": Sample(
        _body(
            {
                "plant": {"plantId": "25057", "timezone": BERLIN},
                "resolution": "FifteenMinutes",
                "set": [
                    {"time": "2023-01-22T10:15:00", "pvGeneration": 11.5},
                    {"time": "2023-01-22T10:30:00", "pvGeneration": 0},
                ],
            }
        ),
        {"time_zone": BERLIN, "label": "end", "unit": "W"},
        _one,
    ),
    "goodwe": Sample(
        _body(
            {
                "code": 0,
                "hasError": False,
                "data": {
                    "lines": [
                        {
                            "key": "PCurve_Power_PV",
                            "unit": "kW",
                            "xy": [{"x": "10:15", "y": 1.2}, {"x": "10:20", "y": ""}],
                        }
                    ]
                },
            }
        ),
        {"device": "plant", "time_zone": BERLIN, "date": "2026-09-01"},
        _said,
    ),
}

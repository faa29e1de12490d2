"""How fast files of each format become readings, and in how much memory.

    python -m tests.benchmarks.bench_formats [rows]

Each format is paired with a peer that reads the same file into the same exact numbers and instants, and checks
nothing else. Each runs in a process of its own, one after the other, so that memory is its own; a peer of a workbook
is the library that holds the whole sheet, since none reads it in parts.
"""

import csv
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from metering.formats import parse, read_mapping

ROWS = 1_000_000
MAPPING = {
    "time_column": "time",
    "interval": "15min",
    "label": "start",
    "energy": ["energy_kwh", "kWh"],
    "device_column": "device",
}
NAMES = ("device", "time", "energy_kwh", "state")
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def table(rows: int) -> Iterator[tuple[str, str, str, str]]:
    """Thirty devices, quarter of an hour by quarter of an hour."""
    chance = random.Random(1)
    for number in range(rows):
        at = EPOCH + timedelta(minutes=15 * (number // 30))
        yield f"INV-{number % 30:03}", f"{at:%Y-%m-%dT%H:%M:00Z}", f"{chance.randrange(10**7) / 10**4:.4f}", "A"


# --- files --------------------------------------------------------------------------------------------------


def write_files(folder: Path, rows: int) -> None:
    """The same table in each format."""
    found = list(table(rows))
    with (folder / "meter.csv").open("w") as file:
        csv.writer(file).writerows([NAMES, *found])
    objects = [
        f'{{"device": "{device}", "time": "{at}", "energy_kwh": {energy}, "state": "{state}"}}'
        for device, at, energy, state in found
    ]
    (folder / "meter.ndjson").write_text("\n".join(objects))
    (folder / "meter.json").write_text('{"site": 7, "rows": [' + ", ".join(objects) + "]}")
    with (folder / "meter.csv").open("rb") as plain, gzip.open(folder / "meter.csv.gz", "wb", 6) as packed:
        packed.write(plain.read())
    frame = pl.DataFrame(found, NAMES, orient="row").with_columns(
        pl.col("time").str.to_datetime(time_zone="UTC"), pl.col("energy_kwh").cast(pl.Float64)
    )
    frame.write_parquet(folder / "meter.parquet", row_group_size=100_000)
    write_workbook(folder / "meter.xlsx", found)


def write_workbook(path: Path, rows: list[tuple[str, str, str, str]]) -> None:
    """A workbook as spreadsheets write them: dates as days, devices as shared texts."""
    texts: dict[str, int] = {}
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>'
        '<sheet name="Data" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>'
        f'<Relationship Id="r3" Type="{RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs>'
        "</styleSheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            for number, row in enumerate([NAMES, *rows], 1):
                cells = []
                for letter, name, text in zip("ABCD", NAMES, row, strict=True):
                    place = f'<c r="{letter}{number}"'
                    if number == 1 or name in ("device", "state"):
                        cells.append(f'{place} t="s"><v>{texts.setdefault(text, len(texts))}</v></c>')
                    elif name == "time":
                        days = (datetime.fromisoformat(text) - EPOCH) / timedelta(days=1) + 45292
                        cells.append(f'{place} s="1"><v>{days!r}</v></c>')
                    else:
                        cells.append(f"{place}><v>{text}</v></c>")
                sheet.write(f'<row r="{number}">{"".join(cells)}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")
        shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{shared}</sst>')


# --- readers ------------------------------------------------------------------------------------------------


def ours(name: str, path: Path) -> Decimal:
    """Reads a file as ingestion does; gives the watt-hours in it."""
    mapping = read_mapping(name, MAPPING | ({"rows": ["rows"]} if name == "json" else {}) | {"time_zone": "UTC"})
    total = Decimal(0)
    with path.open("rb") as stream:
        for block in parse(name, stream, mapping, path.name):
            total += Decimal(str(block.readings["energy_wh"].sum()))
    return total


def watt_hours(rows: Iterator[tuple[str, str, str]]) -> Decimal:
    """What each peer must do with a row: an instant, and an exact number of watt-hours."""
    total = Decimal(0)
    for _, at, energy in rows:
        datetime.fromisoformat(at)
        total += Decimal(energy) * 1000
    return total


def csv_module(path: Path) -> Decimal:
    with path.open(newline="") as file:
        return watt_hours((row["device"], row["time"], row["energy_kwh"]) for row in csv.DictReader(file))


def csv_module_of_gzip(path: Path) -> Decimal:
    with gzip.open(path, "rt", newline="") as file:
        return watt_hours((row["device"], row["time"], row["energy_kwh"]) for row in csv.DictReader(file))


def json_module_by_line(path: Path) -> Decimal:
    with path.open() as file:
        rows = (json.loads(line, parse_float=str) for line in file)
        return watt_hours((row["device"], row["time"], row["energy_kwh"]) for row in rows)


def json_module(path: Path) -> Decimal:
    with path.open() as file:
        rows = json.load(file, parse_float=str)["rows"]
    return watt_hours((row["device"], row["time"], row["energy_kwh"]) for row in rows)


def pyarrow_rows(path: Path) -> Decimal:
    import pyarrow.parquet

    total = Decimal(0)
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                total += Decimal(repr(row["energy_kwh"])) * 1000
    return total


def fastexcel_rows(path: Path) -> Decimal:
    import fastexcel

    rows = fastexcel.read_excel(path).load_sheet(0).to_polars()
    return sum((Decimal(repr(energy)) * 1000 for energy in rows["energy_kwh"]), Decimal(0))


PEERS: dict[str, tuple[str, str, Callable[[Path], Decimal]]] = {
    "csv": ("csv", "csv.DictReader", csv_module),
    "csv.gz": ("csv", "gzip, csv.DictReader", csv_module_of_gzip),
    "ndjson": ("ndjson", "json.loads by line", json_module_by_line),
    "json": ("json", "json.load", json_module),
    "parquet": ("parquet", "pyarrow by row", pyarrow_rows),
    "xlsx": ("xlsx", "fastexcel", fastexcel_rows),
}


def measure(who: str, name: str, path: Path) -> None:
    """Prints seconds, seconds of processor, peak memory in MB and the sum, of one reader in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, worked = time.perf_counter(), time.process_time()
    form, _, peer = PEERS[name]
    total = ours(form, path) if who == "ours" else peer(path)
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([seconds, work, peak / 1024, (peak - before) / 1024, str(total.normalize())]))  # noqa: T201


def main(rows: int) -> None:
    """Prints rows per second and peak memory of each format and its peer."""
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a child counts the memory of its parent as its own.
        subprocess.run([sys.executable, "-m", "tests.benchmarks.bench_formats", "write", folder, str(rows)], check=True)
        print(f"{rows:,} rows")  # noqa: T201
        for name, (_, peer, _) in PEERS.items():
            spent = []
            for who in ("ours", "peer"):
                command = [sys.executable, "-m", "tests.benchmarks.bench_formats", who, name, f"{folder}/meter.{name}"]
                told = subprocess.run(command, capture_output=True, text=True, check=True)
                spent.append(json.loads(told.stdout))
            (seconds, work, peak, added, total), (peers_seconds, peers_work, peers_peak, _, peers_total) = spent
            if total != peers_total:
                sys.exit(f"{name}: {total} Wh are not the {peers_total} Wh that {peer} finds")
            print(  # noqa: T201
                f"{name:8} {rows / seconds:9,.0f} rows/s {peak:5,.0f} MB ({added:4,.0f} beyond the start)"
                f" {peers_seconds / seconds:5.1f} times as fast as {peer}, by processor {peers_work / work:5.1f} times"
                f" ({rows / peers_seconds:9,.0f} rows/s, {peers_peak:5,.0f} MB)"
            )


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "write":
        write_files(Path(sys.argv[2]), int(sys.argv[3]))
    elif len(sys.argv) == 4:
        measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)

"""Files in gzip and zip: unpacked within bounds, or refused."""

import gzip
import io
import zipfile
from collections.abc import Callable

import pytest

from metering.errors import BadFile
from metering.formats import packed
from tests.metering.formats.files import csv, gzipped, ndjson, parquet, problems, read, workbook, zipped

GOOD = csv("time,energy", "2024-01-01 00:00Z,1")


@pytest.mark.parametrize("pack", [gzipped, lambda content: zipped(meter=content)])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("csv", GOOD),
        ("ndjson", ndjson({"time": "2024-01-01T00:00Z", "energy": 1})),
        ("json", b'[{"time": "2024-01-01T00:00Z", "energy": 1}]'),
        ("xlsx", workbook(("time", "energy"), ("2024-01-01 00:00Z", 1))),
        ("parquet", parquet(time=read("csv", GOOD)["reading_timestamp"], energy=read("csv", GOOD)["line"] - 1)),
    ],
)
def test_every_format_may_come_packed(name: str, content: bytes, pack: Callable[[bytes], bytes]) -> None:
    assert read(name, pack(content)).equals(read(name, content))
    assert read(name, content).height == 1


def test_two_files_in_gzip_one_after_the_other_are_one() -> None:
    assert read("csv", gzip.compress(GOOD) + gzip.compress(b"\n2024-01-01 00:15Z,2")).height == 2


def test_what_a_macintosh_adds_is_no_second_file() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.mkdir("march")
        archive.writestr("march/meter.csv", GOOD)
        archive.writestr("__MACOSX/march/._meter.csv", b"x")
    assert read("csv", content.getvalue()).height == 1


def refusal(content: bytes, name: str = "csv") -> str:
    [(line, column, why)] = problems(name, content)
    assert (line, column) == (1, None)
    return why


def test_an_archive_of_several_files_is_refused_with_their_names() -> None:
    why = refusal(zipped(north=GOOD, south=GOOD))
    assert why == "a zip archive may hold one file, this one holds 2: 'north.csv', 'south.csv'"
    assert refusal(zipped()) == "a zip archive may hold one file, this one holds 0: none"


def test_a_file_that_is_packed_twice_is_refused() -> None:
    for content in (gzipped(gzipped(GOOD)), gzipped(zipped(meter=GOOD)), zipped(meter=gzipped(GOOD))):
        assert refusal(content) == "the file is packed twice: unpack it once"


@pytest.mark.parametrize(
    "damaged",
    [
        gzipped(GOOD)[:-9],
        gzipped(GOOD)[:-8] + b"\0\0\0\0" + gzipped(GOOD)[-4:],
        gzipped(GOOD)[:12],
        zipped(meter=GOOD)[:40],
        zipped(meter=GOOD).replace(b"meter.csv", b"wrong.csv", 1),
        b"PK\x03\x04",
    ],
    ids=["without its end", "another checksum", "head alone", "half an archive", "another name inside", "mark alone"],
)
def test_a_damaged_archive_is_refused(damaged: bytes) -> None:
    with pytest.raises(BadFile, match="damaged"):
        read("csv", damaged)


def test_a_checksum_that_does_not_fit_is_refused() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("meter.csv", GOOD)
    assert "damaged: Bad CRC-32" in refusal(content.getvalue().replace(b"00:00Z,1", b"00:00Z,9"))


def test_an_encrypted_archive_is_refused() -> None:
    content = bytearray(zipped(meter=GOOD))
    for flags in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[flags] |= 1
    assert refusal(bytes(content)) == "'meter.csv' in the archive is encrypted"


def test_an_unusual_method_is_refused() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("meter.csv", GOOD)
    assert refusal(content.getvalue()) == "'meter.csv' is packed by another method than deflate"


@pytest.mark.parametrize("name", ["csv", "xlsx"])
@pytest.mark.parametrize("pack", [gzipped, lambda content: zipped(meter=content)])
def test_a_file_that_unpacks_without_proportion_is_refused(
    name: str, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "_SMALL", 2**16)
    lines = b"".join(b"2024-01-01 00:00Z,0\n" for _ in range(2**15))
    assert refusal(pack(b"time,energy\n" + lines), name).startswith(
        "the packed file unpacks to more than 200 times its size"
    )


def test_a_part_of_a_workbook_that_unpacks_without_proportion_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_SMALL", 2**16)
    content = workbook(("time", "energy"), parts={"xl/sharedStrings.xml": "<sst>" + "<si/>" * 2**17 + "</sst>"})
    assert refusal(content, "xlsx").startswith("the packed file unpacks to more than 200 times its size")

"""The lake, in a directory and on S3: whole files or none, under names that stay inside."""

import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from metering.errors import StorageError
from metering.storage import Lake, moved_to, raw_name, sanitised

CONTENT = os.urandom(3 * 2**20 + 17)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server on this machine, with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        client = boto3.client(
            "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
        )
        client.create_bucket(Bucket="plants")
        yield address
    finally:
        server.stop()


@pytest.fixture(params=["directory", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake that is empty, of each kind."""
    if request.param == "directory":
        return Lake.from_url(tmp_path / "lake")
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return Lake.from_url(f"s3://plants/{tmp_path.name}")


def read(lake: Lake, name: str) -> bytes:
    with lake.open(name) as stream:
        return stream.read()


def test_what_is_put_is_read_again(lake: Lake) -> None:
    stored = lake.put("raw/manual/1/a.csv", BytesIO(CONTENT))
    assert (stored.size, stored.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert read(lake, "raw/manual/1/a.csv") == CONTENT
    assert lake.sha256("raw/manual/1/a.csv") == stored.sha256
    assert lake.names() == ["raw/manual/1/a.csv"]


def test_a_later_put_replaces_an_earlier_one(lake: Lake) -> None:
    lake.put("raw/a", b"first")
    lake.put("raw/a", b"second")
    assert read(lake, "raw/a") == b"second"


def test_a_write_that_fails_leaves_nothing(lake: Lake) -> None:
    lake.put("raw/kept", b"kept")
    for name in ("raw/new", "raw/kept"):
        with pytest.raises(ZeroDivisionError), lake.writing(name) as stream:
            stream.write(CONTENT * 3) / 0
    assert lake.names() == ["raw/kept"]
    assert read(lake, "raw/kept") == b"kept"
    if lake.folder is not None:
        assert [path.name for path in lake.folder.rglob("*") if path.is_file()] == ["kept"]


def test_a_file_has_no_name_before_it_is_whole(lake: Lake) -> None:
    with lake.writing("raw/a") as stream:
        stream.write(CONTENT)
        assert not lake.exists("raw/a")
        assert lake.names() == []
    assert lake.exists("raw/a")


def test_two_writers_of_one_name_leave_one_whole_file(lake: Lake) -> None:
    contents = [bytes([n]) * 2_000_000 for n in range(4)]
    threads = [threading.Thread(target=lake.put, args=["raw/a", content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(lake, "raw/a") in contents
    assert lake.names() == ["raw/a"]


def test_a_move_changes_the_name_and_may_be_done_twice(lake: Lake) -> None:
    lake.put("raw/manual/1/a", b"content")
    for _ in range(2):
        assert lake.move("raw/manual/1/a", "validated/manual/1/a") == "validated/manual/1/a"
        assert lake.names() == ["validated/manual/1/a"]
    assert read(lake, "validated/manual/1/a") == b"content"


def test_what_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(StorageError, match="raw/none cannot be moved"):
        lake.move("raw/none", "validated/none")
    with pytest.raises(StorageError, match="raw/none cannot be read"):
        read(lake, "raw/none")
    lake.remove("raw/none")
    assert not lake.exists("raw/none")
    assert lake.names("raw") == []


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "raw/../../a", "raw/./a", "raw\\a", "raw/\0"])
def test_no_name_leads_out_of_the_lake(lake: Lake, name: str) -> None:
    with pytest.raises(StorageError, match="is no name of a file in the lake"):
        lake.put(name, b"")


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("in the way")
    with pytest.raises(StorageError, match=r"lake/raw/a cannot be written: Not a directory"):
        Lake.from_url(tmp_path / "lake").put("raw/a", b"")


def test_an_unknown_kind_of_storage_is_refused() -> None:
    with pytest.raises(StorageError, match="tape://attic is no place for files"):
        Lake.from_url("tape://attic")


@pytest.mark.parametrize(
    "name, safe",
    [
        ("meter.csv", "meter.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\meters\\März 2026.csv", "M_rz_2026.csv"),
        ("a;rm -rf *.csv", "a_rm_-rf__.csv"),
        ("..", "file"),
        ("", "file"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("nul\0l", "nul_l"),
        ("x" * 300 + ".csv.gz", "x" * 117 + ".gz"),
    ],
)
def test_names_from_outside_become_plain(name: str, safe: str) -> None:
    assert sanitised(name) == safe


def test_two_files_of_one_name_do_not_meet() -> None:
    first, second = (raw_name("manual", 7, date(2026, 3, 1), "../meter.csv") for _ in range(2))
    assert first != second
    folder, _, name = first.rpartition("/")
    assert folder == "raw/manual/7/2026-03-01"
    assert name.endswith("-meter.csv")
    assert moved_to("validated", first) == f"validated/manual/7/2026-03-01/{name}"

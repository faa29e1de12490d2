"""`backup_database`: what a backup holds, what is noticed, and what a killed run leaves."""

import base64
import io
import json
import random
import re
import shlex
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from database import backups, production
from database.backups import Backup, DamagedError, RefusedError, UnusableError, list_backups, read_backup
from database.contents import Rows, differences, read_contents
from database.embedded import Binaries
from database.encryption import CHUNK_BYTES, DecryptionError, decrypted, encrypted
from database.locks import HOLDER, LOCK_KEY
from database.scratch import ClientError, Database, django_connection, run_psql, scratch_database
from tests.database.conftest import run, start
from tests.soak import rounds

Take = Callable[..., Backup]
KEY = base64.b64encode(bytes(range(32))).decode()
# What the text format of COPY has to write in another way, and one row twice.
NASTY = ("\\.", "a\tb\nc\\N", "'); DROP TABLE currency; --", "COPY public.currency (id) FROM stdin;", "Zürich 🌞", "")


@pytest.fixture(scope="module")
def filled(server: Database, seeded: Database) -> Iterator[Database]:
    """A database with the seeds and with text that is hard to write. Only to be read and copied."""
    with scratch_database(server, seeded.name) as database:
        with database.connect() as session:
            for text in NASTY:
                session.execute("INSERT INTO organization (name) VALUES (%s)", [text])
            session.execute("ANALYZE")
        yield database


@pytest.fixture
def copy(server: Database, filled: Database) -> Iterator[Database]:
    """The filled database, to be spoiled."""
    with scratch_database(server, filled.name) as database:
        yield database


@pytest.fixture
def take(filled: Database, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Take:
    """Takes a backup, of the filled database into the folder `backups` unless told otherwise."""

    def taken(database: Database = filled, tell: Callable[[str], object] = lambda _: None, **how: object) -> Backup:
        with django_db_blocker.unblock(), django_connection(database) as connection:
            return backups.take(connection, tmp_path / "backups", tell=tell, **how)  # type: ignore[arg-type]

    return taken


@pytest.fixture(scope="module")
def good(filled: Database, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Backup:
    """A backup of the filled database. Only to be read and copied."""
    with django_db_blocker.unblock(), django_connection(filled) as connection:
        return backups.take(connection, tmp_path_factory.mktemp("good"), tell=lambda _: None, drill=False)


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a shell script in the place of pg_dump; the real one is `$pg_dump` in it. Returns `$log`."""

    def placed(script: str) -> Path:
        real = backups.closest_program
        log, program = tmp_path / "log", tmp_path / "pg_dump"

        def chosen(name: str, server_major: int) -> Path:
            found = real(name, server_major)
            if name != "pg_dump":
                return found
            program.write_text(f"#!/bin/sh\npg_dump={shlex.quote(str(found))}\nlog={shlex.quote(str(log))}\n{script}\n")
            program.chmod(0o755)
            return program

        monkeypatch.setattr(backups, "closest_program", chosen)
        return log

    return placed


@pytest.fixture
def weak_role(filled: Database) -> Iterator[tuple[str, str]]:
    """Name and password of a role that reads everything but does not bypass row security."""
    name, password = f"weak_{filled.name}", "weak-password"
    with filled.connect() as session:
        session.execute(f"CREATE ROLE {name} LOGIN CREATEDB PASSWORD '{password}'".encode())
        session.execute(f"GRANT pg_read_all_data TO {name}".encode())
        yield name, password
        session.execute(f"DROP ROLE {name}".encode())


def copied(backup: Backup, folder: Path) -> Backup:
    """The same backup in another folder, to be spoiled."""
    folder.mkdir(exist_ok=True)
    for path in (backup.path, backups.manifest_path(backup.path)):
        (folder / path.name).write_bytes(path.read_bytes())
    return Backup(folder / backup.path.name, backup.manifest)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- what a backup is


def test_a_backup_counts_what_the_database_holds(filled: Database, good: Backup) -> None:
    held = good.manifest.contents
    with filled.connect() as session:
        tables = session.execute(
            "SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables WHERE"
            " relid IN (SELECT oid FROM pg_class WHERE relkind = 'r')"
            " AND schemaname IN ('public', 'frontier_ops', 'django', 'auth')"
        ).fetchall()
        assert set(held.tables) == {name for (name,) in tables}
        for name, rows in held.tables.items():
            assert session.execute(f"SELECT count(*) FROM ONLY {name}".encode()).fetchone() == (rows.count,)
        last = session.execute("SELECT name FROM frontier_ops.schema_ledger ORDER BY number DESC LIMIT 1").fetchone()
    assert held.tables["frontier_ops.schema_ledger"].count > 16
    assert held.tables["public.currency"].count > 100
    assert last == (good.manifest.last_file,)
    assert good.manifest.database == filled.name
    assert good.manifest.size_bytes == good.path.stat().st_size


def test_file_and_manifest_have_the_guides_names_and_nothing_else_is_left(good: Backup) -> None:
    stem = good.path.name.removesuffix(".sql")
    assert backups.NAME.fullmatch(stem)
    assert files(good.path.parent) == [f"{stem}.manifest.json", f"{stem}.sql"]


def test_only_their_owner_may_read_a_backup(take: Take, tmp_path: Path) -> None:
    seen: list[int] = []

    def look(_: str) -> None:
        seen.extend(stat.S_IMODE(part.stat().st_mode) for part in (tmp_path / "backups").glob(".*"))

    backup = take(tell=look)
    assert set(seen) == {0o600}
    for path in (backup.path, backups.manifest_path(backup.path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.path.parent.stat().st_mode) == 0o700


def test_psql_alone_brings_everything_back(good: Backup, empty: Database) -> None:
    run_psql(empty, good.path)
    with empty.connect() as session:
        assert differences(good.manifest.contents, read_contents(session)) == []
        names = {name for (name,) in session.execute("SELECT name FROM organization").fetchall()}
    assert names > set(NASTY)


def test_psql_loads_a_backup_into_no_database_that_holds_something(good: Backup, empty: Database) -> None:
    with empty.connect() as session:
        session.execute("CREATE TABLE mine ()")
    with pytest.raises(ClientError, match="this database is not empty"):
        run_psql(empty, good.path)


def test_rows_written_meanwhile_are_neither_dumped_nor_missed(copy: Database, take: Take) -> None:
    def write(said: str) -> None:
        if said.startswith("Dumping"):
            with copy.connect() as session:
                session.execute("INSERT INTO organization (name) VALUES ('came late')")
                session.execute("DELETE FROM currency WHERE code = 'CHF'")

    with copy.connect() as session:
        before = read_contents(session)
    backup = take(copy, write)
    assert backup.manifest.contents.tables == before.tables
    assert backup.manifest.drill_seconds is not None
    assert b"came late" not in backup.path.read_bytes()


def test_the_schema_stands_still_while_it_is_dumped(filled: Database, take: Take) -> None:
    holders: dict[str, int] = {}

    def look(said: str) -> None:
        with filled.connect() as session:
            holders[said.split()[0]] = len(session.execute(HOLDER, LOCK_KEY).fetchall())

    take(filled, look)
    assert holders == {"Counting": 1, "Dumping": 1, "Restoring": 0}


def test_the_password_is_on_no_command_line(filled: Database, take: Take, pretend: Callable[[str], Path]) -> None:
    log = pretend('echo "$@" >> $log; exec "$pg_dump" "$@"')
    take(drill=False)
    assert "--snapshot=" in log.read_text()
    assert filled.libpq["password"] not in log.read_text()


def test_the_marker_travels_with_the_backup(copy: Database, take: Take) -> None:
    assert take(copy, drill=False).manifest.environment is None
    with copy.connect() as session:
        session.execute(production.TABLE.read_bytes())
        session.execute("INSERT INTO frontier_ops.environment (name) VALUES ('production')")
    assert take(copy, drill=False).manifest.environment == "production"


def test_people_who_are_kept_by_supabase_come_along(copy: Database, take: Take, empty: Database) -> None:
    with copy.connect() as session:
        session.execute("ALTER TABLE auth.users ADD COLUMN encrypted_password text DEFAULT 'not ours'")
        session.execute("CREATE TABLE auth.sessions (token text)")
        people = session.execute("SELECT id, email, created_at FROM auth.users ORDER BY id").fetchall()
    backup = take(copy)
    assert b"not ours" not in backup.path.read_bytes()
    assert "auth.sessions" not in backup.manifest.contents.tables
    run_psql(empty, backup.path)
    with empty.connect() as session:
        assert session.execute("SELECT * FROM auth.users ORDER BY id").fetchall() == people != []


def test_a_backup_of_an_empty_database_is_one(empty: Database, take: Take) -> None:
    assert take(empty).manifest.contents.tables == {}


def test_two_backups_of_one_second_have_two_names(take: Take) -> None:
    assert take(drill=False).path != take(drill=False).path


# --- encryption


def test_an_encrypted_backup_shows_nothing_and_comes_back(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backups.KEY_VARIABLE, KEY)
    backup = take(encrypt=True)
    written = backup.path.read_bytes()
    assert backup.path.name.endswith(".sql.enc")
    assert b"CREATE TABLE" not in written
    assert b"Z\xc3\xbcrich" not in written
    assert backup.manifest.drill_seconds is not None


@pytest.mark.parametrize(("key", "problem"), [("", "it is not set"), ("c2hvcnQ=", "5 bytes"), ("%", "not base64")])
def test_without_a_good_key_nothing_is_encrypted(
    take: Take, monkeypatch: pytest.MonkeyPatch, key: str, problem: str
) -> None:
    monkeypatch.setenv(backups.KEY_VARIABLE, key)
    with pytest.raises(UnusableError, match=problem):
        take(encrypt=True)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_encryption_is_undone_by_the_key_alone_at_every_edge_of_a_chunk(size: int) -> None:
    text = random.Random(size).randbytes(size)
    sealed = b"".join(encrypted([text[:7], text[7:]], b"k" * 32))
    assert b"".join(decrypted(_reader(sealed), b"k" * 32)) == text
    with pytest.raises(DecryptionError):
        b"".join(decrypted(_reader(sealed), b"K" * 32))


def test_chunks_that_are_swapped_left_out_or_cut_off_are_noticed() -> None:
    sealed = b"".join(encrypted([bytes(3 * CHUNK_BYTES)], b"k" * 32))
    head, chunk = len(sealed) - 3 * (CHUNK_BYTES + 16), CHUNK_BYTES + 16
    first, second, third = (sealed[head + n * chunk : head + (n + 1) * chunk] for n in range(3))
    for spoiled in ([second, first, third], [first, third], [first, second], [first, second, third, third], []):
        with pytest.raises(DecryptionError):
            b"".join(decrypted(_reader(sealed[:head] + b"".join(spoiled)), b"k" * 32))


def _reader(written: bytes) -> Callable[[int], bytes]:
    return io.BytesIO(written).read


# --- what is noticed while a backup is taken


def test_a_role_that_row_security_may_blind_is_refused_before_anything_is_written(
    filled: Database, weak_role: tuple[str, str], take: Take, tmp_path: Path
) -> None:
    name, password = weak_role
    weak = replace(
        filled,
        settings={**filled.settings, "USER": name, "PASSWORD": password},
        libpq={**filled.libpq, "user": name, "password": password},
    )
    with pytest.raises(RefusedError, match=f"hide rows from {name}"):
        take(weak)
    assert not (tmp_path / "backups").exists()
    assert run(weak, "backup_database", "--output", str(tmp_path / "backups")).returncode == 7


def test_a_dump_that_row_security_emptied_is_noticed(
    copy: Database, weak_role: tuple[str, str], take: Take, pretend: Callable[[str], Path], tmp_path: Path
) -> None:
    name, password = weak_role
    with copy.connect() as session:
        session.execute("ALTER TABLE currency ENABLE ROW LEVEL SECURITY")
    pretend(f'PGUSER={name} PGPASSWORD={password}; export PGUSER PGPASSWORD; "$pg_dump" "$@" --enable-row-security')
    with pytest.raises(DamagedError, match=r"table public\.currency has 0 rows in it instead of 155"):
        take(copy, drill=False)
    assert {name.rpartition(".")[2] for name in files(tmp_path / "backups")} == {"failed"}


def test_a_table_that_was_not_dumped_is_noticed(take: Take, pretend: Callable[[str], Path], tmp_path: Path) -> None:
    pretend('exec "$pg_dump" "$@" --exclude-table-data=public.currency')
    with pytest.raises(DamagedError, match=r"table public\.currency is missing from it"):
        take(drill=False)
    assert list_backups(tmp_path / "backups") == []


@pytest.mark.parametrize(
    ("edit", "noticed"),
    [
        ("s/^CREATE INDEX idx_ingestion.*//", "index ingestion_log.idx_ingestion.* is missing"),
        ("s/Zürich/Zuerich/", "table public.organization has the .* rows, but not with the same content"),
        (
            r"s/\(currency_id_seq', \)[0-9]*/\11/",
            "currency_id_seq stands at 1",
        ),
        (
            "s/ingestion_log ENABLE ROW/ingestion_log DISABLE ROW/",
            "row security ingestion_log is defined in another way",
        ),
        ("s/^CREATE TABLE public.currency /CREATE TABLE public.money /", "psql could not restore"),
    ],
)
def test_the_drill_notices_what_does_not_come_back(
    take: Take, pretend: Callable[[str], Path], tmp_path: Path, edit: str, noticed: str
) -> None:
    pretend(f'"$pg_dump" "$@" | sed -e {shlex.quote(edit)}')
    with pytest.raises(DamagedError, match=noticed):
        take()
    assert {name.rpartition(".")[2] for name in files(tmp_path / "backups")} == {"failed"}
    assert list_backups(tmp_path / "backups") == []


def test_a_dump_that_fails_half_way_leaves_nothing(take: Take, pretend: Callable[[str], Path], tmp_path: Path) -> None:
    pretend('"$pg_dump" "$@" | head -c 100000; echo the disk is on fire >&2; exit 1')
    with pytest.raises(ClientError, match="the disk is on fire"):
        take()
    assert files(tmp_path / "backups") == []


def test_an_older_client_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    backups.closest_program.cache_clear()
    with pytest.raises(ClientError, match=r"PostgreSQL 99 and needs a pg_dump of that version or newer; the newest"):
        backups.closest_program("pg_dump", 99)


def test_the_client_of_the_servers_own_version_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(major: int) -> Binaries:
        folder = tmp_path / str(major)
        folder.mkdir()
        (folder / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.2'\n")
        (folder / "pg_dump").chmod(0o755)
        return Binaries(folder, f"{major}.2")

    found = [installed(18), installed(15), installed(16)]
    monkeypatch.setattr(backups, "find_binaries", lambda: found)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    backups.closest_program.cache_clear()
    chosen = {major: backups.closest_program("pg_dump", major).parent.name for major in (15, 16, 17, 18)}
    backups.closest_program.cache_clear()
    assert chosen == {15: "15", 16: "16", 17: "18", 18: "18"}


def test_a_folder_that_cannot_be_made_is_named(filled: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(filled, "backup_database", "--output", str(tmp_path / "file" / "backups"))
    assert done.returncode == 4
    assert "There is no new backup." in done.stderr
    assert "Traceback" not in done.stderr


# --- damage to a backup


def flip(written: bytearray, chance: random.Random) -> None:
    written[chance.randrange(len(written))] ^= 1 << chance.randrange(8)


def truncate(written: bytearray, chance: random.Random) -> None:
    del written[chance.randrange(len(written)) :]


def remove_a_line(written: bytearray, chance: random.Random) -> None:
    lines = written.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    written[:] = b"".join(lines)


def swap_blocks(written: bytearray, chance: random.Random) -> None:
    size = chance.randint(1, 4096)
    one, other = chance.randrange(len(written) - size), chance.randrange(len(written) - size)
    first, second = written[one : one + size], written[other : other + size]
    written[one : one + size], written[other : other + size] = second, first


def zero_a_block(written: bytearray, chance: random.Random) -> None:
    begin, size = chance.randrange(len(written)), chance.randint(1, 4096)
    written[begin : begin + size] = bytes(len(written[begin : begin + size]))


def append(written: bytearray, chance: random.Random) -> None:
    written += chance.randbytes(chance.randint(1, 100))


@pytest.mark.soak
def test_every_corruption_of_a_backup_is_noticed_before_a_restore(good: Backup, tmp_path: Path) -> None:
    count, noticed, kinds = rounds(1000, 30), 0, (flip, truncate, remove_a_line, swap_blocks, zero_a_block, append)
    spoiled = copied(good, tmp_path / "spoiled")
    whole = good.path.read_bytes()
    for number in range(count):
        written = bytearray(whole)
        while written == whole:
            kinds[number % len(kinds)](written, random.Random(number))
        spoiled.path.write_bytes(written)
        try:
            read_backup(spoiled.path)
        except DamagedError:
            noticed += 1
    assert noticed == count
    spoiled.path.write_bytes(whole)
    assert read_backup(spoiled.path) == spoiled


@pytest.mark.soak
def test_every_corruption_of_a_manifest_is_noticed(good: Backup, tmp_path: Path) -> None:
    count, noticed, kinds = rounds(1000, 30), 0, (flip, truncate, remove_a_line, swap_blocks, zero_a_block, append)
    spoiled = copied(good, tmp_path / "spoiled")
    beside = backups.manifest_path(spoiled.path)
    whole = beside.read_bytes()
    for number in range(count):
        written = bytearray(whole)
        while written == whole:
            kinds[number % len(kinds)](written, random.Random(number))
        beside.write_bytes(written)
        try:
            read_backup(spoiled.path)
        except DamagedError:
            noticed += 1
    assert noticed == count


def test_the_manifest_of_another_backup_is_noticed(good: Backup, tmp_path: Path) -> None:
    spoiled = copied(good, tmp_path / "spoiled")
    other = spoiled.path.with_name("backup_2020-01-01_00-00-00.sql")
    spoiled.path.rename(other)
    backups.manifest_path(spoiled.path).rename(backups.manifest_path(other))
    with pytest.raises(DamagedError, match="is the manifest of backup_"):
        read_backup(other)


@pytest.mark.parametrize(
    ("statement", "noticed"),
    [
        ("DELETE FROM currency WHERE code = 'CHF'", "table public.currency has 154 rows instead of 155"),
        ("UPDATE currency SET name = 'Franken' WHERE code = 'CHF'", "not with the same content"),
        ("UPDATE meter_reading SET energy_wh = energy_wh + 0.000000001 WHERE id = (SELECT min(id) FROM meter_reading)",
         "meter_reading_.* not with the same content"),
        ("DROP TABLE auth.users CASCADE", "table auth.users is missing"),
        ("CREATE TABLE more ()", "table public.more should not be there"),
        ("SELECT setval('currency_id_seq', 1)", "sequence public.currency_id_seq stands at 1, before"),
        ("ALTER TABLE ingestion_log DISABLE ROW LEVEL SECURITY", "row security ingestion_log is defined"),
        ("GRANT DELETE ON currency TO anon", "grant table currency to anon"),
        ("DROP INDEX idx_meter_reading_time", "index .* is missing"),
    ],
)  # fmt: skip
def test_contents_differ_by_every_change(copy: Database, statement: str, noticed: str) -> None:
    with copy.connect() as session:
        before = read_contents(session)
        session.execute(statement.encode())
        told = "; ".join(differences(before, read_contents(session)))
    assert re.search(noticed, told), told


def test_contents_do_not_depend_on_the_settings_of_a_session_or_on_the_order_of_rows(copy: Database) -> None:
    with copy.connect() as session:
        before = read_contents(session)
        session.execute("SET TimeZone = 'Pacific/Kiritimati'")
        session.execute("SET DateStyle = 'German'")
        session.execute("SET IntervalStyle = 'iso_8601'")
        session.execute("UPDATE currency SET name = name")
        session.execute("SELECT nextval('currency_id_seq')")
        assert differences(before, read_contents(session)) == []
        assert session.execute("SHOW TimeZone").fetchone() == ("Pacific/Kiritimati",)


def test_two_equal_rows_for_two_others_are_noticed(empty: Database) -> None:
    def rows(session: psycopg.Connection) -> Rows:
        return read_contents(session).tables["public.twice"]

    with empty.connect() as session:
        session.execute("CREATE TABLE twice AS SELECT unnest(ARRAY[1, 1]) AS number")
        before = rows(session)
        session.execute("UPDATE twice SET number = 2")
        assert rows(session).checksum != before.checksum


# --- which backups stay


def test_the_newest_backups_of_this_database_stay(good: Backup, take: Take, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    spare = copied(good, folder)
    ours = []
    for day in range(1, 6):
        path = folder / f"backup_2020-01-0{day}_00-00-00.sql"
        path.write_bytes(spare.path.read_bytes())
        database = "another" if day == 1 else spare.manifest.database
        manifest = replace(spare.manifest, file=path.name, database=database)
        backups.manifest_path(path).write_bytes(manifest.render())
        ours.append(path)
    (folder / "backup_2020-01-06_00-00-00.sql").write_text("without a manifest")
    ours[1].write_text("cut short")
    take(drill=False, keep=3)
    left = files(folder)
    # Not the one of another database, not the one that is no longer complete, and nothing that is not ours to remove.
    assert [name for name in left if name.startswith("backup_2020") and name.endswith(".sql")] == [
        "backup_2020-01-01_00-00-00.sql",
        "backup_2020-01-02_00-00-00.sql",
        "backup_2020-01-05_00-00-00.sql",
        "backup_2020-01-06_00-00-00.sql",
    ]
    assert "backup_2020-01-04_00-00-00.manifest.json" not in left
    assert len([backup for backup in list_backups(folder) if backup.manifest.database == good.manifest.database]) == 3


def test_a_backup_that_fails_removes_none(
    good: Backup, take: Take, pretend: Callable[[str], Path], tmp_path: Path
) -> None:
    copied(good, tmp_path / "backups")
    pretend("exit 1")
    with pytest.raises(ClientError):
        take(keep=1)
    assert len(list_backups(tmp_path / "backups")) == 1


# --- killed runs


def test_what_killed_runs_left_is_removed_and_what_others_write_is_not(tmp_path: Path) -> None:
    for name in (
        ".backup_2020-01-01_00-00-00.part",
        ".backup_2020-01-01_00-00-00.manifest.part",
        "backup_2020-01-01_00-00-00.manifest.json",
        "backup_2020-01-02_00-00-00.manifest.json",
        "backup_2020-01-02_00-00-00.sql.enc",
        "notes.part",
    ):
        (tmp_path / name).write_text("")
    with backups._reserved(tmp_path, ".sql") as draft:
        swept = backups.sweep_files(tmp_path)
        assert draft.hidden.exists()
    assert sorted(swept) == [
        ".backup_2020-01-01_00-00-00.manifest.part",
        ".backup_2020-01-01_00-00-00.part",
        "backup_2020-01-01_00-00-00.manifest.json",
    ]
    assert files(tmp_path) == [
        "backup_2020-01-02_00-00-00.manifest.json",
        "backup_2020-01-02_00-00-00.sql.enc",
        "notes.part",
    ]


def test_a_scratch_database_in_use_is_not_swept_and_an_abandoned_one_is(server: Database) -> None:
    abandoned = "scratch_restore_0123456789ab"
    with server.sibling("postgres").connect() as session:
        session.execute(f"CREATE DATABASE {abandoned}".encode())
        with backups.scratch_for_restore(server, "UTF8") as scratch:
            # Other backups of this server sweep too, so what was swept by whom is left open.
            assert scratch.name not in backups.sweep_databases(server)
            left = session.execute(
                "SELECT datname FROM pg_database WHERE datname IN (%s, %s)", [abandoned, scratch.name]
            )
            assert left.fetchall() == [(scratch.name,)]


@pytest.mark.soak
def test_a_backup_may_be_killed_at_any_moment(filled: Database, server: Database, tmp_path: Path) -> None:
    folder, chance, kills, finished = tmp_path / "backups", random.Random(1), rounds(60, 3), 0
    command = ("backup_database", "--output", str(folder), "--keep", "3")
    began = time.monotonic()
    assert run(filled, *command).returncode == 0
    whole = time.monotonic() - began
    for _ in range(kills):
        process = start(filled, *command)
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(chance.uniform(0, whole))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        finished += process.returncode == 0
        # Whatever stands under a backup's name is one, to its last byte.
        for path in folder.glob("backup_*.sql"):
            read_backup(path)
    assert finished < kills
    assert run(filled, *command).returncode == 0
    assert 1 <= len(list_backups(folder)) <= 3
    assert len(files(folder)) == 2 * len(list_backups(folder))
    assert backups.sweep_databases(server) == []


# --- the command


def test_the_command_says_where_the_backup_is_and_that_it_was_restored(filled: Database, tmp_path: Path) -> None:
    done = run(filled, "backup_database", "--output", str(tmp_path / "backups"))
    (backup,) = list_backups(tmp_path / "backups")
    assert done.returncode == 0
    assert done.stdout.startswith(f"{backup.path}: {len(backup.manifest.contents.tables)} tables, ")
    assert "restored and compared in" in done.stdout
    assert done.stderr.startswith("Counting and summing the rows")
    assert filled.libpq["password"] not in done.stdout + done.stderr


def test_machines_read_the_manifest(filled: Database, tmp_path: Path) -> None:
    done = run(filled, "backup_database", "--output", str(tmp_path), "--no-drill", "--json")
    told = json.loads(done.stdout)
    assert (told["version"], told["command"], told["database"]) == (1, "backup_database", filled.name)
    assert told["backup"]["drill_seconds"] is None
    assert read_backup(Path(told["path"])).manifest.sha256 == told["backup"]["sha256"]
    assert {"table", "count", "checksum"} == set(told["items"][0])
    assert filled.libpq["password"] not in done.stdout


@pytest.mark.parametrize("keep", ["0", "-1", "many"])
def test_to_keep_none_is_wrong_usage(filled: Database, keep: str) -> None:
    assert run(filled, "backup_database", "--keep", keep).returncode == 64


def test_a_drill_that_fails_ends_with_three(copy: Database, tmp_path: Path) -> None:
    with copy.connect() as session:
        # A row that its own constraint refuses: it was there before, and does not come back.
        session.execute("CREATE FUNCTION fits(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
        session.execute("ALTER TABLE organization ADD CONSTRAINT fits CHECK (fits(name))")
        session.execute("CREATE OR REPLACE FUNCTION fits(text) RETURNS boolean LANGUAGE sql AS 'SELECT false'")
    done = run(copy, "backup_database", "--output", str(tmp_path))
    assert done.returncode == 3
    assert "was put aside as backup_" in done.stderr
    assert {path.suffix for path in tmp_path.iterdir()} == {".failed"}


def test_a_server_that_does_not_answer_ends_with_five(server: Database, tmp_path: Path) -> None:
    nowhere = Database("nowhere", server.settings, {**server.libpq, "port": "1"})
    done = run(nowhere, "backup_database", "--output", str(tmp_path))
    assert (done.returncode, files(tmp_path)) == (5, [])

"""`restore_database`: a new database equal to its backup, or none at all."""

import base64
import hashlib
import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from database import backups, production
from database.backups import Backup, DamagedError, RefusedError, Restored, UnusableError
from database.contents import Rows, differences, read_contents
from database.production import ProductionError
from database.scratch import Database, django_connection, scratch_database
from tests.database.conftest import run, start
from tests.soak import rounds

Restore = Callable[..., Restored]
Forge = Callable[..., Path]


@pytest.fixture(scope="module")
def good(seeded: Database, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Backup:
    """A backup of it. Only to be read and copied."""
    with django_db_blocker.unblock(), django_connection(seeded) as connection:
        return backups.take(connection, tmp_path_factory.mktemp("good"), tell=lambda _: None, drill=False)


@pytest.fixture
def name(server: Database, seeded: Database) -> Iterator[str]:
    """A name that no database has; what a test makes under it is dropped."""
    chosen = f"restored_{seeded.name}"
    yield chosen
    with server.sibling("postgres").connect() as session:
        session.execute(f"DROP DATABASE IF EXISTS {chosen} WITH (FORCE)".encode())


@pytest.fixture
def restore(seeded: Database, name: str, django_db_blocker: DjangoDbBlocker) -> Restore:
    """Restores a file, on the connection of the seeded database unless told otherwise."""

    def restored(path: Path, into: str = name, database: Database = seeded) -> Restored:
        with django_db_blocker.unblock(), django_connection(database) as connection:
            return backups.restore(connection, path, into, tell=lambda _: None)

    return restored


@pytest.fixture
def forge(good: Backup, tmp_path: Path) -> Forge:
    """A backup as somebody would write it who knows how: other SQL or another manifest, all checksums in step."""

    def forged(edit: Callable[[bytes], bytes] = bytes, **other: object) -> Path:
        path = tmp_path / good.path.name
        path.write_bytes(edit(good.path.read_bytes()))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest = replace(good.manifest, size_bytes=path.stat().st_size, sha256=digest, **other)  # type: ignore[arg-type]
        backups.manifest_path(path).write_bytes(manifest.render())
        return path

    return forged


def exists(server: Database, name: str) -> bool:
    with server.sibling("postgres").connect() as session:
        return session.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def made(server: Database, name: str) -> bool:
    """Whether a database of this name is there, or one that was left half done."""
    return exists(server, name) or backups.sweep_databases(server) != []


def test_the_new_database_holds_what_the_backup_says(
    server: Database, good: Backup, restore: Restore, name: str
) -> None:
    restored = restore(good.path)
    with server.sibling(name).connect() as session:
        assert differences(good.manifest.contents, read_contents(session)) == []
        # Sequences go on where they stood, and the planner knows the tables.
        assert session.execute("INSERT INTO currency (code, name) VALUES ('XXX', 'None') RETURNING id > 155").fetchone()
        assert session.execute("SELECT reltuples FROM pg_class WHERE relname = 'currency'").fetchone() == (155,)
    assert str(restored).startswith(f"{name}: ")
    assert backups.sweep_databases(server) == []


def test_the_project_works_on_the_new_database(server: Database, good: Backup, restore: Restore, name: str) -> None:
    restore(good.path)
    assert run(server.sibling(name), "schema_status", "--check").returncode == 0
    assert run(server.sibling(name), "migrate", "--check").returncode == 0


def test_an_encrypted_backup_opens_with_its_key_alone(
    seeded: Database, tmp_path: Path, restore: Restore, name: str, monkeypatch: pytest.MonkeyPatch,
    server: Database, django_db_blocker: DjangoDbBlocker,
) -> None:  # fmt: skip
    monkeypatch.setenv(backups.KEY_VARIABLE, base64.b64encode(b"k" * 32).decode())
    with django_db_blocker.unblock(), django_connection(seeded) as connection:
        backup = backups.take(connection, tmp_path, tell=lambda _: None, drill=False, encrypt=True)
    monkeypatch.setenv(backups.KEY_VARIABLE, base64.b64encode(b"K" * 32).decode())
    with pytest.raises(DamagedError, match="FRONTIER_BACKUP_KEY is not the key"):
        restore(backup.path)
    monkeypatch.delenv(backups.KEY_VARIABLE)
    with pytest.raises(UnusableError, match="it is not set"):
        restore(backup.path)
    assert not made(server, name)
    monkeypatch.setenv(backups.KEY_VARIABLE, base64.b64encode(b"k" * 32).decode())
    restore(backup.path)
    assert made(server, name)


def test_an_existing_database_is_never_restored_into(seeded: Database, good: Backup, restore: Restore) -> None:
    with pytest.raises(RefusedError, match=f"There is a database {seeded.name} already"):
        restore(good.path, seeded.name)
    done = run(seeded, "restore_database", str(good.path), "--into", "postgres")
    assert done.returncode == 7


def test_a_name_that_somebody_took_meanwhile_is_refused(
    server: Database, good: Backup, restore: Restore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "_refuse_existing", lambda *_: None)
    with server.sibling("postgres").connect() as session:
        session.execute(f"CREATE DATABASE {name}".encode())
    with pytest.raises(RefusedError, match="Meanwhile somebody made"):
        restore(good.path)
    with server.sibling(name).connect() as session:
        assert read_contents(session).tables == {}


@pytest.mark.parametrize("into", ["", "x" * 64, "scratch_restore_0123456789ab"])
def test_a_name_that_cannot_stay_is_refused(good: Backup, restore: Restore, into: str) -> None:
    with pytest.raises(UnusableError, match="cannot be the name of a database"):
        restore(good.path, into)


def test_damage_is_noticed_before_anything_is_made(
    server: Database, good: Backup, restore: Restore, name: str, forge: Forge
) -> None:
    path = forge()
    path.write_bytes(good.path.read_bytes()[:-1])
    with pytest.raises(DamagedError, match="bytes instead of"):
        restore(path)
    path.write_bytes(good.path.read_bytes().replace(b"CHF", b"CHE"))
    with pytest.raises(DamagedError, match="SHA-256 is not the manifest's"):
        restore(path)
    backups.manifest_path(path).write_bytes(good.manifest.render().replace(b"CHF", b"CHE").replace(b"1", b"2", 1))
    with pytest.raises(DamagedError, match=r"manifest\.json is damaged"):
        restore(path)
    backups.manifest_path(path).unlink()
    with pytest.raises(UnusableError, match="has no manifest beside it"):
        restore(path)
    with pytest.raises(UnusableError, match="is not there"):
        restore(path.with_name("absent.sql"))
    assert not made(server, name)


@pytest.mark.parametrize(
    ("edit", "noticed"),
    [
        (lambda sql: sql.replace(b"Swiss Franc", b"Franken", 1), "table public.currency has the 155 rows, but not"),
        (lambda sql: sql.replace(b"CREATE INDEX idx_ingestion", b"-- ", 1), "index ingestion_log.* is missing"),
        (lambda sql: sql[: len(sql) // 2], "psql could not restore|is missing"),
        (lambda sql: b"SQLite format 3\0" + sql, "psql could not restore"),
        (lambda sql: b"PGDMP\x01\x0e" + sql, "psql could not restore"),
        (lambda sql: b"", "table auth.users is missing"),
    ],
)
def test_what_is_not_the_manifests_in_the_end_leaves_no_database(
    server: Database,
    restore: Restore,
    name: str,
    forge: Forge,
    edit: Callable[[bytes], bytes],
    noticed: str,
) -> None:
    with pytest.raises(DamagedError, match=noticed):
        restore(forge(edit))
    assert not made(server, name)


def test_a_manifest_of_other_rows_leaves_no_database(
    server: Database, good: Backup, restore: Restore, name: str, forge: Forge
) -> None:
    contents = good.manifest.contents
    more = replace(contents, tables={**contents.tables, "public.gone": Rows(1, "1")})
    with pytest.raises(DamagedError, match=r"table public\.gone is missing"):
        restore(forge(contents=more))
    assert not made(server, name)


def test_an_older_server_is_refused(server: Database, restore: Restore, name: str, forge: Forge) -> None:
    with pytest.raises(RefusedError, match=r"is of PostgreSQL 99\.1 and this server is older"):
        restore(forge(server_version="99.1"))
    assert not made(server, name)


def test_the_schema_of_an_older_server_is_not_compared_by_its_spelling(
    restore: Restore, forge: Forge, good: Backup
) -> None:
    spelled = replace(good.manifest.contents, objects={"function old": "0" * 16})
    restore(forge(server_version="14.1", contents=spelled))


def test_nothing_is_restored_beside_production(
    server: Database, seeded: Database, good: Backup, restore: Restore, django_db_blocker: DjangoDbBlocker
) -> None:
    with scratch_database(server, seeded.name) as database:
        with django_db_blocker.unblock(), django_connection(database) as connection:
            production.mark(connection, "production")
        with pytest.raises(ProductionError, match="was marked as a production database"):
            restore(good.path, database=database)


def test_a_production_backup_stays_production(
    server: Database, seeded: Database, tmp_path: Path, restore: Restore, name: str, django_db_blocker: DjangoDbBlocker
) -> None:
    with (
        scratch_database(server, seeded.name) as database,
        django_db_blocker.unblock(),
        django_connection(database) as connection,
    ):
        production.mark(connection, "production")
        backup = backups.take(connection, tmp_path, tell=lambda _: None)
    assert "It is marked as production" in str(restore(backup.path))
    done = run(server.sibling(name), "reset_database", "--yes-i-mean", name)
    assert done.returncode == 7


@pytest.mark.soak
def test_a_restore_may_be_killed_at_any_moment(server: Database, seeded: Database, good: Backup, name: str) -> None:
    chance, kills, finished = random.Random(2), rounds(60, 3), 0
    command = ("restore_database", str(good.path), "--into", name)
    with server.sibling("postgres").connect() as session:
        began = time.monotonic()
        assert run(seeded, *command).returncode == 0
        whole = time.monotonic() - began
        for _ in range(kills):
            session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            process = start(seeded, *command)
            assert process.stderr is not None
            process.stderr.readline()
            time.sleep(chance.uniform(0, whole))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            finished += process.returncode == 0
            # Under the name stands nothing, or all of it.
            if exists(server, name):
                with closing(server.sibling(name).connect()) as restored:
                    assert differences(good.manifest.contents, read_contents(restored)) == []
        assert finished < kills
        session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
    assert run(seeded, *command).returncode == 0
    assert backups.sweep_databases(server) == []


def test_the_command_says_what_was_restored(seeded: Database, good: Backup, name: str) -> None:
    done = run(seeded, "restore_database", str(good.path), "--into", name, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["command"], told["database"], told["path"]) == ("restore_database", name, str(good.path))
    assert told["backup"]["sha256"] == good.manifest.sha256
    assert seeded.libpq["password"] not in done.stdout + done.stderr


def test_a_target_has_to_be_named(seeded: Database, good: Backup) -> None:
    assert run(seeded, "restore_database", str(good.path)).returncode == 64


def test_a_damaged_file_ends_with_three_and_a_missing_one_with_four(seeded: Database, forge: Forge, name: str) -> None:
    path = forge()
    path.write_bytes(path.read_bytes()[:-1])
    assert run(seeded, "restore_database", str(path), "--into", name).returncode == 3
    path.unlink()
    assert run(seeded, "restore_database", str(path), "--into", name).returncode == 4


def test_a_role_that_may_not_make_databases_is_told(seeded: Database, good: Backup, restore: Restore) -> None:
    role = f"modest_{seeded.name}"
    with seeded.connect() as session:
        session.execute(f"CREATE ROLE {role} LOGIN BYPASSRLS PASSWORD 'modest'".encode())
        session.execute(f"GRANT pg_read_all_data TO {role}".encode())
        try:
            modest = replace(
                seeded,
                settings={**seeded.settings, "USER": role, "PASSWORD": "modest"},
                libpq={**seeded.libpq, "user": role, "password": "modest"},
            )
            with pytest.raises(RefusedError, match="permission denied to create database"):
                restore(good.path, database=modest)
        finally:
            session.execute(f"DROP ROLE {role}".encode())

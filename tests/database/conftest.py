"""Databases that hold the schema, each built once and copied by the tests that write to one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from database import history, seeds
from database.catalog import Catalog, read_catalog
from database.history import read_history
from database.scratch import Database, apply_with_migrate, apply_with_psql, django_connection, scratch_database

PROJECT = history.ROOT.parent


@pytest.fixture(scope="session")
def server() -> Database:
    """The server of the test run."""
    return Database.of(connection)


@pytest.fixture(scope="session")
def from_files(server: Database) -> Iterator[Database]:
    """A database with the schema that psql made of the files. Only to be read and copied."""
    with scratch_database(server) as database:
        apply_with_psql(database, read_history())
        yield database


@pytest.fixture(scope="session")
def migrated(server: Database, django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    """A database with the schema that `migrate` made. Only to be read and copied."""
    with scratch_database(server) as database:
        with django_db_blocker.unblock():
            apply_with_migrate(database)
        yield database


@pytest.fixture(scope="session")
def seeded(server: Database, migrated: Database, django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    """A database with reference data and fixtures. Only to be read and copied."""
    with scratch_database(server, migrated.name) as database:
        with django_db_blocker.unblock(), django_connection(database) as opened:
            seeds.load(opened, seeds.read_seeds(), lambda _: None)
        yield database


@pytest.fixture(scope="session")
def files_catalog(from_files: Database) -> Catalog:
    with from_files.connect() as session:
        return read_catalog(session)


@pytest.fixture
def empty(server: Database) -> Iterator[Database]:
    """A database with nothing in it."""
    with scratch_database(server) as database:
        yield database


@pytest.fixture
def migrated_copy(server: Database, migrated: Database) -> Iterator[Database]:
    """A database as `migrate` leaves it, to be spoiled."""
    with scratch_database(server, migrated.name) as database:
        yield database


@pytest.fixture(scope="session")
def workbench(server: Database, from_files: Database) -> Iterator[psycopg.Connection]:
    """A session on a copy of the schema; one for all tests, because the first look at a catalog is slow."""
    with scratch_database(server, from_files.name) as database, database.connect() as opened:
        yield opened


@pytest.fixture
def session(workbench: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A session with the schema, whose work is undone at the end."""
    with workbench.transaction(force_rollback=True):
        yield workbench


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """The project's code in a folder of its own, whose schema files may be spoiled."""
    copy = tmp_path / "project"
    copy.mkdir()
    shutil.copy(PROJECT / "manage.py", copy)
    for package in ("frontier", "core", "metering", "invoicing", "database"):
        shutil.copytree(PROJECT / package, copy / package)
    return copy


def start(database: Database, *arguments: str, project: Path = PROJECT) -> "subprocess.Popen[str]":
    """`manage.py` as people run it: a process of its own, told where the database is."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=project,
        env={**os.environ, "DATABASE_URL": database.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(database: Database, *arguments: str, project: Path = PROJECT) -> "subprocess.CompletedProcess[str]":
    """The same, waited for."""
    process = start(database, *arguments, project=project)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps a module whose tests share databases on one worker, which builds them once; restores go with backups.

    Both look for what killed runs of either left on the server.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents and "server" in getattr(item, "fixturenames", ()):
            together = "test_backups" if item.path.stem == "test_restore" else item.path.stem
            item.add_marker(pytest.mark.xdist_group(together))

"""What every test stands on: a real PostgreSQL, and the reason where more than that is needed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import override_settings
from pytest_django import DjangoDbBlocker

from database.embedded import Server
from database.scratch import Database
from metering.storage import Lake
from tests.server import FOLDER, start_forgetful
from tests.template import prepare_template

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    """Leads every test to a server of the tests' own, unless DATABASE_URL names one; workers find it started."""
    if settings.DATABASES["default"]["ENGINE"] == "database.backend":
        settings.EMBEDDED_ROOT = FOLDER
        if not hasattr(config, "workerinput"):
            start_forgetful(Server(FOLDER))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for no database shows the same on any server, and so does what is repeated for its luck."""
    for item in items:
        asked = {"db", "transactional_db", "server"}.intersection(getattr(item, "fixturenames", ()))
        # A module that lets itself to the database says so by this name.
        by_itself = hasattr(getattr(item, "module", None), "DjangoDbBlocker")
        meets_server = asked or by_itself or item.get_closest_marker("django_db")
        if not meets_server or item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.any_server)


def absent(reason: str) -> None:
    """Skips the test by name; where everything was promised to be there, fails it instead."""
    if os.environ.get("FRONTIER_TESTS_SKIP_NOTHING"):
        pytest.fail(f"{reason}, and FRONTIER_TESTS_SKIP_NOTHING is set")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real meter files beside the project."""
    if not SHARED_DATA.is_dir():
        absent("../shared/data is not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium to drive."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        absent("chromium is not installed")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Has every test database copied from one that is made of the newest snapshot, instead of made file by file."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = prepare_template(Database.of(connection)).name


# What refuses to be emptied once an invoice was issued.
ISSUED = ("invoice_header", "invoice_line_item", "invoice_tax", "invoice_status_change", "invoice_series")


@pytest.fixture
def emptied(transactional_db: None) -> Iterator[None]:
    """Empties them after a test that commits: the owner of the tables takes the guards off first."""
    yield
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ISSUED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(f"TRUNCATE {', '.join(ISSUED)} CASCADE")
        for table in ISSUED:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table])
            for (name,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """Where the test, and the processes it starts, keep files: never where the project keeps its own."""
    url = str(tmp_path / "lake")
    monkeypatch.setenv("FRONTIER_LAKE", url)
    with override_settings(LAKE=url):
        yield Lake.from_url(url)

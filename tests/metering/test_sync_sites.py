"""The command `sync_sites`: what it prints, and with which code it ends."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from database.management import Exit
from metering.management.commands.sync_sites import Command
from metering.models import IntegrationSite, MeterReading
from tests.metering.portals import Portal, make_site, open_portal

pytestmark = [pytest.mark.django_db, pytest.mark.any_server]


@pytest.fixture(autouse=True)
def portal(settings: Settings, tmp_path: Path) -> Iterator[Portal]:
    """The only portal there is."""
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    settings.LAKE = str(tmp_path / "lake")
    with open_portal() as portal:
        settings.VENDOR_URLS = {"solaredge": portal.url}
        yield portal


@pytest.fixture
def site() -> IntegrationSite:
    return make_site()


def run(*arguments: object) -> tuple[str, str]:
    """What the command prints for people or machines, and its progress."""
    out, progress = StringIO(), StringIO()
    call_command("sync_sites", *map(str, arguments), stdout=out, stderr=progress)
    return out.getvalue(), progress.getvalue()


def failed(*arguments: object) -> CommandError:
    with pytest.raises(CommandError) as ended:
        run(*arguments)
    return ended.value


def test_a_site_is_synced_and_one_sentence_says_what_came(site: IntegrationSite) -> None:
    out, progress = run("--site", site.pk)
    count = MeterReading.objects.count()
    assert f"4711: 1 answers, {count:,} readings new, 0 replaced, 0 unchanged; complete until " in out
    assert progress.startswith(f"4711: {datetime.now(UTC) - timedelta(days=1):%Y-%m-%d} 00:00 to ")


def test_due_sites_are_synced_and_a_second_run_finds_none(site: IntegrationSite) -> None:
    assert "readings new" in run("--due")[0]
    assert run("--due")[0] == "No site is due.\n"


def test_a_dry_run_says_what_would_be_asked_and_asks_nothing(site: IntegrationSite, portal: Portal) -> None:
    out, _ = run("--due", "--dry-run", "--since", "2026-01-31")
    assert out.startswith("4711: would be asked for 2026-01-31 00:00 to ")
    assert not portal.asked
    site.refresh_from_db()
    assert (site.last_sync_status, site.last_sync_at) == (None, None)


def test_json_holds_the_whole_story(site: IntegrationSite) -> None:
    (told,) = json.loads(run("--site", site.pk, "--json")[0])
    site.refresh_from_db()
    assert site.synced_until is not None
    assert told == {
        "site": site.pk,
        "name": "4711",
        "status": "success",
        "skipped": None,
        "window": [f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}T00:00:00+00:00", site.synced_until.isoformat()],
        "bodies": 1,
        "rows_loaded": MeterReading.objects.count(),
        "rows_replaced": 0,
        "rows_unchanged": 0,
        "synced_until": site.synced_until.isoformat(),
        "problem": None,
    }


def test_a_refusal_needs_a_person_and_the_others_are_synced_all_the_same(site: IntegrationSite, portal: Portal) -> None:
    portal.instead = [(403, {"error": "not yours"})]
    other = make_site(meter=site.meter, external_site_id="4712")
    error = failed("--site", site.pk, "--site", other.pk)
    assert str(error) == "1 of 2 sites could not be synced; the reasons stand above."
    assert error.returncode == Exit.NEEDS_A_PERSON
    assert MeterReading.objects.exists()


def test_a_portal_that_asks_for_patience_is_an_error_that_may_pass(site: IntegrationSite, portal: Portal) -> None:
    portal.instead = [(429, {}, {"Retry-After": "3600"})]
    assert failed("--due").returncode == Exit.ERROR


def test_a_missing_key_is_a_wrong_configuration(site: IntegrationSite, settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = []
    out = StringIO()
    with pytest.raises(CommandError) as ended:
        call_command("sync_sites", "--due", stdout=out)
    assert ended.value.returncode == Exit.WRONG_CONFIGURATION
    assert "FRONTIER_CREDENTIAL_KEYS is empty" in out.getvalue()


def test_a_site_that_does_not_exist_is_a_wrong_configuration() -> None:
    error = failed("--site", 815)
    assert "no integration site 815" in str(error)
    assert error.returncode == Exit.WRONG_CONFIGURATION


@pytest.mark.parametrize("arguments", [[], ["--due", "--site", "1"], ["--due", "--since", "yesterday"]])
def test_wrong_usage_ends_with_64(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "sync_sites", *arguments])
    assert ended.value.code == Exit.WRONG_USAGE

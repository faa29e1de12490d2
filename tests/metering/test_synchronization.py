"""Syncs of sites: what is asked, that nothing is asked or loaded twice, and that health tells what happened."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.db.models import F
from pytest_django import Settings

from core.sealing import open_sealed, seal
from metering.errors import MeteringError
from metering.models import IngestionLog, IntegrationCredential, IntegrationSite, MeterReading, SyncStatus
from metering.synchronization import QUARTER, due_sites, sync_due_sites, sync_site, window_of
from metering.vendors import solaredge
from tests.factories import (
    AssetFactory,
    DataSourceFactory,
    MeterFactory,
    OrganizationFactory,
)
from tests.metering.portals import FIRST_TOKEN, KEY, Portal, make_site, open_portal
from tests.metering.readings import rows

pytestmark = [pytest.mark.django_db, pytest.mark.any_server]

Result = TypeVar("Result")
READINGS = "SELECT meter_id, reading_timestamp, energy_wh FROM meter_reading ORDER BY meter_id, reading_timestamp"


@pytest.fixture(autouse=True)
def portal(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The only portal there is."""
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    settings.LAKE = str(tmp_path_factory.mktemp("lake"))
    with open_portal() as portal:
        settings.VENDOR_URLS = {"solaredge": portal.url}
        yield portal


@pytest.fixture
def site() -> IntegrationSite:
    return make_site()


def last_quarter() -> datetime:
    now = datetime.now(UTC)
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)


def midnight(days: int) -> datetime:
    return (datetime.now(UTC) - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def age(site: IntegrationSite, minutes: int) -> None:
    """Has the last sync of the site lie longer ago."""
    IntegrationSite.objects.filter(pk=site.pk).update(last_sync_at=F("last_sync_at") - timedelta(minutes=minutes))


def at_once(*deeds: Callable[[], Result]) -> list[Result]:
    """The deeds in threads of their own, each with a connection of its own."""

    def run(deed: Callable[[], Result]) -> Result:
        try:
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


# What is asked, and from where on


def test_the_first_sync_asks_from_the_first_day_to_the_last_quarter_that_is_over(
    site: IntegrationSite, portal: Portal
) -> None:
    synced = sync_site(site.pk)
    assert synced.problem is None
    assert portal.asked == [("4711", midnight(1), last_quarter())]
    quarters = (last_quarter() - midnight(1)) // QUARTER
    assert (synced.status, synced.bodies, synced.rows_loaded) == (SyncStatus.SUCCESS, 1, quarters)
    assert MeterReading.objects.filter(meter=site.meter, source_system="solaredge").count() == quarters
    site.refresh_from_db()
    assert site.synced_until == synced.synced_until == last_quarter()


def test_a_later_sync_goes_on_where_the_last_ended_less_the_time_in_which_values_settle(portal: Portal) -> None:
    site = make_site(days=5)
    sync_site(site.pk)
    portal.asked.clear()
    synced = sync_site(site.pk)
    assert [asked[1] for asked in portal.asked] == [last_quarter() - solaredge.SETTLES_WITHIN]
    assert (synced.rows_loaded, synced.rows_replaced) == (0, 0)


def test_a_value_that_the_vendor_corrects_while_it_settles_is_replaced(site: IntegrationSite, portal: Portal) -> None:
    sync_site(site.pk)
    portal.wh = 2
    synced = sync_site(site.pk)
    assert synced.rows_replaced == solaredge.SETTLES_WITHIN // QUARTER
    assert MeterReading.objects.latest("reading_timestamp").energy_wh == 2


def test_days_are_those_of_the_plants_zone(site: IntegrationSite) -> None:
    site.external_metadata = {"first_day": "2026-03-01", "time_zone": "Asia/Kolkata"}
    assert window_of(site).start == datetime(2026, 2, 28, 18, 30, tzinfo=UTC)
    site.external_metadata = {"first_day": "2026-03-01"}
    site.meter.project.time_zone = "America/Phoenix"  # type: ignore[union-attr]
    assert window_of(site).start == datetime(2026, 3, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("synced_until", "first_day", "since", "start"),
    [
        pytest.param(None, "2026-03-01", "2026-02-01", datetime(2026, 2, 1, tzinfo=UTC), id="earlier than declared"),
        pytest.param(None, "2026-03-01", "2026-04-01", datetime(2026, 3, 1, tzinfo=UTC), id="later than declared"),
        pytest.param(None, None, "2026-04-01", datetime(2026, 4, 1, tzinfo=UTC), id="nothing declared"),
        pytest.param("2026-05-01", None, "2026-04-01", datetime(2026, 4, 1, tzinfo=UTC), id="asked again"),
        pytest.param("2026-05-01", None, "2026-08-01", datetime(2026, 4, 30, tzinfo=UTC), id="later than complete"),
        pytest.param("2026-05-01", "2026-05-01", None, datetime(2026, 5, 1, tzinfo=UTC), id="not before the first day"),
    ],
)
def test_since_asks_again_and_leaves_no_gap(
    site: IntegrationSite, synced_until: str | None, first_day: str | None, since: str | None, start: datetime
) -> None:
    site.synced_until = datetime.fromisoformat(synced_until).replace(tzinfo=UTC) if synced_until else None
    site.external_metadata = {"first_day": first_day} if first_day else None
    assert window_of(site, date.fromisoformat(since) if since else None).start == start


@pytest.mark.parametrize(
    ("metadata", "said"),
    [({}, "nobody said from which day on"), ({"first_day": "31.1.2026"}, "write it as 2026-01-31")],
)
def test_a_site_without_a_first_day_is_an_error_that_says_where_it_belongs(
    site: IntegrationSite, portal: Portal, metadata: dict[str, str], said: str
) -> None:
    IntegrationSite.objects.update(external_metadata=metadata)
    synced = sync_site(site.pk)
    assert said in str(synced.problem)
    assert not portal.asked


def test_two_sites_whose_nights_are_equal_to_the_byte_are_both_loaded(site: IntegrationSite, portal: Portal) -> None:
    portal.wh = 0
    other = make_site(meter=MeterFactory.create(project=site.meter.project))  # type: ignore[union-attr]
    loaded = sync_site(site.pk).rows_loaded
    assert sync_site(other.pk).rows_loaded == loaded > 0


# Errors, and going on after them


def test_a_sync_that_fails_on_the_way_keeps_what_was_whole_and_goes_on_there(portal: Portal) -> None:
    site = make_site(days=20)
    portal.instead = [(200, portal.energy(midnight(20), midnight(13))), (200, portal.energy(midnight(13), midnight(6)))]
    portal.instead.append((403, {"error": "not yours"}))
    synced = sync_site(site.pk)
    assert synced.status == SyncStatus.PARTIAL
    assert synced.bodies == 2
    assert synced.synced_until == midnight(6)
    site.refresh_from_db()
    assert (site.last_sync_status, site.consecutive_failures, site.synced_until) == ("partial", 0, midnight(6))
    portal.asked.clear()
    again = sync_site(site.pk)
    assert again.status == SyncStatus.SUCCESS
    assert portal.asked[0][1] == midnight(6) - solaredge.SETTLES_WITHIN
    assert MeterReading.objects.count() == (last_quarter() - midnight(20)) // QUARTER


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        pytest.param(410, {"error": "gone"}, "410", id="gone"),
        pytest.param(200, {"unit": "FURLONG", "resolution": "QUARTER_HOUR", "values": []}, "FURLONG", id="quarantined"),
        pytest.param(200, {"code": 7, "message": "no"}, "unit", id="error in the body"),
    ],
)
def test_a_refusal_or_a_body_that_cannot_be_loaded_is_no_success(
    site: IntegrationSite, portal: Portal, status: int, body: object, said: str
) -> None:
    portal.instead = [(status, body)]
    synced = sync_site(site.pk)
    assert synced.status == SyncStatus.ERROR
    assert said in str(synced.problem)
    site.refresh_from_db()
    assert (site.last_sync_status, site.consecutive_failures, site.synced_until) == ("error", 1, None)
    assert said in (site.last_sync_error or "")
    assert not MeterReading.objects.exists()


def test_a_success_clears_the_errors_of_site_and_credential(site: IntegrationSite, portal: Portal) -> None:
    IntegrationSite.objects.update(consecutive_failures=4, last_sync_error="no", last_sync_status="error")
    IntegrationCredential.objects.update(error_count=2, last_error="no")
    synced = sync_site(site.pk)
    site.refresh_from_db()
    assert (site.last_sync_status, site.last_sync_error, site.consecutive_failures) == ("success", None, 0)
    assert site.last_sync_records_count == synced.rows_loaded
    credential = IntegrationCredential.objects.get()
    assert (credential.error_count, credential.last_error) == (0, None)
    assert credential.last_used_at is not None


def test_a_credential_that_is_refused_is_an_error_of_credential_and_site(portal: Portal) -> None:
    site = make_site({"api_key": "hush-wrong"})
    synced = sync_site(site.pk)
    credential = IntegrationCredential.objects.get()
    assert credential.error_count == 1
    assert "401" in (credential.last_error or "")
    assert "hush" not in f"{synced.problem}{credential.last_error}"
    site.refresh_from_db()
    assert site.consecutive_failures == 1


def test_a_failure_of_the_portal_is_no_error_of_the_credential(site: IntegrationSite, portal: Portal) -> None:
    portal.instead = [(403, {})]
    sync_site(site.pk)
    assert IntegrationCredential.objects.get().error_count == 0


def test_without_a_key_a_sync_says_how_to_make_one(site: IntegrationSite, settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = []
    synced = sync_site(site.pk)
    assert "FRONTIER_CREDENTIAL_KEYS is empty" in str(synced.problem)
    assert IntegrationCredential.objects.get().error_count == 1


def test_what_does_not_belong_together_is_not_asked(site: IntegrationSite, portal: Portal) -> None:
    credential = site.integration_credential
    cases: list[tuple[dict[str, object], str]] = [
        ({"meter": None}, "feeds neither a meter nor a project"),
        ({"meter": MeterFactory.create()}, "not of one organization"),
        ({"organization": OrganizationFactory.create()}, "not of one organization"),
        ({"data_source": DataSourceFactory.create(name="enphase")}, "of another vendor"),
        ({"is_active": False}, "switched off"),
        ({"external_metadata": {"first_day": "2026-01-01", "time_zone": "Mars"}}, "Mars"),
    ]
    as_it_was = IntegrationSite.objects.filter(pk=site.pk).values(*{name for case, _ in cases for name in case}).get()
    for change, said in cases:
        IntegrationSite.objects.filter(pk=site.pk).update(**{**as_it_was, **change})
        assert said in str(sync_site(site.pk).problem)
    IntegrationSite.objects.filter(pk=site.pk).update(**as_it_was)
    IntegrationCredential.objects.filter(pk=credential.pk).update(is_active=False)
    assert "switched off" in str(sync_site(site.pk).problem)
    assert not portal.asked


def test_a_source_without_a_portal_is_an_error(site: IntegrationSite, portal: Portal) -> None:
    manual = DataSourceFactory.create(name="manual")
    IntegrationSite.objects.update(data_source=manual)
    IntegrationCredential.objects.update(data_source=manual)
    assert "of 'manual', which has no portal: known are solaredge" in str(sync_site(site.pk).problem)


def test_a_site_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(MeteringError, match="no integration site 815"):
        sync_site(815)


# Tokens


def test_a_token_is_renewed_and_stored_sealed_before_anything_is_asked(portal: Portal) -> None:
    site = make_site(FIRST_TOKEN)
    assert sync_site(site.pk).problem is None
    credential = IntegrationCredential.objects.get()
    assert open_sealed(credential.encrypted_credentials)["refresh_token"] == "hush-refresh-1"
    assert b"hush" not in bytes(credential.encrypted_credentials)
    assert credential.token_expires_at is not None
    assert timedelta(minutes=50) < credential.token_expires_at - datetime.now(UTC) <= timedelta(hours=1)
    assert portal.renewed == 1
    sync_site(site.pk)
    assert portal.renewed == 1, "the token had an hour to live"


def test_a_token_that_the_portal_refuses_is_renewed_once(portal: Portal) -> None:
    site = make_site(FIRST_TOKEN)
    sync_site(site.pk)
    portal.instead = [(401, {})]
    assert sync_site(site.pk).problem is None
    assert portal.renewed == 2


def test_a_portal_that_gives_no_token_is_an_error_of_the_credential(portal: Portal) -> None:
    site = make_site({**FIRST_TOKEN, "refresh_token": "hush-used-up"})
    synced = sync_site(site.pk)
    assert "no new token" in str(synced.problem)
    assert IntegrationCredential.objects.get().error_count == 1
    assert "hush" not in str(synced.problem)


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_with_one_token_one_renews_it_and_the_other_uses_the_new_one(portal: Portal) -> None:
    site = make_site(FIRST_TOKEN)
    meter = MeterFactory.create(project=site.meter.project)  # type: ignore[union-attr]
    other = make_site(FIRST_TOKEN, meter=meter, external_site_id="4712")
    IntegrationSite.objects.filter(pk=other.pk).update(integration_credential=site.integration_credential)
    one, two = at_once(lambda: sync_site(site.pk), lambda: sync_site(other.pk))
    assert (one.problem, two.problem) == (None, None)
    assert portal.renewed == 1


@pytest.mark.django_db(transaction=True)
def test_secrets_typed_in_while_a_token_is_renewed_have_the_last_word(portal: Portal) -> None:
    site = make_site(FIRST_TOKEN)

    def type_in() -> None:
        IntegrationCredential.objects.update(encrypted_credentials=seal(KEY))
        connection.close()

    portal.meanwhile = type_in
    assert sync_site(site.pk).problem is None
    assert dict(open_sealed(IntegrationCredential.objects.get().encrypted_credentials)) == KEY


# Which sites are due, and that one works on each


def test_a_site_is_due_at_once_then_after_its_interval_and_after_failures_later_each_time(
    site: IntegrationSite, portal: Portal
) -> None:
    assert due_sites() == [site.pk]
    assert sync_due_sites()[0].status == SyncStatus.SUCCESS
    assert due_sites() == []
    age(site, minutes=61)
    assert due_sites() == [site.pk]
    for failures, minutes in ((1, 60), (2, 120), (3, 240), (5, 960), (6, 1440), (1000, 1440)):
        IntegrationSite.objects.update(
            consecutive_failures=failures, last_sync_at=datetime.now(UTC) - timedelta(minutes=minutes - 1)
        )
        assert due_sites() == [], failures
        age(site, minutes=2)
        assert due_sites() == [site.pk], failures


def test_a_site_that_is_synced_every_week_is_not_asked_earlier_after_failures(site: IntegrationSite) -> None:
    last = datetime.now(UTC) - timedelta(days=6)
    IntegrationSite.objects.update(sync_interval_minutes=7 * 24 * 60, consecutive_failures=3, last_sync_at=last)
    assert due_sites() == []


def test_what_is_switched_off_is_not_due(site: IntegrationSite) -> None:
    IntegrationSite.objects.update(sync_enabled=False)
    assert due_sites() == []


def test_one_failing_site_does_not_keep_others_from_their_sync(site: IntegrationSite, portal: Portal) -> None:
    other = make_site(meter=MeterFactory.create(project=site.meter.project))  # type: ignore[union-attr]
    portal.instead = [(403, {})]
    assert [synced.status for synced in sync_due_sites()] == [SyncStatus.ERROR, SyncStatus.SUCCESS]
    assert [synced.site_id for synced in sync_due_sites()] == []
    assert other.pk != site.pk


@pytest.mark.django_db(transaction=True)
def test_while_one_worker_syncs_a_site_another_skips_it(portal: Portal) -> None:
    site = make_site()
    portal.open.clear()

    def second() -> str:
        assert portal.reached.wait(10)
        try:
            return sync_site(site.pk).skipped
        finally:
            portal.open.set()

    def first() -> str:
        return sync_site(site.pk).skipped

    assert at_once(first, second) == ["", "another worker syncs it"]
    assert len(portal.asked) == 1
    assert sync_site(site.pk, if_due=True).skipped == "it is not due"


def test_while_a_site_is_synced_its_status_is_pending(site: IntegrationSite, portal: Portal) -> None:
    seen = []
    sync_site(site.pk, tell=lambda text: seen.append((text, *rows("SELECT last_sync_status FROM integration_site"))))
    assert seen
    assert {status for _, status in seen} == {("pending",)}


def test_a_site_of_a_project_feeds_the_meter_whose_device_it_is(site: IntegrationSite) -> None:
    meter = site.meter
    assert meter is not None
    IntegrationSite.objects.update(meter=None, project=meter.project)
    assert "4711" in str(sync_site(site.pk).problem)
    meter.asset = AssetFactory.create(project=meter.project, serial_code="4711")
    meter.save()
    synced = sync_site(site.pk)
    assert synced.problem is None
    assert MeterReading.objects.filter(meter=meter).count() == synced.rows_loaded > 0


def test_the_body_is_kept_and_its_account_names_the_site(site: IntegrationSite) -> None:
    sync_site(site.pk)
    account = IngestionLog.objects.get()
    assert account.integration_site == site
    assert account.ingestion_status == "success"
    assert account.file_format == "solaredge"

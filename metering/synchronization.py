"""Readings fetched from vendors' portals: which sites are due, what is asked, and what became of it."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from gzip import GzipFile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from core.errors import CoreError, SealingError
from core.models import Project
from core.periods import Period, start_of_day, zone
from core.sealing import METHOD, open_sealed, seal
from metering import vendors
from metering.errors import AlreadyLoaded, MeteringError
from metering.ingestion import Ingested, ingest
from metering.models import IntegrationCredential, IntegrationSite, Meter, SourceSystem, SyncStatus
from metering.sql import statement
from metering.vendors import AuthenticationRefused, Body, Secrets, Session, Site, Unavailable, Vendor

# An interval that is not over has not all of its energy yet; in every zone a quarter of an hour ends with these.
QUARTER: Final = timedelta(minutes=15)
# How long a worker waits for another one that renews the same token: longer than a portal is asked in all.
RENEWAL_TAKES: Final = timedelta(minutes=6)
LONGEST_MESSAGE: Final = 2000
FEEDS_NOTHING: Final = "site {} feeds neither a meter nor a project: name one on its screen"

# Names of advisory locks; the id of the row is the seed of their hash.
SYNC_TURN: Final = "frontier: sync of integration_site"
RENEWAL_TURN: Final = "frontier: token of integration_credential"

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of a sync. `status` is None where nothing was asked: the reason is in `skipped`.

    `window` is what was to be asked, `synced_until` the end of what is complete now. Readings count once for each
    body they came in.
    """

    site_id: int
    site: str
    status: SyncStatus | None = None
    skipped: str = ""
    window: Period | None = None
    bodies: int = 0
    rows_loaded: int = 0
    rows_replaced: int = 0
    rows_unchanged: int = 0
    synced_until: datetime | None = None
    problem: MeteringError | CoreError | DatabaseError | None = None

    def __str__(self) -> str:
        if self.status is None:
            return f"{self.site}: {self.skipped}."
        until = f"complete until {self.synced_until:%Y-%m-%d %H:%M} UTC" if self.synced_until else "nothing is complete"
        brought = (
            f"{self.bodies:,} answers, {self.rows_loaded:,} readings new, {self.rows_replaced:,} replaced,"
            f" {self.rows_unchanged:,} unchanged; {until}"
        )
        return f"{self.site}: {brought}." if self.problem is None else f"{self.site}: {self.problem}\n  {brought}."

    def plus(self, ingested: Ingested | None) -> "Synced":
        """The same with one more body; None stands for one that brought nothing."""
        if ingested is None:
            return replace(self, bodies=self.bodies + 1)
        return replace(
            self,
            bodies=self.bodies + 1,
            rows_loaded=self.rows_loaded + ingested.rows_loaded,
            rows_replaced=self.rows_replaced + ingested.rows_replaced,
            rows_unchanged=self.rows_unchanged + ingested.rows_unchanged,
        )


def due_sites(site_id: int | None = None) -> list[int]:
    """Ids of the sites whose sync is due, longest waiting first; of one site, its id if it is."""
    with connection.cursor() as cursor:
        cursor.execute(statement("due_sites"), {"site": site_id})
        return [found for (found,) in cursor.fetchall()]


def sync_due_sites(tell: Tell = lambda text: None) -> list[Synced]:
    """Syncs every site that is due, one after the other; what others do at the same time is skipped."""
    return [sync_site(site_id, if_due=True, tell=tell) for site_id in due_sites()]


def sync_site(site_id: int, since: date | None = None, if_due: bool = False, tell: Tell = lambda text: None) -> Synced:
    """Asks the portal for what is missing of a site, and loads it; returns what became of that, errors included.

    The window begins where the last success ended, less the time in which the vendor still changes values, and ends
    with the last quarter of an hour that is over. `synced_until` follows each part that is loaded whole: a sync that
    is broken off goes on from there, and what it loads twice changes nothing. The first body that is refused ends
    the sync, for what comes after it would hide the gap. One sync of a site runs at a time, on all machines.

    `since` asks again from a day of the site's zone. `if_due` skips a site that another worker has synced by now.
    """
    site = find_site(site_id)
    with _turn(SYNC_TURN, site_id) as mine:
        if not mine:
            return Synced(site_id, str(site), skipped="another worker syncs it")
        if if_due and not due_sites(site_id):
            return Synced(site_id, str(site), skipped="it is not due")
        # What was read before the turn came may be old.
        site.refresh_from_db()
        _note_begin(site)
        synced = _sync(site, since, tell)
        _note_end(site, synced)
        return synced


def find_site(site_id: int) -> IntegrationSite:
    """The site with all that its sync needs. `MeteringError` where there is none of this id."""
    related = ("integration_credential", "data_source", "project", "meter__project")
    site = IntegrationSite.objects.select_related(*related).filter(pk=site_id).first()
    if site is None:
        raise MeteringError(f"there is no integration site {site_id}; the admin lists them")
    return site


def window_of(site: IntegrationSite, since: date | None = None) -> Period:
    """What a sync of the site would ask for now. `MeteringError` where nobody declared with which day it begins."""
    time_zone = zone(_time_zone(site))
    declared = _metadata(site).get("first_day")
    try:
        first = None if declared is None else start_of_day(date.fromisoformat(str(declared)), time_zone)
    except ValueError as error:
        raise MeteringError(
            f"first_day in the metadata of site {site} is {declared!r}: write it as 2026-01-31"
        ) from error
    starts = [] if since is None else [start_of_day(since, time_zone)]
    if site.synced_until is not None:
        again = site.synced_until - vendor_of(site).SETTLES_WITHIN
        starts.append(again if first is None else max(again, first))
    elif first is not None:
        starts.append(first)
    if not starts:
        raise MeteringError(
            f"site {site} was never synced, and nobody said from which day on: put first_day into its metadata, as"
            ' {"first_day": "2026-01-31"}, or give a day with --since'
        )
    # A later day given by hand may not leave a gap behind it.
    start, now = min(starts), timezone.now()
    end = now - (now - datetime.min.replace(tzinfo=UTC)) % QUARTER
    return Period(start, max(start, end))


def vendor_of(site: IntegrationSite) -> Vendor:
    """The vendor whose portal knows the site."""
    name = site.data_source.name
    if name not in vendors.VENDORS:
        raise MeteringError(f"site {site} is of {name!r}, which has no portal: known are {', '.join(vendors.VENDORS)}")
    return vendors.VENDORS[name]


def _sync(site: IntegrationSite, since: date | None, tell: Tell) -> Synced:
    synced = Synced(site.pk, str(site), SyncStatus.SUCCESS, synced_until=site.synced_until)
    try:
        target = _target(site)
        window = window_of(site, since)
        synced = replace(synced, window=window)
        with _session(site) as session:
            for body in _asked(site, session, window):
                tell(f"{site}: {body.period.start:%Y-%m-%d %H:%M} to {body.period.end:%Y-%m-%d %H:%M} UTC")
                ingested = None if body.empty else _load(site, target, body)
                synced = replace(
                    synced.plus(ingested), synced_until=_advance(site, synced.synced_until, body.period.end)
                )
    except (MeteringError, CoreError, DatabaseError) as error:
        has_moved = synced.synced_until != site.synced_until
        return replace(synced, status=SyncStatus.PARTIAL if has_moved else SyncStatus.ERROR, problem=error)
    return synced


def _asked(site: IntegrationSite, session: Session, window: Period) -> Iterable[Body]:
    known = Site(site.external_site_id, _time_zone(site), _metadata(site))
    return session.vendor.fetch(session, known, window) if window else ()


def _load(site: IntegrationSite, target: Meter | Project, body: Body) -> Ingested | None:
    """Loads a body as it came; None where the same bytes were loaded before."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{body.name}.gz"
        # The name and the time inside tell bodies apart that are equal to the byte: two plants in the same night, or
        # one whose vendor took a correction back. Without them the second would count as loaded already.
        with path.open("xb") as file, GzipFile(f"site_{site.pk}_{body.name}", "wb", fileobj=file) as packed:
            packed.write(body.content)
        source = SourceSystem(site.data_source.name)
        try:
            return ingest(path, target, body.mapping, body.file_format, source, site=site)
        except AlreadyLoaded:
            return None


def _advance(site: IntegrationSite, reached: datetime | None, until: datetime) -> datetime:
    """Notes that the site is complete up to an instant, unless it is further already; returns up to where it is."""
    IntegrationSite.objects.filter(pk=site.pk).update(synced_until=Greatest(F("synced_until"), Value(until)))
    return until if reached is None else max(reached, until)


def _target(site: IntegrationSite) -> Meter | Project:
    """What the readings of the site belong to, where all that is tied together belongs together."""
    credential, target = site.integration_credential, site.meter or site.project
    if target is None:
        raise MeteringError(FEEDS_NOTHING.format(site))
    project = target.project if isinstance(target, Meter) else target
    if not site.is_active or not credential.is_active:
        raise MeteringError(f"{f'site {site}' if credential.is_active else f'{credential}'} is switched off")
    if credential.data_source_id != site.data_source_id:
        raise MeteringError(f"{credential} is of another vendor than site {site}: it does not travel there")
    if {credential.organization_id, project.organization_id} != {site.organization_id}:
        raise MeteringError(f"site {site}, its credential and {target} are not of one organization")
    return target


def _time_zone(site: IntegrationSite) -> str:
    """The zone of the plant, as the site's metadata declares it; else that of its project."""
    declared = _metadata(site).get("time_zone")
    if declared is not None:
        return str(declared)
    project = site.meter.project if site.meter else site.project
    if project is None:
        raise MeteringError(FEEDS_NOTHING.format(site))
    return project.time_zone


def _metadata(site: IntegrationSite) -> dict[str, object]:
    return site.external_metadata if isinstance(site.external_metadata, dict) else {}


# --- credentials


@contextmanager
def _session(site: IntegrationSite) -> Iterator[Session]:
    """The portal, with the credential opened in memory and its token fresh."""
    vendor, credential = vendor_of(site), site.integration_credential
    opened = open_sealed(credential.encrypted_credentials)
    address = settings.VENDOR_URLS.get(vendor.NAME)
    with Session(vendor, opened, base_url=address, renew=partial(renew_token, credential.pk)) as session:
        with connection.cursor() as cursor:
            cursor.execute("SELECT integration_credential_needs_refresh(%s)", [credential.pk])
            (is_over,) = cursor.fetchone()
        if is_over and (renewed := renew_token(credential.pk, session)) is not None:
            session.secrets = renewed
        yield session


def renew_token(credential_id: int, session: Session) -> Secrets | None:
    """The credential with a new token, stored; None where the vendor gives none.

    Many vendors take the old refresh token back when they give a new one: so one worker renews at a time, and who
    waited takes what that one has stored.
    """
    deadline = time.monotonic() + RENEWAL_TAKES.total_seconds()
    while True:
        with _turn(RENEWAL_TURN, credential_id) as mine:
            if mine:
                return _renew_in_turn(credential_id, session)
        if time.monotonic() > deadline:
            raise Unavailable(session.vendor.NAME, "another worker renews the token and does not end")
        # Polled: a session that waits inside PostgreSQL holds back indexes that are built concurrently.
        time.sleep(0.05 + random.random() * 0.1)  # noqa: S311 -- jitter, not a secret


def _renew_in_turn(credential_id: int, session: Session) -> Secrets | None:
    sealed = _sealed(credential_id)
    stored = Secrets(open_sealed(sealed))
    if stored != session.secrets:
        return stored
    renewed = session.vendor.refresh(session)
    if renewed is None:
        return None
    # No transaction is open while the portal is asked; whoever typed new secrets in meanwhile has the last word.
    mine = IntegrationCredential.objects.filter(pk=credential_id, encrypted_credentials=sealed).update(
        encrypted_credentials=seal(renewed),
        encryption_method=METHOD,
        token_expires_at=renewed.expires_at,
        token_refreshed_at=timezone.now(),
    )
    return renewed if mine else Secrets(open_sealed(_sealed(credential_id)))


def _sealed(credential_id: int) -> bytes:
    return bytes(IntegrationCredential.objects.values_list("encrypted_credentials", flat=True).get(pk=credential_id))


# --- health


def _note_begin(site: IntegrationSite) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT update_site_sync_status(%s, %s)", [site.pk, SyncStatus.PENDING])


def _note_end(site: IntegrationSite, synced: Synced) -> None:
    """Notes the health of the site, and of the credential where something was learnt about it."""
    text = None if synced.problem is None else str(synced.problem).replace("\0", "�")[:LONGEST_MESSAGE]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT update_site_sync_status(%s, %s, %s, %s)",
            [site.pk, synced.status, text, synced.rows_loaded + synced.rows_replaced],
        )
        if isinstance(synced.problem, AuthenticationRefused | SealingError):
            cursor.execute("SELECT integration_credential_record_error(%s, %s)", [site.integration_credential_id, text])
        elif synced.bodies:
            cursor.execute("SELECT integration_credential_record_success(%s)", [site.integration_credential_id])


@contextmanager
def _turn(name: str, row_id: int) -> Iterator[bool]:
    """Whether nobody else holds this lock; it is held until the block ends, or its process."""
    key: tuple[str, int] = (name, row_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, %s))", key)
        (mine,) = cursor.fetchone()
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, %s))", key)

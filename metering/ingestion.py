"""From a meter file to readings: whole or not at all, once, and with an account of what became of it.

The way of a file: it is kept in the lake's raw folder and its account is opened (validating); it is parsed ahead of
the load in a thread of its own (transforming); its readings are written in one transaction (loading); it is put where
loaded or refused files lie (moving); complete. Whoever is killed on this way leaves nothing half done: the next one
closes the account, and the file may be tried again.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import Final, Literal, TypeVar

import polars as pl
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Min
from django.utils import timezone
from psycopg.errors import UniqueViolation

from core.models import Contract, Project
from metering.accounts import INTERRUPTED, Account, Offer, as_dicts, close_interrupted, open_account
from metering.aggregation import roll_up_pending
from metering.errors import AlreadyLoaded, BadFile, FormatError, MappingError, MeteringError, Problem, StorageError
from metering.formats import KNOWN_FORMATS, Declared, parse, read_mapping
from metering.formats.canonical import ProblemList, Rejected
from metering.formats.mapping import ColumnMapping
from metering.loading import Loading, Older, Overlap, Part, Settled
from metering.models import IngestionStage, IngestionStatus, IntegrationSite, Meter, SourceSystem
from metering.partitions import EARLIEST, LEAD
from metering.preparation import Preparation, Prepared, Target
from metering.storage import QUARANTINE, VALIDATED, Lake, moved_to, raw_name

PROBLEMS_SHOWN: Final = 100
WRITTEN: Final = "%Y-%m-%d %H:%M:%SZ"
# A plant may be older than its contract, but not by more than this.
YEARS_BEFORE_CONTRACT: Final = 10
_BLOCKS_AHEAD: Final = 1

Reject = Literal["file", "rows"]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Ingested:
    """What a file brought. Instants are the starts of the first and the last interval.

    `rows_unchanged` stood there already, `rows_repeated` stand in the file twice, `rows_older` were not taken because
    a newer statement stands, `rows_rejected` are in `rejected_reading`. `rows_corrected` are not in the file: readings
    of earlier loads whose energy is another beside its registers. `kept_at` is the file's name in the lake.
    """

    file_name: str
    log_id: int
    rows_in_file: int
    rows_loaded: int
    rows_replaced: int
    rows_unchanged: int
    rows_missing: int
    first_reading_at: datetime
    last_reading_at: datetime
    months_made: Sequence[str]
    aggregates_written: int = 0
    rows_corrected: int = 0
    rows_repeated: int = 0
    rows_older: int = 0
    rows_rejected: int = 0
    kept_at: str = ""

    def __str__(self) -> str:
        further = "".join(
            f", {count:,} {what}"
            for count, what in (
                (self.rows_older, "older than what stands"),
                (self.rows_rejected, "rejected"),
                (self.rows_corrected, "of earlier loads corrected"),
            )
            if count
        )
        return (
            f"{self.file_name}: {self.rows_in_file:,} readings from {self.first_reading_at:%Y-%m-%d %H:%M} to"
            f" {self.last_reading_at:%Y-%m-%d %H:%M} UTC; {self.rows_loaded:,} new, {self.rows_replaced:,} replaced,"
            f" {self.rows_unchanged:,} unchanged{further}, {self.rows_missing:,} of them missing;"
            f" {self.aggregates_written:,} aggregates written."
        )


@dataclass
class _Tally:
    """What was counted while a file was read."""

    rows: int = 0
    repeated: int = 0
    missing: int = 0
    rejected: int = 0
    first_rejected: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class _Loaded:
    """What a transaction wrote."""

    tally: _Tally
    settled: Settled
    span: tuple[datetime, datetime]
    months_made: Sequence[str]
    changed_meters: Sequence[int]


def ingest(
    path: Path,
    target: Meter | Project,
    mapping: Mapping[str, object],
    file_format: str = "csv",
    source: SourceSystem = SourceSystem.MANUAL,
    reject: Reject = "file",
    site: IntegrationSite | None = None,
) -> Ingested:
    """Loads a file of readings of a meter, or of the meters of a project, and brings the aggregates up to date.

    The devices of a project's file are known by the serial code of the meter's asset, or as the site of a portal that
    feeds the meter. With `reject` "file" either every reading is stored or none is; with "rows" the good ones are, and
    each row that is not is in `rejected_reading`, with what is wrong with it. Readings of two lengths for the same time
    refuse the file either way. Of two statements about one reading the newer stands, and keeps what it replaced.

    `ingestion_log` says what became of the file. One whose content was loaded before for the organization is refused
    with `AlreadyLoaded`; one that was refused may be tried again. Raises `BadFile` where the file or its mapping is
    wrong, `FormatError` for an unknown format.

    Aggregates follow after the commit, in transactions of their own: a verdict from in between was computed before its
    readings were aggregated, by which it is known to be stale. Whoever dies there leaves them to `roll_up_pending`, or
    to whoever offers the file once more.
    """
    try:
        ingested, changed_meters = _ingest(path, target, mapping, file_format, source, reject, site)
    except AlreadyLoaded:
        _roll_up_left_behind(target)
        raise
    return replace(ingested, aggregates_written=roll_up_pending(changed_meters))


def _roll_up_left_behind(target: Meter | Project) -> None:
    """Makes the aggregates that whoever loaded the file left pending."""
    meters = Meter.objects.filter(pk=target.pk) if isinstance(target, Meter) else Meter.objects.filter(project=target)
    roll_up_pending(meters.values_list("pk", flat=True))


def load(
    path: Path,
    target: Meter | Project,
    mapping: Mapping[str, object],
    file_format: str = "csv",
    source: SourceSystem = SourceSystem.MANUAL,
    reject: Reject = "file",
    site: IntegrationSite | None = None,
) -> Ingested:
    """As `ingest`, but leaves the aggregates to whoever calls `roll_up_pending` next."""
    return _ingest(path, target, mapping, file_format, source, reject, site)[0]


def _ingest(
    path: Path,
    target: Meter | Project,
    saved: Mapping[str, object],
    file_format: str,
    source: SourceSystem,
    reject: Reject,
    site: IntegrationSite | None,
) -> tuple[Ingested, Sequence[int]]:
    """What the file brought, and the meters whose aggregates are still to be made."""
    if file_format not in KNOWN_FORMATS:
        raise FormatError(file_format, KNOWN_FORMATS)
    lake = Lake.from_url(settings.LAKE)
    close_interrupted(lake)
    sha256, size = _fingerprint(path)
    whose = _whose(target)
    raw = raw_name(source.value, whose.organization_id, timezone.now().date(), path.name)
    offer = Offer(
        whose.organization_id, source, path.name, raw, size, file_format, sha256, None if site is None else site.pk
    )
    with open_account(offer) as account, _accounted(account, offer, lake):
        _refuse_second_load(offer)
        _keep(path, offer, lake)
        mapping = read_mapping(file_format, saved)
        if (
            isinstance(mapping, ColumnMapping)
            and mapping.interval == "daily"
            and not (mapping.energy or mapping.register)
        ):
            raise MappingError(["energy is missing: a local day has 23 to 25 hours, its mean power is no energy"])
        work = _Work(offer, account, lake, whose, mapping, reject)
        try:
            loaded = work.load(staged_only=False)
        except IntegrityError as error:
            if not isinstance(error.__cause__, UniqueViolation):
                raise
            # Somebody else wrote readings in the same moment, past this module: now they can be seen.
            loaded = work.load(staged_only=True)
        kept_at = _put(account, raw, moved_to(VALIDATED, raw), lake)
    tally, settled = loaded.tally, loaded.settled
    changed = settled.rows_new + settled.rows_replaced
    ingested = Ingested(
        file_name=path.name,
        log_id=account.log_id,
        rows_in_file=tally.rows + tally.repeated + tally.rejected,
        rows_loaded=settled.rows_new,
        rows_replaced=settled.rows_replaced,
        rows_unchanged=tally.rows + tally.repeated - changed - settled.rows_older,
        rows_missing=tally.missing,
        first_reading_at=loaded.span[0],
        last_reading_at=loaded.span[1],
        months_made=loaded.months_made,
        rows_corrected=settled.rows_corrected,
        rows_repeated=tally.repeated,
        rows_older=settled.rows_older,
        rows_rejected=tally.rejected,
        kept_at=kept_at,
    )
    return ingested, loaded.changed_meters


# --- before the load


def _fingerprint(path: Path) -> tuple[str, int]:
    """SHA-256 and size in bytes."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size
    except OSError as error:
        raise MeteringError(f"{path} cannot be read: {error.strerror}. Nothing was loaded.") from error


def _whose(target: Meter | Project) -> Target:
    """Whose readings the file holds, by the devices that it may name."""
    project = target.project if isinstance(target, Meter) else target
    agreed = Contract.objects.filter(project=project).aggregate(first=Min("effective_date"))["first"]
    earliest = EARLIEST
    if agreed is not None:
        # The first of January, which every year has.
        earliest = max(EARLIEST, EARLIEST.replace(year=agreed.year - YEARS_BEFORE_CONTRACT))
    only = target.pk if isinstance(target, Meter) else None
    devices = Counter[str]()
    meters: dict[str, int] = {}
    if only is None:
        named = {
            *Meter.objects.filter(project=project).values_list("asset__serial_code", "pk"),
            *IntegrationSite.objects.filter(meter__project=project).values_list("external_site_id", "meter"),
        }
        meters = {device: meter_id for device, meter_id in named if device}
        devices.update(device for device, _ in named if device)
    return Target(
        organization_id=project.organization_id,
        project_id=project.pk,
        time_zone=project.time_zone,
        earliest=earliest,
        latest=timezone.now() + LEAD,
        only=only,
        meters=meters,
        disputed=frozenset(device for device, count in devices.items() if count > 1),
    )


def _refuse_second_load(offer: Offer) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, file_name, processing_completed_at, destination_path FROM ingestion_log"
            " WHERE organization_id = %s AND file_hash = %s AND ingestion_status = 'success'",
            [offer.organization_id, offer.sha256],
        )
        loaded = cursor.fetchone()
    if loaded:
        log_id, name, at, place = loaded
        raise AlreadyLoaded(
            f"{offer.name} was already loaded on {at:%Y-%m-%d %H:%M} UTC as {name} (ingestion log {log_id})."
            " Nothing was changed.",
            place,
        )


def _keep(path: Path, offer: Offer, lake: Lake) -> None:
    """Puts the file into the raw folder: from here on it is read from there, whatever becomes of the original."""
    try:
        with path.open("rb") as stream:
            stored = lake.put(offer.raw_name, stream)
    except OSError as error:
        raise MeteringError(f"{path} cannot be read: {error.strerror}. Nothing was loaded.") from error
    if stored.sha256 != offer.sha256:
        raise MeteringError(f"{path} changed while it was read. Nothing was loaded: try again when it is whole.")


# --- what becomes of it


@contextmanager
def _accounted(account: Account, offer: Offer, lake: Lake) -> Iterator[None]:
    """Closes the account of a file that was not loaded, whatever kept it out, and lets the reason pass on."""
    is_closed = False
    try:
        yield
        is_closed = True
    except AlreadyLoaded as error:
        account.close(IngestionStatus.SKIPPED, str(error), error.kept_at)
        is_closed = True
        lake.remove(offer.raw_name)
        raise
    except BadFile as error:
        _quarantine(account, offer, lake, error)
        is_closed = True
        raise
    except MappingError as error:
        problems = [Problem(1, None, "", f"the column mapping cannot be used: {text}") for text in error.problems]
        refusal = BadFile(offer.name, problems, len(problems))
        _quarantine(account, offer, lake, refusal)
        is_closed = True
        raise refusal from error
    except (MeteringError, DatabaseError) as error:
        account.close(IngestionStatus.ERROR, str(error))
        is_closed = True
        raise
    finally:
        if not is_closed:
            account.close(IngestionStatus.ERROR, INTERRUPTED)


def _quarantine(account: Account, offer: Offer, lake: Lake, refusal: BadFile) -> None:
    place = moved_to(QUARANTINE, offer.raw_name)
    account.quarantine(str(refusal), refusal.problems, refusal.total, place)
    _put(account, offer.raw_name, place, lake)


def _put(account: Account, raw: str, place: str, lake: Lake) -> str:
    """Puts a file whose account is closed where it belongs; returns where it lies."""
    try:
        lake.move(raw, place)
    except StorageError:
        # What became of the readings stands. The account stays at this stage, and the next load moves the file.
        return raw
    account.reach(IngestionStage.COMPLETE)
    return place


class _Work:
    """One file between its account and its commit."""

    def __init__(
        self, offer: Offer, account: Account, lake: Lake, whose: Target, mapping: Declared, reject: Reject
    ) -> None:
        self._offer = offer
        self._account = account
        self._lake = lake
        self._whose = whose
        self._mapping = mapping
        self._reject_rows = reject == "rows"

    def load(self, *, staged_only: bool) -> _Loaded:
        """Writes the readings, what changed, and that the file is loaded, in one transaction; `BadFile` otherwise."""
        offer, whose = self._offer, self._whose
        self._account.reach(IngestionStage.TRANSFORMING)
        with transaction.atomic():
            _take_turns(offer, whose)
            _refuse_second_load(offer)
            loading = Loading(
                offer.organization_id,
                whose.project_id,
                offer.source,
                self._account.log_id,
                wraps_at_wh=self._mapping.wraps_at_wh if isinstance(self._mapping, ColumnMapping) else None,
                staged_only=staged_only,
            )
            tally = self._fill(loading)
            settled = loading.settle(PROBLEMS_SHOWN)
            overlaps, total = loading.overlaps(PROBLEMS_SHOWN)
            if overlaps:
                raise BadFile(offer.name, self._placed(overlaps), total)
            loading.write_changes()
            self._succeed(tally, settled, loading.span)
        return _Loaded(tally, settled, loading.span, loading.months_made, loading.changed_meters)

    @contextmanager
    def _read(self) -> Iterator[tuple[Iterator[Prepared], ProblemList]]:
        """The file's rows, and what is wrong with the file, once all are taken."""
        problems = ProblemList(self._offer.name)
        preparation = Preparation(self._whose, problems, reject_rows=self._reject_rows)
        with self._lake.open(self._offer.raw_name) as stream:
            blocks = parse(
                self._offer.file_format, stream, self._mapping, self._offer.name, reject_rows=self._reject_rows
            )
            yield map(preparation.prepare, blocks), problems

    def _fill(self, loading: Loading) -> _Tally:
        """Copies block by block until something is wrong with the file, and reads on to find what else is."""
        tally = _Tally()
        with self._read() as (prepared, problems):

            def ready() -> Iterator[tuple[Prepared, Sequence[Part]]]:
                for block in prepared:
                    yield block, () if problems else loading.parts(block.rows)

            try:
                with _ahead(ready()) as blocks:
                    for block, parts in blocks:
                        self._take(block, () if problems else parts, loading, tally)
            except BadFile as error:
                raise _both(error, problems) from error
        problems.refuse_if_any()
        if not tally.rows:
            found = tally.first_rejected or [Problem(1, None, "", "the file holds no readings")]
            raise BadFile(self._offer.name, found, max(1, tally.rejected))
        return tally

    def _take(self, block: Prepared, parts: Sequence[Part], loading: Loading, tally: _Tally) -> None:
        tally.repeated += block.repeated
        self._reject(block.rejected, tally)
        for part in parts:
            if not tally.rows:
                self._account.reach(IngestionStage.LOADING)
            tally.rows += part.rows.height
            tally.missing += int(part.rows["quality"].eq("missing").sum())
            loading.add(part)

    def _reject(self, rejected: Sequence[Rejected], tally: _Tally) -> None:
        """Keeps rejected rows beside the readings of the file."""
        if not rejected:
            return
        tally.rejected += len({one.problem.line for one in rejected})
        tally.first_rejected += [one.problem for one in rejected[: PROBLEMS_SHOWN - len(tally.first_rejected)]]
        with (
            connection.wrap_database_errors,
            connection.cursor() as cursor,
            cursor.copy(
                "COPY rejected_reading (ingestion_log_id, organization_id, line, column_name, value, cause, raw)"
                " FROM STDIN"
            ) as copy,
        ):
            for one in rejected:
                problem = one.problem
                texts = (problem.column and problem.column[:255], problem.value, problem.cause, one.raw)
                # PostgreSQL keeps no NUL in text, and a broken file may well hold one.
                kept = (text and text.replace("\0", "�") for text in texts)
                copy.write_row((self._account.log_id, self._offer.organization_id, problem.line, *kept))

    def _placed(self, overlaps: Sequence[Overlap]) -> list[Problem]:
        """The overlaps by the lines that brought them, for which the file is read once more."""
        keys = {(one.meter_id, at): one for one in overlaps for at in (one.first_at, one.second_at)}
        wanted = pl.DataFrame(
            list(keys), {"meter_id": pl.Int64, "reading_timestamp": pl.Datetime("us", "UTC")}, orient="row"
        )
        lines: dict[tuple[int, datetime], int] = {}
        with self._read() as (blocks, _):
            for block in blocks:
                found = block.rows.join(wanted, on=["meter_id", "reading_timestamp"], how="semi")
                lines |= {
                    (meter_id, at): line
                    for meter_id, at, line in found.select("meter_id", "reading_timestamp", "line").iter_rows()
                }
        problems = [
            Problem(
                lines.get((one.meter_id, one.second_at)) or lines[one.meter_id, one.first_at],
                None,
                "",
                f"the {one.interval} reading of {one.first_at:{WRITTEN}} lasts into the next one, of"
                f" {one.second_at:{WRITTEN}}",
            )
            for one in overlaps
        ]
        return sorted(problems, key=lambda problem: problem.line)

    def _succeed(self, tally: _Tally, settled: Settled, span: tuple[datetime, datetime]) -> None:
        """Closes the account in the transaction of the readings: both are committed, or neither."""
        log_id = self._account.log_id
        changed = settled.rows_new + settled.rows_replaced
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT complete_ingestion_log_success(%s, %s, %s, %s, %s, %s)",
                [
                    log_id,
                    changed,
                    tally.rows + tally.repeated - changed,
                    *span,
                    moved_to(VALIDATED, self._offer.raw_name),
                ],
            )
            cursor.execute(
                "UPDATE ingestion_log SET ingestion_stage = 'moving', rows_in_file = %s, rows_valid = %s,"
                " rows_replaced = %s, rows_failed = %s, validation_errors = %s WHERE id = %s",
                [
                    tally.rows + tally.repeated + tally.rejected,
                    tally.rows + tally.repeated,
                    settled.rows_replaced,
                    tally.rejected,
                    _noted(tally.first_rejected, settled.older),
                    log_id,
                ],
            )


def _take_turns(offer: Offer, whose: Target) -> None:
    """Lets one load of the same content pass at a time, and one load of the same meters: what readings are compared
    with, and must not overlap with, is committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [offer.sha256, offer.organization_id])
    meters = [whose.only] if whose.only is not None else [*whose.meters.values()]
    list(Meter.objects.select_for_update(no_key=True).filter(pk__in=meters).order_by("pk").values_list("pk"))


def _both(error: BadFile, problems: ProblemList) -> BadFile:
    """What the parser found together with what was found afterwards."""
    try:
        problems.refuse_if_any()
    except BadFile as other:
        first = sorted([*error.problems, *other.problems], key=lambda problem: problem.line)
        return BadFile(error.file_name, first[:PROBLEMS_SHOWN], error.total + other.total)
    return error


def _noted(rejected: Sequence[Problem], older: Sequence[Older]) -> str | None:
    """What a person should know of a file that was loaded all the same."""
    notes = as_dicts(rejected) + [
        {
            "line": None,
            "column": None,
            "value": f"meter {one.meter_id}, {one.reading_timestamp:{WRITTEN}}",
            "cause": f"stated at {one.reported_at:{WRITTEN}}, before what stands, of {one.standing_since:{WRITTEN}}",
        }
        for one in older
    ]
    return json.dumps(notes) if notes else None


@contextmanager
def _ahead(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """The items, worked out in a thread while earlier ones are still in use; what is raised there is raised here."""
    done: Queue[Item | BaseException | None] = Queue(_BLOCKS_AHEAD)
    is_over = Event()

    def offered(item: Item | BaseException | None) -> bool:
        while not is_over.is_set():
            try:
                done.put(item, timeout=0.1)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not offered(item):
                    return
            offered(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the items are taken
            offered(error)

    def taken() -> Iterator[Item]:
        while (item := done.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    thread = Thread(target=work, name="parsing", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        is_over.set()
        thread.join()

"""How far each schema file has come: on disk, in Django, in the ledger and in the live schema.

Asks only; takes no lock and needs nothing but the right to read.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from database import ledger
from database.catalog import read_catalog
from database.history import SchemaFile, read_history
from database.ledger import Entry, Match
from database.management import Exit
from database.operations import Twin, twins
from database.reports import heading
from database.tokens import statements


class State(StrEnum):
    """What is to be said of one schema file."""

    APPLIED = "APPLIED"
    PENDING = "PENDING"
    CHANGED = "CHANGED"
    CHANGED_COSMETIC = "CHANGED-COSMETIC"
    FAILED_PARTIAL = "FAILED-PARTIAL"
    MISSING_FILE = "MISSING-FILE"
    MISSING_DJANGO = "MISSING-DJANGO"
    MISSING_LEDGER = "MISSING-LEDGER"
    OUT_OF_ORDER = "OUT-OF-ORDER"


CURES = {
    State.APPLIED: "",
    State.PENDING: "Run migrate.",
    State.CHANGED: "Restore the file as it was applied and put the change into a new numbered file."
    " schema_repair shows the choices.",
    State.CHANGED_COSMETIC: "Restore the file, or accept its new looks with schema_repair --repin {number:03d}.",
    State.FAILED_PARTIAL: "Mend what stopped the file and run migrate, which goes on after the last statement done.",
    State.MISSING_FILE: "Bring the file back from version control: the schema cannot be made without it.",
    State.MISSING_DJANGO: "Write its migration if there is none; otherwise run migrate, which notes what was done.",
    State.MISSING_LEDGER: "Django claims a file that the ledger does not know. schema_repair shows the choices.",
    State.OUT_OF_ORDER: "Give the file the next free number: later ones were applied before it.",
}


@dataclass(frozen=True)
class FileStatus:
    """One schema file.

    `migration` runs it, and `migrated` says whether Django recorded that. `ledger` is "same", "cosmetic", "other" or
    "none": what was applied, against what is on disk. Of the `objects` that the file makes and no later one removes,
    `live` exist.
    """

    number: int
    name: str
    migration: str
    migrated: bool
    ledger: str
    live: int
    objects: int
    state: State
    applied_at: datetime | None
    applied_by: str
    duration_ms: int | None

    @property
    def cure(self) -> str:
        """What to do about it; empty when all is well."""
        if self.state == State.APPLIED and self.live < self.objects:
            return "Something it made is gone. Run schema_verify, which names it."
        return CURES[self.state].format(number=self.number)


def read_status(connection: BaseDatabaseWrapper) -> list[FileStatus]:
    """Every file that the disk, a migration or the ledger knows, in the order of numbers."""
    files = {file.name: file for file in read_history()}
    named, entries, begun = twins(), ledger.entries(connection), ledger.progress(connection)
    recorded = MigrationRecorder(connection).applied_migrations()
    live = live_objects(connection)
    made = survivors(files.values()) | survivors(file for file in files.values() if file.name in entries)
    last_applied = max((entry.number for entry in entries.values()), default=-1)

    def status(number: int, name: str) -> FileStatus:
        file, entry, twin = files.get(name), entries.get(name), named.get(name, Twin())
        migrated = any(key in recorded for key in twin.runs)
        state = _state(file, entry, twin, migrated)
        if state == State.PENDING and number < last_applied:
            state = State.OUT_OF_ORDER
        elif state == State.PENDING and name in begun:
            state = State.FAILED_PARTIAL
        return FileStatus(
            number=number,
            name=name,
            migration=twin.migration,
            migrated=migrated,
            ledger="none" if entry is None else str(entry.match(file)) if file else "other",
            live=len(made.get(name, set()) & live),
            objects=len(made.get(name, set())),
            state=state,
            applied_at=entry.applied_at if entry else None,
            applied_by=entry.applied_by if entry else "",
            duration_ms=entry.duration_ms if entry else None,
        )

    numbers = {name: int(name[:3]) for name in named if name[:3].isdigit()}
    numbers |= {name: entry.number for name, entry in entries.items()}
    numbers |= {name: file.number for name, file in files.items()}
    return [status(number, name) for name, number in sorted(numbers.items(), key=lambda known: (known[1], known[0]))]


def verdict(found: Iterable[FileStatus]) -> Exit:
    """DONE when every file is applied, PENDING when some only wait or look otherwise, NEEDS_A_PERSON beyond that."""
    states = {row.state for row in found}
    if states - {State.APPLIED, State.PENDING, State.CHANGED_COSMETIC}:
        return Exit.NEEDS_A_PERSON
    return Exit.DONE if states <= {State.APPLIED} else Exit.PENDING


def _state(file: SchemaFile | None, entry: Entry | None, twin: Twin, migrated: bool) -> State:
    if file is None:
        return State.MISSING_FILE
    pinned = not twin.runs or twin.sha256 == file.sha256
    match = entry.match(file) if entry else None
    if match is Match.OTHER or not (pinned or match):
        return State.CHANGED
    if not pinned:
        return State.CHANGED_COSMETIC
    if not twin.runs or (entry and not migrated):
        return State.MISSING_DJANGO
    if migrated and not entry:
        return State.MISSING_LEDGER
    return State.APPLIED if entry else State.PENDING


ALTERED = re.compile(r"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?:public\.)?(\w+)", re.IGNORECASE)
CHANGE = re.compile(
    r"""
    \b(?: (?P<makes>CREATE|ADD) | DROP | RENAME )\s+ (?:OR\s+REPLACE\s+)? (?:UNIQUE\s+)?
    (?:TABLE|COLUMN|CONSTRAINT\s+TRIGGER|CONSTRAINT|INDEX|FUNCTION|TRIGGER|POLICY|VIEW)\s+
    (?:IF\s+(?:NOT\s+)?EXISTS\s+)? (?:public\.)? (?P<name>\w+)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def survivors(files: Iterable[SchemaFile]) -> dict[str, set[str]]:
    """For each file the names of what it makes and no later one removes; a column's is `table.column`.

    Read from the statements in plain sight. What a DO block makes is not, nor are the columns of a new table.
    """
    maker: dict[str, str] = {}
    for file in files:
        for statement in statements(file.sql):
            altered = ALTERED.match(statement.text)
            for change in CHANGE.finditer(statement.text):
                name = f"{altered[1]}.{change['name']}" if altered else change["name"]
                if change["makes"]:
                    maker.setdefault(name, file.name)
                else:
                    maker.pop(name, None)
    made: dict[str, set[str]] = {}
    for name, by in maker.items():
        made.setdefault(by, set()).add(name)
    return made


def live_objects(connection: BaseDatabaseWrapper) -> set[str]:
    """The names of all objects of the live schema, in the spelling of `survivors`."""
    connection.ensure_connection()
    live: set[str] = set()
    for kind, identity in read_catalog(connection.connection):
        if kind not in ("comment", "grant"):
            name = identity.partition("(")[0]
            live |= {name, name.rpartition(".")[2]} if kind != "column" else {name}
    return live


def report(connection: BaseDatabaseWrapper, found: Iterable[FileStatus]) -> dict[str, object]:
    """What a machine reads and the table is drawn from: plain values, no password."""
    rows = list(found)
    counts = Counter(row.state for row in rows)
    return {
        **heading("schema_status"),
        "database": connection.settings_dict["NAME"],
        "items": [
            asdict(row) | {"applied_at": row.applied_at and row.applied_at.isoformat(timespec="seconds")}
            for row in rows
        ],
        "findings": [{"code": str(row.state), "object": row.name, "fix": row.cure} for row in rows if row.cure],
        "summary": ", ".join(f"{counts[state]} {state}" for state in State if counts[state]),
    }

"""Takes over a database that has the schema of some files and no ledger, after a comparison of all of it."""

import re
from collections.abc import Sequence

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from database import ledger
from database.errors import DriftError, HistoryError, StateError
from database.history import SchemaFile, read_history
from database.ledger import Kind
from database.operations import twins
from database.verification import drift


def files_up_to(baseline: str) -> tuple[SchemaFile, ...]:
    """The files from the first to the one meant by `7`, `007` or the file's name; HistoryError where there is none."""
    history = read_history()
    for file in history:
        if baseline == file.name or (re.fullmatch(r"\d+", baseline) and int(baseline) == file.number):
            return history[: file.number + 1]
    raise HistoryError(f"{baseline}: there is no such schema file. The last one is {history[-1].name}.")


def refuse_difference(connection: BaseDatabaseWrapper, files: Sequence[SchemaFile]) -> None:
    """StateError where a ledger stands already, DriftError where the schema is not exactly what these files make."""
    if entries := ledger.entries(connection):
        raise StateError(
            f"This database has a ledger with {len(entries)} files, so there is nothing to adopt. Nothing was changed."
            " Run migrate without --baseline."
        )
    findings, objects = drift(connection, files)
    if findings:
        raise DriftError(
            f"This database is not what the files up to {files[-1].name} make: {len(findings)} of {objects} objects"
            " differ. Nothing was changed. Name another file, or mend what is listed.",
            findings,
        )


def adopt(connection: BaseDatabaseWrapper, files: Sequence[SchemaFile]) -> None:
    """Writes the files into the ledger as adopted, all or none, where the schema is exactly what they make.

    The schema lock is held by the caller. `migrate` then records the migrations and goes on with the later files.
    """
    refuse_difference(connection, files)
    with transaction.atomic(using=connection.alias):
        ledger.lay_foundation(connection)
        for file in files:
            ledger.record(connection, file, twins()[file.name].migration, 0, Kind.ADOPTED)

"""System checks that keep schema files, Django migrations and models in step. All run without a database."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from database.errors import HistoryError
from database.history import read_history
from database.lint import SETTLED, lint
from database.operations import Key, foreign_operations, migration_graph, project_migrations, twins


@register("schema")
def check_history(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Files are numbered without gap, unedited, each run by one migration, in the order of their numbers."""
    found: list[CheckMessage] = []
    named = twins()
    try:
        files = read_history()
        found += [Error(problem, id="database.E006") for file in files for problem in file.problems()]
    except HistoryError as error:
        return [Error(str(error), id="database.E001")]

    for file in files:
        twin = named.pop(file.name, None)
        if twin is None or len(twin.runs) != 1:
            found.append(
                Error(
                    f"{file.name} is run by {len(twin.runs) if twin else 0} Django migrations instead of one.",
                    hint="Draft files with new_migration, or write one in core, metering or invoicing with RunSQLFile.",
                    id="database.E002",
                )
            )
        elif twin.sha256 != file.sha256:
            found.append(
                Error(
                    f"{file.name} was edited after {twin.migration} was written.",
                    hint="Restore the file and put the change into a new numbered file.",
                    id="database.E003",
                )
            )
        elif migration_graph().disk_migrations[twin.runs[0]].atomic != file.transactional:
            found.append(
                Error(
                    f"{twin.migration} runs {file.name} {'outside' if file.transactional else 'in'} a transaction.",
                    hint=f"Write atomic = {file.transactional} in the migration: the head of the file decides.",
                    id="database.E007",
                )
            )
    found += [
        Error(f"{twin.migration or twin.follows} names {name}, which does not exist.", id="database.E002")
        for name, twin in named.items()
    ]
    for key, migration in project_migrations().items():
        found += [
            Error(
                f"{'.'.join(key)} changes the schema by itself: {operation.describe()}.",
                hint="Put the change into a numbered SQL file and wrap the operation in RunSQLFile.",
                id="database.E004",
            )
            for operation in foreign_operations(key, migration)
        ]
    return found or check_order([file.name for file in files])


@register("schema")
def check_sql(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The files keep the rules of `database.lint`; those that every database has were judged when they were new."""
    try:
        files = read_history()
        findings = lint(files) if files[-1].number > SETTLED else []
    except HistoryError:
        # The check of the history says so already.
        return []
    return [
        (Error if finding.is_error else checks.Warning)(str(finding), hint=finding.hint, id=finding.id)
        for finding in findings
    ]


def check_order(names: Sequence[str]) -> list[CheckMessage]:
    """Every migration of a file depends on every migration of the file before, so that no plan can swap them."""
    graph, named = migration_graph().graph, twins()
    found: list[CheckMessage] = []
    before: list[Key] = []
    for name in names:
        twin = named[name]
        ancestors = set(graph.forwards_plan(twin.runs[0]))
        found += [
            Error(
                f"{twin.migration}, which runs {name}, does not depend on {'.'.join(key)}.",
                hint="Add it to the dependencies: files apply in the order of their numbers.",
                id="database.E005",
            )
            for key in before
            if key not in ancestors
        ]
        before = [*twin.runs, *twin.follows]
    return found

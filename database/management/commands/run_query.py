"""The face of `database.queries`."""

import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connection
from rich.console import Console
from rich.table import Table

from database import queries, validations
from database.management import Exit, FrontierCommand

EXITS: dict[type[queries.QueryError], Exit] = {
    queries.QueryFileError: Exit.WRONG_CONFIGURATION,
    queries.UnknownNameError: Exit.WRONG_USAGE,
    queries.ValueRefusedError: Exit.WRONG_USAGE,
    queries.QueryFailedError: Exit.ERROR,
}


class Command(FrontierCommand):
    help = (
        "Runs a query of database/sql in a transaction that may only read. A validation ends with 3 when it finds"
        " something, and its report is kept for the admin's schema page where this login may write."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        wanted = parser.add_mutually_exclusive_group(required=True)
        wanted.add_argument("query", nargs="?", metavar="NAME", help="a file of database/sql, or one query of it")
        wanted.add_argument("--list", action="store_true", help="the queries there are, and what they ask for")
        parser.add_argument("--param", action="append", default=[], type=pair, metavar="NAME=VALUE")
        parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
        parser.add_argument("--json", dest="format", action="store_const", const="json", help="short for --format json")
        parser.add_argument("--explain", action="store_true", help="run it and show how, instead of what it returned")
        parser.add_argument("--timeout", type=float, default=queries.TIMEOUT_SECONDS, help="seconds for each query")

    def handle(self, *args: str, **options: Any) -> None:
        try:
            if options["list"]:
                self.stdout.write("\n\n".join(listed(file) for file in queries.read_queries()))
                return
            file, values = queries.find(options["query"]), dict(options["param"])
            results = queries.run(
                connection, file, values, timeout_seconds=options["timeout"], explain=options["explain"]
            )
            told = file.is_validation and not options["explain"]
            if told and options["query"] == file.name and validations.may_record(connection):
                validations.record(connection, queries.report(connection, file, values, results))
            match options["format"]:
                case "json":
                    self.stdout.write(json.dumps(queries.report(connection, file, values, results), indent=2))
                case "csv":
                    self.stdout.write(queries.to_csv(results), ending="")
                case _:
                    for result in results:
                        if result.rows or not told:
                            self.stdout.write(self.drawn(result))
                    self.stdout.write(queries.summary(file, results))
        except queries.QueryError as error:
            raise CommandError(str(error), returncode=EXITS[type(error)]) from error
        if told and any(result.rows for result in results):
            raise SystemExit(Exit.NEEDS_A_PERSON)

    def drawn(self, result: queries.Result) -> str:
        """The rows under the query's name, and below them what is to be done."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, column in enumerate(result.columns):
            is_number = any(queries.is_number(row[number]) for row in result.rows)
            table.add_column(column, justify="right" if is_number else "left")
        for row in result.rows:
            table.add_row(*map(queries.show, row))
        # A pipe has no width, and a row broken in two is no use to the program behind it.
        console = Console(width=None if self.stdout.isatty() else 10_000, markup=False, highlight=False, emoji=False)
        with console.capture() as shown:
            console.print(table)
        lines = [f"{result.query.name}:", *(line.rstrip() for line in shown.get().splitlines())]
        if result.rows and result.query.cure:
            lines.append(f"Cure: {result.query.cure}")
        return "\n".join(lines) + "\n\n"


def pair(text: str) -> tuple[str, str]:
    """A parameter's name and value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def listed(file: queries.QueryFile) -> str:
    """A file with its parameters and queries."""
    lines = [f"{file.name} ({file.folder}): {file.about}"]
    lines += [f"    --param {one.name}={one.default}  {one.about}" for one in file.parameters]
    lines += [f"  {query.name}: {query.about}" for query in file.queries if query.name != file.name]
    return "\n".join(lines)

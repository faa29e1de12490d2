"""What Frontier's commands share: the codes they end with."""

from enum import IntEnum
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from database.processes import collect_rarely


class Exit(IntEnum):
    """What a command's exit code means."""

    DONE = 0
    ERROR = 1
    PENDING = 2  # or stale
    NEEDS_A_PERSON = 3  # history edited, drift, rows that do not fit
    WRONG_CONFIGURATION = 4
    NOT_REACHABLE = 5  # the server, or a client program
    LOCKED = 6  # by another run
    REFUSED = 7  # by a guard
    WRONG_USAGE = 64


class FrontierCommand(BaseCommand):
    """A command that ends as the table of exit codes says.

    Wrong usage ends with 64: argparse's own 2 means here that something is pending. A server that cannot be reached
    ends with 5 and one sentence.
    """

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except OperationalError as error:
            # A server that answered gives a state; without one nobody answered.
            if getattr(error.__cause__, "sqlstate", None):
                raise
            raise CommandError(
                f"The database cannot be reached: {str(error).strip()}\n"
                "Check DATABASE_URL in the environment or .env.local, and that the server runs.",
                returncode=Exit.NOT_REACHABLE,
            ) from error

    def run_from_argv(self, argv: list[str]) -> None:
        self._called_from_command_line = True
        try:
            self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
        except SystemExit as end:
            raise SystemExit(Exit.WRONG_USAGE if end.code else Exit.DONE) from None
        collect_rarely()
        super().run_from_argv(argv)

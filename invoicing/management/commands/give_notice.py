"""The face of `invoicing.default_notice.give_notice_by_calendar`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from core.errors import CoreError
from database.management import FrontierCommand
from invoicing.default_notice import give_notice_by_calendar


class Command(FrontierCommand):
    help = "Records that notice of a default was given: the time to cure begins, by the calendar that the clause names."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("default", type=int, help="the id of the default event")
        parser.add_argument("--at", type=datetime.fromisoformat, required=True, help="with its offset from UTC")
        parser.add_argument("--method", required=True, help="how notice was given, such as a letter")
        parser.add_argument("--by", required=True, metavar="NAME", help="who records it")

    def handle(self, *args: str, **options: Any) -> None:
        if options["at"].tzinfo is None:
            raise CommandError(f"--at {options['at'].isoformat()} has no offset from UTC: write {options['at']}+00:00")
        asked = {name: options[name] for name in ("at", "method", "by")}
        try:
            step = give_notice_by_calendar(options["default"], **asked)
        except CoreError as error:
            raise CommandError(str(error)) from error
        assert step.cure_deadline is not None  # a notice sets it
        self.stdout.write(f"The time to cure runs until {step.cure_deadline.isoformat()}.")

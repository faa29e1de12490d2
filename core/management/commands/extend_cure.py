"""The face of `core.curing.extend_cure`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from core.curing import extend_cure
from core.errors import CoreError
from core.models import DefaultEvent
from database.management import FrontierCommand


class Command(FrontierCommand):
    help = "Records that the parties agreed on a later end of the time to cure, as far as the clause allows one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("default", type=int, help="the id of the default event")
        parser.add_argument("--at", type=datetime.fromisoformat, required=True, help="when, with its offset from UTC")
        parser.add_argument(
            "--deadline", type=datetime.fromisoformat, required=True, help="the first instant too late to cure"
        )
        parser.add_argument("--by", required=True, metavar="NAME", help="who records it")
        parser.add_argument("--note", default="", help="why")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("at", "deadline"):
            if options[name].tzinfo is None:
                raise CommandError(f"--{name} {options[name]} has no offset from UTC: write {options[name]}+00:00")
        default = DefaultEvent.objects.filter(pk=options["default"]).first()
        if default is None:
            raise CommandError(f"there is no default {options['default']}")
        asked = {name: options[name] for name in ("at", "deadline", "by", "note")}
        try:
            step = extend_cure(default, **asked)
        except CoreError as error:
            raise CommandError(str(error)) from error
        assert step.cure_deadline is not None  # an extension sets it
        self.stdout.write(f"The time to cure runs until {step.cure_deadline.isoformat()}.")

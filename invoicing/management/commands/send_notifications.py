"""The face of `core.mailing` and of the reminders of payments."""

import json
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from core.errors import MailError
from core.mailing import send_again, send_notices, waiting
from database.management import Exit, FrontierCommand
from invoicing.errors import NotFoundError
from invoicing.notices import remind_of_payments


class Command(FrontierCommand):
    help = (
        "Writes reminders of payments that are due, and mails every notice that waits to the people of its"
        " organization: each once, many of them in one mail. A worker does the same every five minutes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--resend", type=int, action="append", metavar="ID", help="send this notice once more")
        parser.add_argument("--dry-run", action="store_true", help="list what waits; write and mail nothing")
        parser.add_argument("--json", action="store_true", help="the same as JSON")

    def handle(self, *args: str, **options: Any) -> None:
        if options["dry_run"]:
            found = waiting().select_related("organization", "notification_type")
            rows = [{"id": row.pk, "organization": str(row.organization), "notice": str(row)} for row in found]
            lines = [f"{row['id']}  {row['organization']}: {row['notice']}" for row in rows]
            self.stdout.write(json.dumps(rows, indent=2) if options["json"] else "\n".join(lines) or "Nothing waits.")
            return
        try:
            remind_of_payments(timezone.localdate(), settings.PAYMENT_NOTICE_DAYS)
            for number in options["resend"] or ():
                send_again(number)
            run = send_notices()
        except MailError as error:
            raise CommandError(str(error), returncode=Exit.NOT_REACHABLE) from error
        except NotFoundError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(run), indent=2) if options["json"] else str(run))
        if run.needs_a_person:
            raise CommandError("Some notices need a person, see above.", returncode=Exit.NEEDS_A_PERSON)

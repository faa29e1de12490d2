"""Notices mailed to the people of their organization: each once, many of them in one mail.

A row of `notification_mail` is committed before its mail is sent and completed after. A process that dies in between
leaves a row without an end: whether that mail came is not known, so it is shown, and sent again only when a person
says so. What the mail server refused is tried again by a later run, some times.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException, SMTPServerDisconnected
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from core.errors import MailError
from core.models import Notification, NotificationMail, Role

NOTICES_IN_A_MAIL: Final = 200
MOST_ATTEMPTS: Final = 6
# How long sending may take before its end counts as unknown.
SENDING: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class MailRun:
    """What a run sent, and what waits for a person. Counts are of notices."""

    sent: int
    mails: int
    refused: Mapping[int, str]
    unknown: Sequence[int]
    given_up: Mapping[int, str]
    without_recipient: Mapping[str, int]

    @property
    def needs_a_person(self) -> bool:
        return bool(self.unknown or self.given_up or self.without_recipient)

    def __str__(self) -> str:
        said = [f"{self.sent} notices sent in {self.mails} mails." if self.sent else "No notice was sent."]
        said += [f"Notice {number} was refused and is tried again later: {why}" for number, why in self.refused.items()]
        said += [f"Notice {number} is not tried any more: {why}" for number, why in self.given_up.items()]
        said += [
            f"Notice {number} may have been sent or not: look into the mail server's log, then"
            f" `send_notifications --resend {number}` or leave it"
            for number in self.unknown
        ]
        said += [
            f"{organization} has {count} notices and nobody to read them: give an active role an e-mail address"
            for organization, count in self.without_recipient.items()
        ]
        return "\n".join(said)


def waiting(now: datetime | None = None) -> QuerySet[Notification]:
    """The notices that the next run would send, oldest first: new ones, and refused ones whose pause is over."""
    now = now or timezone.now()
    paused = Q()
    for attempts in range(1, MOST_ATTEMPTS):
        paused |= Q(mail__attempts=attempts, mail__claimed_at__lte=now - pause(attempts))
    again = Q(mail__sent_at=None, mail__problem__isnull=False) & paused
    return Notification.objects.filter(Q(mail=None) | again).order_by("pk")


def pause(attempts: int) -> timedelta:
    """How long a refused mail waits: 5, 10, 20, 40, 80 minutes."""
    return timedelta(minutes=5 * 2 ** (attempts - 1))


def send_notices() -> MailRun:
    """Mails what waits, an organization at a time; any number of processes may run this together.

    Raises `MailError` where no mail server is named or it cannot be reached; then nothing was begun.
    """
    if not settings.EMAIL_BACKEND:
        raise MailError("FRONTIER_MAIL_URL is not set, so no notice can be mailed: smtp+tls://user:password@host:587")
    sent, mails, refused, without = 0, 0, dict[int, str](), dict[str, int]()
    organizations = waiting().order_by().values_list("organization_id", "organization__name").distinct()
    server: BaseEmailBackend = get_connection()
    try:
        for organization_id, name in sorted(organizations, key=lambda row: row[0]):
            recipients = _recipients(organization_id)
            if not recipients:
                without[name] = waiting().filter(organization=organization_id).count()
                continue
            server.open()
            while claimed := _claim(organization_id, recipients):
                problem = _send(server, claimed, recipients)
                _complete(claimed, problem)
                if problem:
                    refused |= {notice.pk: problem for notice in claimed}
                else:
                    sent, mails = sent + len(claimed), mails + 1
    except (OSError, SMTPException) as error:
        raise MailError(f"the mail server failed: {error}. {sent} notices were sent before") from error
    finally:
        server.close()
    return MailRun(sent, mails, refused, *unsettled(), without)


def unsettled(now: datetime | None = None) -> tuple[list[int], dict[int, str]]:
    """The notices of which it is not known whether they were sent, and those that are not tried any more."""
    unsent = NotificationMail.objects.filter(sent_at=None).order_by("pk")
    begun = unsent.filter(problem=None, claimed_at__lte=(now or timezone.now()) - SENDING)
    given_up = unsent.filter(problem__isnull=False, attempts__gte=MOST_ATTEMPTS)
    return [*begun.values_list("pk", flat=True)], {mail.pk: mail.problem or "" for mail in given_up}


def send_again(notification_id: int) -> None:
    """Has the next run send a notice once more, whatever became of its mail. Raises `MailError` without a mail."""
    found, _ = NotificationMail.objects.filter(notification=notification_id).delete()
    if not found:
        raise MailError(f"notice {notification_id} was never mailed: the next run does that")


def _recipients(organization_id: int) -> list[str]:
    """The addresses of the active people of an organization."""
    people = Role.objects.filter(organization=organization_id, is_active=True).exclude(email=None).exclude(email="")
    return sorted({email for email in people.values_list("email", flat=True) if email})


def _claim(organization_id: int, recipients: list[str]) -> list[Notification]:
    """Takes some waiting notices of an organization for this process alone, and commits that.

    What another process took meanwhile has one attempt more than was read here, and stays with it.
    """
    free = waiting().filter(organization=organization_id).annotate(attempts=Coalesce("mail__attempts", 0))
    found = list(free.select_related("notification_type", "organization")[:NOTICES_IN_A_MAIL])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notification_mail AS stored (notification_id, attempts, recipients, claimed_at)"
            " SELECT free.id, free.attempts + 1, %s, clock_timestamp()"
            " FROM unnest(%s::bigint[], %s::integer[]) AS free (id, attempts)"
            " ON CONFLICT (notification_id) DO UPDATE SET recipients = excluded.recipients,"
            " attempts = excluded.attempts, claimed_at = excluded.claimed_at, problem = NULL"
            " WHERE stored.attempts = excluded.attempts - 1 AND stored.problem IS NOT NULL"
            " RETURNING notification_id",
            [recipients, [notice.pk for notice in found], [notice.attempts for notice in found]],
        )
        claimed = {number for (number,) in cursor.fetchall()}
    return [notice for notice in found if notice.pk in claimed]


def _send(server: BaseEmailBackend, notices: Sequence[Notification], recipients: list[str]) -> str:
    """Hands one mail to the server; why the server refused it, if it did.

    Where the connection breaks meanwhile, nobody knows: the error is let through, and the claim stays without an end.
    """
    message = EmailMessage(subject_of(notices), text_of(notices), to=recipients, connection=server)
    try:
        message.send()
    except SMTPServerDisconnected:
        raise
    except SMTPResponseException as refusal:
        said = refusal.smtp_error
        return f"{refusal.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    except SMTPRecipientsRefused as refusal:
        return f"the server knows none of {', '.join(sorted(refusal.recipients))}"
    return ""


def _complete(notices: Sequence[Notification], problem: str) -> None:
    mails = NotificationMail.objects.filter(pk__in=[notice.pk for notice in notices])
    if problem:
        mails.update(problem=problem)
    else:
        mails.update(sent_at=timezone.now())


def subject_of(notices: Sequence[Notification]) -> str:
    """One line, whatever the names in it hold."""
    kinds = list(dict.fromkeys(notice.notification_type.name for notice in notices))
    said = kinds[0] if len(notices) == 1 else f"{len(notices)} notices: {', '.join(kinds)}"
    return " ".join(f"{notices[0].organization}: {said}".split())


def text_of(notices: Sequence[Notification]) -> str:
    """A paragraph for each notice, with the page where it can be followed."""
    return "\n\n".join("\n".join(_paragraph(notice)) for notice in notices) + "\n"


def _paragraph(notice: Notification) -> Iterator[str]:
    yield f"{notice.notification_type.name}: {notice.description or notice}"
    if notice.time_due:
        yield f"Due on {notice.time_due.date()}."
    if settings.BASE_URL:
        yield f"{settings.BASE_URL}{reverse('admin:core_notification_change', args=[notice.pk])}"

"""Notices reach the people of their organization by mail, each once."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from core.errors import MailError
from core.mailing import MOST_ATTEMPTS, SENDING, pause, send_again, send_notices, waiting
from core.models import Notification, NotificationMail
from tests.core.mail_server import Postbox, open_postbox
from tests.factories import NotificationFactory, OrganizationFactory, RoleFactory

pytestmark = [pytest.mark.django_db, pytest.mark.any_server]


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with open_postbox() as postbox:
        yield postbox


def notice(description: str = "Availability was 93 %.", **values: object) -> Notification:
    found: Notification = NotificationFactory.create(description=description, **values)
    return found


def staffed(name: str = "Sonora Energy", *emails: str) -> object:
    organization = OrganizationFactory.create(name=name)
    for email in emails or ("desk@sonora.example",):
        RoleFactory.create(organization=organization, email=email)
    return organization


def text(postbox: Postbox, number: int = 0) -> str:
    found: str = postbox.mails[number].get_content()
    return found


def test_all_that_waits_for_an_organization_is_one_mail_to_its_active_people(postbox: Postbox) -> None:
    organization = staffed("Sonora Energy", "a@sonora.example", "b@sonora.example")
    RoleFactory.create(organization=organization, email="left@sonora.example", is_active=False)
    first = notice("Availability was 93 %.", organization=organization)
    notice("Invoice INV-1 is due.", organization=organization, time_due=timezone.now())
    run = send_notices()
    assert (run.sent, run.mails, run.needs_a_person) == (2, 1, False)
    [mail] = postbox.mails
    assert mail["To"] == "a@sonora.example, b@sonora.example"
    assert "Availability was 93 %." in text(postbox)
    assert f"Due on {timezone.now().date()}." in text(postbox)
    assert f"/admin/core/notification/{first.pk}/change/" in text(postbox)


def test_a_second_run_sends_nothing(postbox: Postbox) -> None:
    notice(organization=staffed())
    assert send_notices().sent == 1
    stored = list(NotificationMail.objects.values())
    assert send_notices().sent == 0
    assert list(NotificationMail.objects.values()) == stored
    assert len(postbox.mails) == 1


def test_an_organization_reads_nothing_of_another(postbox: Postbox) -> None:
    notice("Ours.", organization=staffed("Sonora Energy", "desk@sonora.example"))
    notice("Theirs.", organization=staffed("Baja Wind", "desk@baja.example"))
    assert send_notices().mails == 2
    assert {mail["To"]: mail.get_content().splitlines()[0].partition(": ")[2] for mail in postbox.mails} == {
        "desk@sonora.example": "Ours.",
        "desk@baja.example": "Theirs.",
    }


def test_what_the_server_refuses_waits_longer_each_time_and_is_given_up_in_the_end(postbox: Postbox) -> None:
    refused = notice(organization=staffed())
    postbox.answers = ["451 try later"] * MOST_ATTEMPTS
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert send_notices().refused == {refused.pk: "451 try later"}
        assert send_notices().refused == {}  # its pause is not over
        mail = NotificationMail.objects.get()
        assert (mail.attempts, mail.sent_at, mail.problem) == (attempt, None, "451 try later")
        NotificationMail.objects.update(claimed_at=timezone.now() - pause(attempt))
    run = send_notices()
    assert (run.sent, run.given_up, run.needs_a_person) == (0, {refused.pk: "451 try later"}, True)
    send_again(refused.pk)
    assert send_notices().sent == 1


def test_a_mail_whose_end_is_unknown_is_shown_and_not_sent_twice(postbox: Postbox) -> None:
    lost = notice(organization=staffed())
    postbox.answers = [Postbox.BREAK]
    with pytest.raises(MailError, match="the mail server failed"):
        send_notices()
    assert len(postbox.mails) == 1
    assert send_notices().sent == 0
    NotificationMail.objects.update(claimed_at=timezone.now() - SENDING)
    run = send_notices()
    assert (run.sent, run.unknown, run.needs_a_person) == (0, [lost.pk], True)
    assert f"--resend {lost.pk}" in str(run)
    assert len(postbox.mails) == 1
    send_again(lost.pk)
    assert send_notices().sent == 1


def test_a_server_that_cannot_be_reached_begins_nothing(settings: Settings) -> None:
    notice(organization=staffed())
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = taken.getsockname()
        with pytest.raises(MailError, match="the mail server failed"):
            send_notices()
    assert not NotificationMail.objects.exists()
    settings.EMAIL_BACKEND = ""
    with pytest.raises(MailError, match="FRONTIER_MAIL_URL is not set"):
        send_notices()


def test_notices_that_nobody_can_read_are_reported_and_wait(postbox: Postbox) -> None:
    organization = OrganizationFactory.create(name="Nobody Power")
    RoleFactory.create(organization=organization, email=None)
    notice(organization=organization)
    run = send_notices()
    assert (run.sent, run.without_recipient, run.needs_a_person) == (0, {"Nobody Power": 1}, True)
    RoleFactory.create(organization=organization, email="new@nobody.example")
    assert send_notices().sent == 1


def test_a_name_cannot_write_a_header(postbox: Postbox) -> None:
    organization = staffed("Sonora\r\nBcc: everybody@example.com")
    notice(organization=organization)
    assert send_notices().sent == 1
    assert postbox.mails[0]["Bcc"] is None
    assert postbox.mails[0]["Subject"].startswith("Sonora Bcc: everybody@example.com: ")


def test_the_command_lists_sends_and_says_what_needs_a_person(
    postbox: Postbox, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = notice(organization=staffed())
    call_command("send_notifications", "--dry-run", "--json")
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [waits.pk]
    assert postbox.mails == []
    call_command("send_notifications")
    assert capsys.readouterr().out == "1 notices sent in 1 mails.\n"
    call_command("send_notifications", "--resend", str(waits.pk), "--json")
    assert json.loads(capsys.readouterr().out)["sent"] == 1
    assert len(postbox.mails) == 2
    notice(organization=OrganizationFactory.create(name="Nobody Power"))
    with pytest.raises(CommandError, match="need a person") as ended:
        call_command("send_notifications")
    assert ended.value.returncode == 3
    with pytest.raises(CommandError, match="was never mailed"):
        call_command("send_notifications", "--resend", "0")


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_sends_a_notice(postbox: Postbox) -> None:
    organization = staffed()
    for number in range(40):
        notice(f"Notice {number}.", organization=organization)
    ready = Barrier(4)
    sent: list[int] = []

    def run() -> None:
        ready.wait()
        sent.append(send_notices().sent)
        connection.close()

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 40
    said = [line for mail in postbox.mails for line in mail.get_content().splitlines() if ": Notice " in line]
    assert len(said) == len(set(said)) == 40
    assert not waiting().exists()


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 5), (2, 10), (5, 80)])
def test_pauses_double(attempts: int, minutes: int) -> None:
    assert pause(attempts) == timedelta(minutes=minutes)

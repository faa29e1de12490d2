"""Notices about invoices are written once, whoever writes them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.models import Currency, Notification, NotificationMail
from invoicing.errors import NotFoundError
from invoicing.issuing import pay, reopen, verify
from invoicing.models import InvoiceHeader, InvoiceNotice, InvoiceStatus, NoticeKind, ReceivedInvoiceHeader
from invoicing.notices import announce_drafts, remind_of_payments
from tests.factories import InvoiceHeaderFactory, NotificationTypeFactory, ReceivedInvoiceHeaderFactory
from tests.invoicing.test_issuing import issued, make_contract, make_draft

pytestmark = [pytest.mark.django_db, pytest.mark.any_server]

TODAY = date(2026, 2, 1)


@pytest.fixture(autouse=True)
def types() -> None:
    for code in ("INVOICE_READY", "PAYMENT_REMINDER"):
        NotificationTypeFactory.create(code=code)


def usd() -> Currency:
    return Currency.objects.get_or_create(code="USD", defaults={"name": "US dollar"})[0]


def draft(**values: object) -> InvoiceHeader:
    found: InvoiceHeader = InvoiceHeaderFactory.create(currency=usd(), **values)
    return found


def received(due: date, **values: object) -> ReceivedInvoiceHeader:
    found: ReceivedInvoiceHeader = ReceivedInvoiceHeaderFactory.create(due_date=due, currency=usd(), **values)
    return found


def kinds() -> list[tuple[int | None, str]]:
    return [*InvoiceNotice.objects.order_by("pk").values_list("received_invoice_header", "kind")]


def test_a_draft_is_announced_once(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    first, second = draft(total_amount=Decimal("74846.36")), draft()
    assert announce_drafts([first]) == 1
    assert announce_drafts([first, second]) == 1
    with django_assert_max_num_queries(4):
        assert announce_drafts([first, second]) == 0
    said = InvoiceNotice.objects.get(invoice_header=first).notification
    assert said.organization_id == first.contract.organization_id
    assert "drafted, USD 74,846.36 before taxes" in str(said.description)


def test_payments_are_reminded_of_before_and_after_they_are_due() -> None:
    soon, late, far = received(date(2026, 2, 8)), received(date(2026, 1, 31)), received(date(2026, 2, 9))
    today = received(TODAY)
    received(date(2026, 1, 31), status=InvoiceStatus.PAID)
    assert remind_of_payments(TODAY, 7) == 3
    assert remind_of_payments(TODAY, 7) == 0
    assert sorted(kinds()) == sorted([(soon.pk, "due"), (today.pk, "due"), (late.pk, "overdue")])
    assert InvoiceNotice.objects.get(kind="overdue").notification.time_due == datetime(2026, 1, 31, tzinfo=UTC)
    # A day on, one more is due soon, and one is overdue now as well.
    assert remind_of_payments(date(2026, 2, 2), 7) == 2
    assert (far.pk, "due") in kinds()
    assert (today.pk, "overdue") in kinds()


def test_nobody_is_reminded_of_a_draft() -> None:
    draft(due_date=TODAY)
    assert remind_of_payments(TODAY, 7) == 0


def test_what_was_done_before_it_was_mailed_is_not_asked_for_any_more() -> None:
    done, told = (make_draft(make_contract(), "100", "0.50") for _ in range(2))
    assert announce_drafts([done, told]) == 2
    NotificationMail.objects.create(
        notification=Notification.objects.get(invoice_notice__invoice_header=told),
        recipients=["bea@example.com"],
        attempts=1,
        claimed_at=timezone.now(),
    )
    for invoice in (done, told):
        verify(invoice.pk, by="Bea", on=TODAY)
    assert [notice.invoice_header for notice in InvoiceNotice.objects.all()] == [told]
    assert Notification.objects.count() == 1
    # What is a draft again waits again.
    reopen(done.pk, by="Bea", reason="a reading came late")
    done.refresh_from_db()
    assert announce_drafts([done, told]) == 1


def test_what_is_paid_is_reminded_of_no_more() -> None:
    invoice = issued(make_contract(), "100", "0.50")
    assert remind_of_payments(date(2027, 1, 1), 7) == 1
    pay(invoice.pk, by="Bea", on=TODAY)
    assert kinds() == []


def test_without_its_vocabulary_nothing_is_written() -> None:
    Notification.objects.all().delete()
    NotificationTypeFactory._meta.model.objects.all().delete()
    with pytest.raises(NotFoundError, match="INVOICE_READY is not loaded"):
        announce_drafts([draft()])
    assert not InvoiceNotice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_writes_a_notice() -> None:
    drafts = [draft() for _ in range(10)]
    ready = Barrier(4)
    written: list[int] = []

    def run() -> None:
        ready.wait()
        written.append(announce_drafts(drafts))
        connection.close()

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == [0, 0, 0, 10]
    assert Notification.objects.count() == InvoiceNotice.objects.filter(kind=NoticeKind.READY).count() == 10

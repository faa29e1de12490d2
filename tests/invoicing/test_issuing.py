"""The life of an invoice, and what the database refuses whoever asks."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import StringIO
from threading import Thread
from typing import Any

import pgtrigger
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models import BillingPeriod, Contract
from invoicing.crediting import credit, share_out
from invoicing.deeds import Deed, Step
from invoicing.errors import IssuingError
from invoicing.issuing import (
    dispute,
    interest_due,
    issue,
    pay,
    reopen,
    settle,
    verify,
    verify_and_issue,
)
from invoicing.models import (
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceSeries,
    InvoiceStatus,
    InvoiceStatusChange,
    InvoiceTax,
    TaxRule,
)
from tests.conftest import ISSUED
from tests.factories import (
    BillingPeriodFactory,
    ClauseCategoryFactory,
    ClauseFactory,
    ClauseTariffFactory,
    ContractFactory,
    CurrencyFactory,
    HolidayCalendarFactory,
    HolidayFactory,
    InvoiceHeaderFactory,
    InvoiceLineItemFactory,
    InvoiceLineItemTypeFactory,
    InvoiceSeriesFactory,
    TaxRuleFactory,
)
from tests.soak import rounds

DAY = date(2026, 2, 3)


def make_contract() -> Contract:
    contract = ContractFactory.create()
    ClauseFactory.create(
        contract=contract,
        clause_category=ClauseCategoryFactory.create(code="PAYMENT_TERMS"),
        normalized_payload={
            "invoice_frequency": "monthly",
            "payment_due_days": 30,
            "late_interest_rate": 8,
            "late_interest_day_count": "actual/365",
        },
    )
    return contract


def make_draft(contract: Contract, *amounts: str, period: BillingPeriod | None = None) -> InvoiceHeader:
    """A draft in dollars with a line of energy for each amount."""
    invoice = InvoiceHeaderFactory.create(
        contract=contract,
        currency=CurrencyFactory.create(code="USD"),
        billing_period=period or BillingPeriodFactory.create(),
        total_amount=sum(map(Decimal, amounts)),
    )
    for amount in amounts:
        InvoiceLineItemFactory.create(
            invoice_header=invoice,
            invoice_line_item_type=InvoiceLineItemTypeFactory.create(code="ENERGY"),
            line_total_amount=Decimal(amount),
            quantity=Decimal(1),
            line_unit_price=Decimal(amount),
        )
    return invoice


def issued(contract: Contract, *amounts: str) -> InvoiceHeader:
    invoice = make_draft(contract, *amounts)
    verify_and_issue(invoice.pk, by="Ana", on=DAY)
    invoice.refresh_from_db()
    return invoice


@pytest.fixture
def contract(db: None) -> Contract:
    return make_contract()


def refused(statement: str, *values: int | str) -> str:
    """The words with which the database refuses a statement."""
    with pytest.raises(DatabaseError) as refusal:
        carry_out(statement, *values)
    return str(refusal.value).partition("\n")[0]


def carry_out(statement: str, *values: int | str, before: str = "SELECT 1") -> int:
    """The number of rows that a statement changed, with everything checked that waits for COMMIT."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(before)
        cursor.execute(statement, values or None)
        changed: int = cursor.rowcount
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("RESET ROLE; RESET session_replication_role; RESET pgtrigger.ignore")
    return changed


# --- steps


def test_an_invoice_is_issued_with_number_date_and_due_date_and_the_database_keeps_who_did_it(
    contract: Contract,
) -> None:
    invoice = make_draft(contract, "100.00", "-20.00")
    assert verify(invoice.pk, by="Ana", on=DAY).step is Step.VERIFIED
    deed = issue(invoice.pk, by="Ben", on=DAY)
    assert (deed.step, deed.number, deed.due_on) == (Step.ISSUED, "INV-2026-00001", date(2026, 3, 5))
    assert str(deed) == "invoice INV-2026-00001: issued, USD 80.00, due on 2026-03-05."
    steps = InvoiceStatusChange.objects.order_by("id").values_list("from_status", "to_status", "changed_by")
    assert list(steps) == [("draft", "verified", "Ana"), ("verified", "sent", "Ben")]


def test_every_step_may_be_taken_twice_and_the_second_changes_nothing(contract: Contract) -> None:
    invoice = make_draft(contract, "10.00")
    deeds: list[Callable[[], Deed]] = [
        lambda: verify(invoice.pk, by="Ana", on=DAY),
        lambda: issue(invoice.pk, by="Ana", on=DAY),
        lambda: dispute(invoice.pk, by="Ana", reason="too much"),
        lambda: settle(invoice.pk, by="Ana", reason="explained"),
        lambda: credit(invoice.pk, by="Ana", on=DAY, reason="goodwill", amount=Decimal(1)),
        lambda: pay(invoice.pk, by="Ana", on=DAY),
    ]
    for deed in deeds:
        assert deed().step is not Step.UNCHANGED
        count = InvoiceStatusChange.objects.count()
        assert deed().step is Step.UNCHANGED
        assert InvoiceStatusChange.objects.count() == count


def test_what_was_verified_may_be_taken_back_and_comes_out_again(contract: Contract) -> None:
    TaxRuleFactory.create(organization=contract.organization)
    invoice = make_draft(contract, "100.00")
    assert verify(invoice.pk, by="Ana", on=DAY).total == 119
    assert reopen(invoice.pk, by="Ana", reason="wrong month").total == 100
    assert InvoiceTax.objects.count() == 0
    assert verify(invoice.pk, by="Ana", on=DAY).total == 119


@pytest.mark.parametrize(
    "before, after",
    [
        (before, after)
        for before in InvoiceStatus.values
        for after in InvoiceStatus.values
        if before != after
        and (before, after)
        not in {
            ("draft", "verified"),
            ("verified", "draft"),
            ("verified", "sent"),
            ("sent", "disputed"),
            ("sent", "paid"),
            ("disputed", "sent"),
            ("disputed", "paid"),
        }
    ],
)
def test_the_database_refuses_every_other_step(contract: Contract, before: str, after: str) -> None:
    invoice = make_draft(contract, "10.00")
    if before != "draft":
        verify(invoice.pk, by="Ana", on=DAY)
    if before not in {"draft", "verified"}:
        issue(invoice.pk, by="Ana", on=DAY)
    if before in {"disputed", "paid"}:
        InvoiceHeader.objects.update(status=before)
    said = refused("UPDATE invoice_header SET status = %s WHERE id = %s", after, invoice.pk)
    assert said == f"invoice {invoice.pk} is {before} and cannot become {after}"


def test_an_invoice_begins_as_a_draft(contract: Contract) -> None:
    with pytest.raises(DatabaseError, match="an invoice begins as a draft, not sent"):
        InvoiceHeaderFactory.create(contract=contract, status="sent")


def test_a_total_that_is_not_its_lines_is_not_verified(contract: Contract) -> None:
    invoice = make_draft(contract, "10.00")
    assert "says 11.0000, and its lines, levies and VAT are 10.0000" in refused(
        "UPDATE invoice_header SET status = 'verified', total_amount = 11 WHERE id = %s", invoice.pk
    )


def test_nobody_issues_without_a_due_date_or_without_saying_who(contract: Contract) -> None:
    invoice = make_draft(ContractFactory.create(), "10.00")
    verify(invoice.pk, by="Ana", on=DAY)
    with pytest.raises(IssuingError, match="no clause of PAYMENT_TERMS"):
        issue(invoice.pk, by="Ana", on=DAY)
    with pytest.raises(IssuingError, match="who acts must be said"):
        issue(invoice.pk, by=" ", on=DAY, due=DAY)
    assert issue(invoice.pk, by="Ana", on=DAY, due=DAY).number == "INV-2026-00001"


def test_late_interest_runs_until_the_day_of_payment(contract: Contract) -> None:
    invoice = issued(contract, "36500.00")
    assert interest_due(invoice.pk, date(2026, 3, 15)) == Decimal("80.00")  # 36,500 × 8 % × 10 ÷ 365
    pay(invoice.pk, by="Ana", on=date(2026, 3, 6))
    assert interest_due(invoice.pk, date(2026, 12, 31)) == Decimal("8.00")


# --- numbers


def test_a_new_year_begins_a_new_series_in_the_pattern_of_the_last(contract: Contract) -> None:
    InvoiceSeriesFactory.create(
        organization=contract.organization, year=2026, pattern="H{year}/{number}", digits=3, last_number=41
    )
    numbers = [
        verify_and_issue(make_draft(contract, "1.00").pk, by="Ana", on=day).number
        for day in (DAY, DAY, date(2027, 1, 2))
    ]
    assert numbers == ["H2026/042", "H2026/043", "H2027/001"]


@pytest.mark.django_db
def test_a_number_longer_than_its_digits_is_whole() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT show_invoice_number('R-{year}-{number}', 2, 2026, 12345)")
        assert cursor.fetchone() == ("R-2026-12345",)


def test_a_number_taken_for_no_document_is_refused_at_commit(contract: Contract) -> None:
    series = InvoiceSeriesFactory.create(organization=contract.organization)
    said = refused("UPDATE invoice_series SET last_number = last_number + 1 WHERE id = %s", series.pk)
    assert said == "number 1 of series INV-{year}-{number} was taken for no document"
    assert "counts on from 0" in refused("UPDATE invoice_series SET last_number = 7 WHERE id = %s", series.pk)


def test_a_number_that_was_not_taken_from_the_series_is_refused(contract: Contract) -> None:
    series = InvoiceSeriesFactory.create(organization=contract.organization)
    invoice = make_draft(contract, "1.00")
    verify(invoice.pk, by="Ana", on=DAY)
    for number in (1, 0):
        assert "is issued with the number just taken" in refused(
            "UPDATE invoice_header SET status = 'sent', invoice_series_id = %s, series_number = %s,"
            " invoice_number = 'INV-2026-00009', invoice_date = '2026-02-03' WHERE id = %s",
            series.pk,
            number,
            invoice.pk,
        )


class AbortedError(Exception):
    """Stands for whatever ends a transaction between the number and its commit."""


def issue_and_abort(pk: int) -> None:
    with transaction.atomic():
        verify_and_issue(pk, by="Ana", on=DAY)
        raise AbortedError


@pytest.mark.soak
@pytest.mark.django_db(transaction=True)
def test_numbers_stay_gapless_through_concurrent_issues_and_aborts(emptied: None) -> None:
    contract = make_contract()
    runs, threads = rounds(1000, 120), 8
    drafts = [make_draft(contract, "1.00").pk for _ in range(runs)]
    troubles: list[BaseException] = []

    def work(mine: list[int]) -> None:
        try:
            for place, pk in enumerate(mine):
                if place % 3 == 0:
                    with pytest.raises(AbortedError):
                        issue_and_abort(pk)
                if place % 3 != 2:
                    verify_and_issue(pk, by="Ana", on=DAY)
        except BaseException as trouble:  # noqa: BLE001  a thread's failure is the test's
            troubles.append(trouble)
        finally:
            connection.close()

    workers = [Thread(target=work, args=(drafts[start::threads],)) for start in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert troubles == []
    numbered = InvoiceHeader.objects.exclude(series_number=None).order_by("series_number")
    numbers = list(numbered.values_list("series_number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert runs // 2 < len(numbers) < runs
    assert InvoiceSeries.objects.get().last_number == len(numbers)


# --- business days


def make_business_days(contract: Contract, days: int, *calendars: str) -> None:
    """Payment within business days, and a published tariff for each calendar of holidays."""
    clause = contract.clauses.get()
    clause.normalized_payload = {
        **(clause.normalized_payload or {}),
        "payment_due_days": days,
        "payment_due_calendar": "business",
    }
    clause.save()
    for name in calendars:
        year = 2020 + contract.tariffs.count()
        ClauseTariffFactory.create(
            contract=contract,
            valid_from=date(year, 1, 1),
            valid_to=date(year, 12, 31),
            logic_parameters={"holiday_calendar": name},
        )


def test_business_days_leave_out_the_holidays_of_the_calendar_that_the_tariffs_name(contract: Contract) -> None:
    holidays = HolidayCalendarFactory.create(name="Arizona", known_to=None)
    HolidayFactory.create(holiday_calendar=holidays, falls_on="02-05")
    make_business_days(contract, 3)
    assert issued(contract, "1.00").due_date == date(2026, 2, 6)
    make_business_days(contract, 3, "Arizona", "Arizona")
    assert issued(contract, "1.00").due_date == date(2026, 2, 9)


def test_business_days_beyond_the_known_holidays_or_by_two_calendars_are_refused(contract: Contract) -> None:
    HolidayCalendarFactory.create(name="Arizona", known_to=date(2026, 2, 4))
    make_business_days(contract, 3, "Arizona")
    with pytest.raises(IssuingError, match=r"known to 2026-02-04 only: add those of 2026-02-05, or give the due date"):
        issued(contract, "1.00")
    make_business_days(contract, 3, "Sonora")
    with pytest.raises(IssuingError, match="the tariffs name Arizona and Sonora: business days need one"):
        issued(contract, "1.00")


# --- what was issued stays


STATEMENTS = (
    "UPDATE invoice_header SET total_amount = 1",
    "UPDATE invoice_header SET invoice_number = 'X'",
    "UPDATE invoice_header SET id = id + 1000",
    "DELETE FROM invoice_header",
    "UPDATE invoice_line_item SET line_total_amount = 1",
    "UPDATE invoice_line_item SET description = 'other'",
    "DELETE FROM invoice_line_item",
    "INSERT INTO invoice_line_item (invoice_header_id, invoice_line_item_type_id, line_total_amount)"
    " SELECT invoice_header_id, invoice_line_item_type_id, 1 FROM invoice_line_item",
    "UPDATE invoice_tax SET tax_total_amount = 0",
    "DELETE FROM invoice_tax",
    "UPDATE invoice_status_change SET changed_by = 'somebody else'",
    "DELETE FROM invoice_status_change",
    "UPDATE invoice_series SET last_number = 0",
    "UPDATE invoice_series SET pattern = 'Z-{year}-{number}'",
    "DELETE FROM invoice_series",
    *(f"TRUNCATE {table} CASCADE" for table in ISSUED),
)


EVERY_TRIGGER = """
SELECT set_config('pgtrigger.ignore', (
    SELECT array_agg(tgname::text)::text FROM pg_trigger
    WHERE NOT tgisinternal AND tgrelid = ANY (ARRAY['invoice_header', 'invoice_line_item', 'invoice_tax',
        'invoice_status_change', 'invoice_series']::regclass[])), true)
"""


@pytest.mark.parametrize("role", ["postgres", "authenticated", "service_role", "anon"])
@pytest.mark.parametrize(
    "setting",
    ["SELECT 1", EVERY_TRIGGER, "SET LOCAL session_replication_role = replica"],
    ids=["as it is", "pgtrigger ignores every trigger", "replica"],
)
def test_what_was_issued_refuses_every_change_for_every_role_and_setting(
    contract: Contract, role: str, setting: str
) -> None:
    TaxRuleFactory.create(organization=contract.organization)
    issued(contract, "100.00")
    before = everything_issued()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in (*ISSUED, "contract"):
            cursor.execute(f"GRANT ALL ON {table} TO anon, authenticated, service_role")
    for statement in STATEMENTS:
        try:
            changed = carry_out(statement, before=f"{setting}; SET LOCAL ROLE {role}")
        except DatabaseError:
            continue
        # Row security shows a client none of these rows.
        assert (statement, changed, role in {"anon", "authenticated"}) == (statement, 0, True)
    assert everything_issued() == before


def everything_issued() -> list[list[Any]]:
    models = (InvoiceHeader, InvoiceLineItem, InvoiceTax, InvoiceStatusChange, InvoiceSeries)
    return [list(model._default_manager.order_by("id").values()) for model in models]


def test_django_does_not_step_over_the_guard_either(contract: Contract) -> None:
    invoice = issued(contract, "100.00")
    with (
        pgtrigger.ignore("invoicing.InvoiceHeader:issued_is_final"),
        pytest.raises(DatabaseError),
        transaction.atomic(),
    ):
        InvoiceHeader.objects.filter(pk=invoice.pk).update(total_amount=1)


# --- taxes


def test_levies_vat_and_withholding_stand_on_the_invoice_and_its_total_is_gross_of_withholding(
    contract: Contract,
) -> None:
    for values in (
        {"tax_code": "VAT", "rate": Decimal("0.15")},
        {"tax_code": "LEVY", "kind": "levy", "base": "lines", "rate": Decimal("0.05")},
        {"tax_code": "WHT", "kind": "withholding", "base": "lines", "rate": Decimal("0.075"), "vat_category": None},
    ):
        TaxRuleFactory.create(organization=contract.organization, **values)
    deed = verify(make_draft(contract, "1000.00").pk, by="Ana", on=DAY)
    assert (deed.total, deed.withheld, deed.payable) == (Decimal("1207.50"), Decimal(75), Decimal("1132.50"))
    found = InvoiceTax.objects.order_by("id").values_list("kind", "base_total_amount", "tax_total_amount")
    assert [(kind, str(base), str(tax)) for kind, base, tax in found] == [
        ("levy", "1000.0000", "50.0000"),
        ("vat", "1050.0000", "157.5000"),
        ("withholding", "1000.0000", "75.0000"),
    ]


def test_the_rate_of_the_day_of_verification_is_charged(contract: Contract) -> None:
    TaxRuleFactory.create(
        organization=contract.organization, tax_code="VAT", rate=Decimal("0.16"), valid_to=date(2026, 1, 31)
    )
    TaxRuleFactory.create(
        organization=contract.organization, tax_code="VAT", rate=Decimal("0.19"), valid_from=date(2026, 2, 1)
    )
    totals = [verify(make_draft(contract, "100.00").pk, by="Ana", on=day).total for day in (date(2026, 1, 31), DAY)]
    assert totals == [116, 119]


def test_two_rates_of_one_tax_may_not_be_in_force_on_one_day(contract: Contract) -> None:
    TaxRuleFactory.create(organization=contract.organization, tax_code="VAT", valid_to=date(2026, 1, 31))
    with pytest.raises(DatabaseError, match="ex_tax_rule_one_vat"), transaction.atomic():
        TaxRuleFactory.create(organization=contract.organization, tax_code="OTHER", valid_from=date(2026, 1, 31))
    TaxRuleFactory.create(organization=contract.organization, tax_code="VAT", valid_from=date(2026, 2, 1))
    TaxRuleFactory.create(tax_code="VAT")
    assert TaxRule.objects.count() == 3


# --- credit notes


def test_a_credit_note_takes_back_a_part_of_each_line_and_its_vat(contract: Contract) -> None:
    TaxRuleFactory.create(organization=contract.organization)
    invoice = issued(contract, "100.00", "50.00", "-30.00")  # 142.80 with VAT
    deed = credit(invoice.pk, by="Ana", on=DAY, reason="late readings", amount=Decimal("71.40"))
    assert (deed.step, deed.number, deed.total) == (Step.CREDITED, "CN-2026-00001", Decimal("71.40"))
    note = InvoiceHeader.objects.get(pk=deed.invoice_id)
    assert [line.line_total_amount for line in note.lines.order_by("id")] == [50, 25, -15]
    assert [tax.tax_total_amount for tax in note.taxes.all()] == [Decimal("11.40")]
    assert (note.corrects, note.status) == (invoice, "sent")


def test_no_more_is_credited_than_was_invoiced(contract: Contract) -> None:
    invoice = issued(contract, "100.00")
    credit(invoice.pk, by="Ana", on=DAY, reason="first", amount=Decimal("60.00"))
    with pytest.raises(IssuingError, match=r"USD 40\.01 cannot be credited: USD 40\.00 are left"):
        credit(invoice.pk, by="Ana", on=DAY, reason="second", amount=Decimal("40.01"))
    assert credit(invoice.pk, by="Ana", on=DAY, reason="third").total == 40


def test_the_database_refuses_a_credit_note_over_more_than_is_left(contract: Contract) -> None:
    invoice = issued(contract, "100.00", "10.00")
    line, small = invoice.lines.order_by("id")
    credit(invoice.pk, by="Ana", on=DAY, reason="first", amount=Decimal("60.00"))
    for amount, corrected, said in (
        ("50.01", line, "are credited"),
        ("50.00", small, "of line"),
        ("1.00", None, "names none of the invoice"),
    ):
        with pytest.raises(DatabaseError, match=said):
            credit_by_hand(invoice, corrected, Decimal(amount))


def credit_by_hand(invoice: InvoiceHeader, line: InvoiceLineItem | None, amount: Decimal) -> None:
    """A credit note that did not come from `credit`."""
    with transaction.atomic():
        note = InvoiceHeaderFactory.create(
            contract=invoice.contract,
            document_type="credit_note",
            corrects=invoice,
            currency=invoice.currency,
            billing_period=invoice.billing_period,
            total_amount=amount,
        )
        InvoiceLineItemFactory.create(invoice_header=note, corrects=line, line_total_amount=amount)
        InvoiceHeader.objects.filter(pk=note.pk).update(status="verified")


@pytest.mark.django_db
@settings(max_examples=rounds(300, 12), deadline=None)
@given(
    lines=st.lists(st.integers(1, 500_000), min_size=1, max_size=5),
    credited=st.integers(0, 40),
    parts=st.lists(st.integers(1, 99), min_size=1, max_size=5),
    rate=st.sampled_from(["0.19", "0.055", "0.075"]),
)
def test_any_split_into_credit_notes_sums_to_the_invoice_to_the_cent(
    lines: list[int], credited: int, parts: list[int], rate: str
) -> None:
    with transaction.atomic():
        contract = make_contract()
        TaxRuleFactory.create(organization=contract.organization, rate=Decimal(rate))
        amounts = [Decimal(cents) / 100 for cents in lines]
        damages = -(sum(amounts, Decimal(0)) * credited // 100).quantize(Decimal("0.01"))
        invoice = issued(contract, *map(str, amounts), *([str(damages)] if damages else []))
        left = invoice.total_amount
        for place, part in enumerate(parts):
            wanted = (left * part / 100).quantize(Decimal("0.01"))
            if wanted > 0:
                left -= credit(invoice.pk, by="Ana", on=DAY, reason=f"part {place}", amount=wanted).total
        if left:
            credit(invoice.pk, by="Ana", on=DAY, reason="the rest")
        for row in InvoiceLineItem.objects.filter(invoice_header=invoice):
            assert sum(part.line_total_amount for part in row.credits.all()) == row.line_total_amount
        for tax in invoice.taxes.all():
            assert sum(part.tax_total_amount for part in tax.credits.all()) == tax.tax_total_amount
            assert sum(part.base_total_amount for part in tax.credits.all()) == tax.base_total_amount
        assert sum(note.total_amount for note in invoice.credit_notes.all()) == invoice.total_amount
        transaction.set_rollback(True)


@given(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=9), st.integers(1, 10_000))
def test_shares_add_up_and_stay_between_zero_and_what_is_left(cents: list[int], part: int) -> None:
    left = [Decimal(cent) / 100 for cent in cents]
    total = sum(left, Decimal(0))
    if total <= 0:
        return
    amount = (total * part / 10_000).quantize(Decimal("0.01"))
    shares = share_out(amount, left, 2)
    assert sum(shares) == amount
    for share, rest in zip(shares, left, strict=True):
        assert min(rest, Decimal(0)) <= share <= max(rest, Decimal(0))


# --- commands


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_commands_issue_and_credit_and_a_dry_run_writes_nothing(contract: Contract) -> None:
    invoice = make_draft(contract, "100.00")
    arguments = ("--by", "Ana", "--on", "2026-02-03")
    assert "Dry run: nothing was written." in run("issue_invoice", invoice.pk, *arguments, "--dry-run")
    assert InvoiceHeader.objects.get().status == "draft"
    said = json.loads(run("issue_invoice", invoice.pk, *arguments, "--json"))
    assert (said["number"], said["step"], said["total"]) == ("INV-2026-00001", "issued", "100.0000")
    asked = ("credit_invoice", invoice.pk, *arguments, "--reason", "late readings", "--amount", "25")
    assert "Dry run" in run(*asked, "--dry-run")
    assert InvoiceHeader.objects.count() == 1
    assert run(*asked) == "credit note CN-2026-00001: credited, USD 25.00.\n"
    with pytest.raises(CommandError, match=r"USD 75\.01 cannot be credited"):
        run(*asked[:-1], "75.01")

"""Every table has a screen, and what the database refuses is said on it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.postgres.fields import ArrayField
from django.core.management import call_command
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.models import DefaultEvent, Organization, User
from core.screens import PROSE, Account, Screen, readable
from invoicing.models import InvoiceHeader, InvoiceLineItem, InvoiceStatus, MonthClose
from metering.models import MeterReading
from tests.factories import (
    ClauseFactory,
    ClauseTariffFactory,
    ContractFactory,
    ContractPiiMappingFactory,
    CurrencyFactory,
    DefaultEventFactory,
    IntegrationCredentialFactory,
    InvoiceHeaderFactory,
    InvoiceLineItemFactory,
    MeterAggregateFactory,
    MeterFactory,
    MeterReadingFactory,
    MonthCloseFactory,
    OrganizationFactory,
    ProjectFactory,
    UserFactory,
    as_issued,
    factory_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.any_server]

MODELS = [model for label in ("core", "metering", "invoicing") for model in apps.get_app_config(label).get_models()]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
ACCOUNTS = [model for model in MODELS if isinstance(admin.site._registry[model], Account)]
every_account = pytest.mark.parametrize("model", ACCOUNTS, ids=lambda model: model.__name__)
every_written_model = pytest.mark.parametrize(
    "model", [model for model in MODELS if model not in ACCOUNTS], ids=lambda model: model.__name__
)

# An answer of the test client, which carries the context of its templates.
Page = Any

SOME_INSTANT = datetime(2025, 12, 31, 23, 59, 58, 123456, tzinfo=UTC)


class Form(HTMLParser):
    """What a browser would send of the form on a page, were it submitted as it came."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self._select = self._textarea = ""
        self.feed(page.content.decode())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given:
            self.sent.setdefault(self._select, []).append(value)
        elif tag == "textarea":
            self._textarea = name
            self.sent[name] = [""]
        elif tag == "input" and name and given.get("type") != "submit":
            if given.get("type") != "checkbox":
                self.sent.setdefault(name, []).append(value)
            elif "checked" in given:
                self.sent.setdefault(name, []).append(value or "on")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # HTML drops the line break after the tag, and browsers send every other one as CRLF.
            self.sent[self._textarea] = [self.sent[self._textarea][0].removeprefix("\n").replace("\n", "\r\n")]
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.sent[self._textarea][0] += data


def address(model: type[models.Model], page: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def stored(row: models.Model) -> dict[str, Any]:
    """The row as it lies in the database now."""
    return dict(type(row)._default_manager.filter(pk=row.pk).values().get())


def make(model: type[models.Model], rows: int = 1) -> list[models.Model]:
    return factory_of(model).create_batch(rows)


def change(client: Client, row: models.Model, **fields: str) -> Page:
    """The answer to a change form in which some fields were typed over."""
    place = address(type(row), "change", row.pk)
    return client.post(place, {**Form(client.get(place)).sent, **fields})


@pytest.fixture
def superuser() -> User:
    return UserFactory.create(is_staff=True, is_superuser=True)


@pytest.fixture
def office(client: Client, superuser: User) -> Client:
    """A browser in which someone who may do everything is signed in."""
    client.force_login(superuser)
    return client


@pytest.fixture
def statute() -> None:
    """A trigger that forbids every change to an organization."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'organizations are for ever' USING HINT = 'Found another one'; END $$;
            CREATE TRIGGER forbid BEFORE UPDATE OR DELETE ON organization FOR EACH ROW EXECUTE FUNCTION forbid();
            """
        )


# Nets over every model


def test_every_model_has_a_screen_and_the_screens_fit_their_models() -> None:
    assert set(MODELS) <= set(admin.site._registry)
    call_command("check", tags=["admin"])


@every_model
def test_a_list_opens_and_can_be_searched(office: Client, model: type[models.Model]) -> None:
    make(model)
    assert office.get(address(model, "changelist")).status_code == 200
    assert office.get(address(model, "changelist"), {"q": "no such thing 7"}).status_code == 200


@every_model
def test_a_list_can_be_sorted_and_filtered_by_everything_it_offers(office: Client, model: type[models.Model]) -> None:
    make(model)
    listing = office.get(address(model, "changelist")).context["cl"]
    columns = ".".join(str(column) for column in range(len(listing.list_display)))
    assert office.get(address(model, "changelist"), {"o": columns}).status_code == 200
    for spec in listing.filter_specs:
        *_, choice = spec.choices(listing)
        assert office.get(address(model, "changelist") + choice["query_string"]).status_code == 200


@every_model
def test_a_list_asks_as_many_questions_for_twelve_rows_as_for_three(office: Client, model: type[models.Model]) -> None:
    def questions() -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            office.get(address(model, "changelist"))
        return [query["sql"] for query in asked.captured_queries]

    make(model, 3)
    office.get(address(model, "changelist"))
    with_three = questions()
    make(model, 9)
    with_twelve = questions()
    assert len(with_twelve) == len(with_three), "\n".join(with_twelve)


@every_model
def test_references_are_searched_for_and_no_select_loads_a_table(office: Client, model: type[models.Model]) -> None:
    make(model, 3)
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            found = office.get(
                reverse("admin:autocomplete"),
                {
                    "app_label": model._meta.app_label,
                    "model_name": str(model._meta.model_name),
                    "field_name": field.name,
                    "term": "",
                },
            )
            assert found.status_code == 200
            assert bool(found.json()["results"]) == field.related_model._default_manager.exists()


def fill(row: models.Model) -> None:
    """Writes what forms are known to lose into columns that the factory left empty."""
    hours = 0
    for field in row._meta.concrete_fields:
        if not field.null or not field.editable or field.choices or field.name == "evidence":
            continue
        if isinstance(field, models.DateTimeField):
            hours += 1
            setattr(row, field.name, SOME_INSTANT + timedelta(hours=hours))
        elif isinstance(field, models.JSONField):
            setattr(row, field.name, {"größe": [1.5, None, "two\nlines"]})
        elif isinstance(field, ArrayField):
            setattr(row, field.name, ["one, two", "three"])
        elif isinstance(field, models.TextField) or field.name in PROSE:
            setattr(row, field.name, "  first line\nsecond line\n")
    row.save()


@every_written_model
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_an_untouched_form_saves_and_changes_nothing(office: Client, model: type[models.Model], filled: bool) -> None:
    (row,) = make(model)
    if filled:
        fill(row)
    before = stored(row)
    answer = change(office, row)
    assert answer.status_code == 302, answer.context["errors"]
    assert stored(row) == before


@every_written_model
def test_what_a_form_shows_can_be_added(office: Client, model: type[models.Model]) -> None:
    (row,) = make(model)
    form = Form(office.get(address(model, "change", row.pk))).sent
    before = stored(row)
    type(row)._default_manager.filter(pk=row.pk).delete()
    assert office.get(address(model, "add")).status_code == 200
    if model is User:
        form |= {"usable_password": ["false"]}
    answer = office.post(address(model, "add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    (after,) = model._default_manager.order_by("-pk")[:1]
    written = [field.attname for field in model._meta.concrete_fields if field.editable and not field.primary_key]
    if model is not User:
        assert {name: stored(after)[name] for name in written} == {name: before[name] for name in written}


@every_model
def test_who_may_only_look_sees_the_row_and_cannot_write_it(client: Client, model: type[models.Model]) -> None:
    viewer = UserFactory.create(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)
    (row,) = make(model)
    page = client.get(address(model, "change", row.pk))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert client.post(address(model, "change", row.pk), {}).status_code == 403


@every_account
def test_what_the_program_notes_is_read_and_never_typed(office: Client, model: type[models.Model]) -> None:
    (row,) = make(model)
    page = office.get(address(model, "change", row.pk))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    for place in (address(model, "add"), address(model, "change", row.pk), address(model, "delete", row.pk)):
        assert office.post(place, {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


# What the database refuses


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("{", id="broken"),
        pytest.param('{"share": NaN}', id="not a number"),
        pytest.param('{"text": "\\u0000"}', id="a character PostgreSQL has not"),
        pytest.param("1" * 5000, id="a number without end"),
        pytest.param("[" * 100_000, id="nesting without end"),
    ],
)
def test_json_that_cannot_be_stored_is_an_error_on_the_form(office: Client, typed: str) -> None:
    clause = ClauseFactory.create(normalized_payload={"threshold": 95})
    answer = change(office, clause, normalized_payload=typed)
    assert answer.status_code == 200
    assert answer.context["errors"]
    clause.refresh_from_db()
    assert clause.normalized_payload == {"threshold": 95}


@pytest.mark.parametrize("typed", ["12345678901.5", "1e400", "NaN", "0.00000000001", "seven"])
def test_a_number_that_does_not_fit_is_an_error_on_the_form(office: Client, typed: str) -> None:
    tariff = ClauseTariffFactory.create(base_rate=Decimal("0.05"))
    answer = change(office, tariff, base_rate=typed)
    assert answer.status_code == 200
    assert "base_rate" in answer.context["adminform"].form.errors


def test_an_integer_that_does_not_fit_is_an_error_on_the_form(office: Client) -> None:
    answer = change(office, ContractFactory.create(), version="99999999999")
    assert "version" in answer.context["adminform"].form.errors


def test_a_name_that_is_taken_is_an_error_on_the_form(office: Client) -> None:
    taken = OrganizationFactory.create()
    answer = change(office, OrganizationFactory.create(), name=taken.name)
    assert answer.context["errors"]


def test_a_text_too_long_for_its_index_is_an_error_on_the_form(office: Client) -> None:
    endless = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(20_000))
    answer = change(office, OrganizationFactory.create(), name=endless)
    assert answer.status_code == 200
    assert "index" in answer.content.decode()


def test_a_rule_that_only_the_database_knows_is_told_on_the_form_and_nothing_is_retyped(office: Client) -> None:
    default = DefaultEventFactory.create()
    answer = change(office, default, evidence='{"meters": []}', description="typed by a person")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "chk_default_event_evidence" in page
    assert "typed by a person" in page
    assert "was changed successfully" not in page
    assert DefaultEvent.objects.get(pk=default.pk).description is None


def test_a_reading_of_an_impossible_month_is_an_error_on_the_form(office: Client) -> None:
    reading = MeterReadingFactory.create()
    answer = change(office, reading, reading_timestamp_0="1970-01-01")
    assert "no partition" in answer.content.decode()


def test_a_reading_typed_in_makes_its_month(office: Client) -> None:
    reading = MeterReadingFactory.create()
    assert change(office, reading, reading_timestamp_0="2001-02-03").status_code == 302
    reading.refresh_from_db()
    assert reading.reading_timestamp.date().isoformat() == "2001-02-03"


def test_what_a_trigger_forbids_is_told_with_its_hint(office: Client, statute: None) -> None:
    answer = change(office, OrganizationFactory.create(), name="renamed")
    assert answer.status_code == 200
    assert "organizations are for ever. Found another one." in answer.content.decode()


def test_a_deletion_that_a_trigger_forbids_leads_back_to_the_row(office: Client, statute: None) -> None:
    organization = OrganizationFactory.create()
    answer = office.post(address(Organization, "delete", organization.pk), {"post": "yes"}, follow=True)
    assert answer.redirect_chain == [(address(Organization, "change", organization.pk), 302)]
    assert "organizations are for ever" in answer.content.decode()
    assert Organization.objects.filter(pk=organization.pk).exists()


def test_deleting_many_where_one_is_forbidden_deletes_none(office: Client, statute: None) -> None:
    organizations = OrganizationFactory.create_batch(2)
    chosen = {
        "action": "delete_selected",
        "_selected_action": [str(organization.pk) for organization in organizations],
        "post": "yes",
    }
    answer = office.post(address(Organization, "changelist"), chosen, follow=True)
    assert "organizations are for ever" in answer.content.decode()
    assert Organization.objects.count() == 2


def test_a_fault_of_the_program_is_not_taken_for_a_refusal(office: Client) -> None:
    organization = OrganizationFactory.create()
    page = address(Organization, "change", organization.pk)
    form = Form(office.get(page)).sent
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE organization RENAME COLUMN country TO land")
    with pytest.raises(Exception, match="country"):
        office.post(page, form)


# Screens with something of their own


def test_an_issued_invoice_shows_why_it_cannot_be_changed(office: Client) -> None:
    invoice = InvoiceHeaderFactory.create(total_amount=Decimal("1234.5"), currency=CurrencyFactory.create(code="USD"))
    InvoiceLineItemFactory.create(
        invoice_header=invoice, quantity=Decimal("5678.9"), line_total_amount=invoice.total_amount
    )
    as_issued(invoice)
    page = office.get(address(InvoiceHeader, "change", invoice.pk))
    assert "This invoice has left the house" in page.content.decode()
    assert "1,234.50" in page.content.decode()
    assert "5,678.9<" in page.content.decode()
    assert not {"status", "total_amount", "contract", "lines-0-line_total_amount"} & Form(page).sent.keys()
    assert change(office, invoice, status=InvoiceStatus.PAID, total_amount="1").status_code == 403
    invoice.refresh_from_db()
    assert (invoice.status, invoice.total_amount) == (InvoiceStatus.SENT, Decimal("1234.5"))


def test_an_issued_invoice_and_its_lines_cannot_be_deleted_or_edited(office: Client) -> None:
    line = InvoiceLineItemFactory.create(invoice_header__currency=CurrencyFactory.create(code="USD"))
    as_issued(line.invoice_header)
    assert office.post(address(InvoiceHeader, "delete", line.invoice_header.pk), {"post": "yes"}).status_code == 403
    assert office.post(address(InvoiceLineItem, "delete", line.pk), {"post": "yes"}).status_code == 403
    page = office.get(address(InvoiceLineItem, "change", line.pk))
    assert "This invoice has left the house" in page.content.decode()
    assert change(office, line, line_total_amount="7").status_code == 403


def test_a_draft_is_edited_with_its_lines(office: Client) -> None:
    line = InvoiceLineItemFactory.create()
    answer = change(office, line.invoice_header, **{"lines-0-line_total_amount": "12.34", "total_amount": "12.34"})
    assert answer.status_code == 302
    line.refresh_from_db()
    assert (line.line_total_amount, line.invoice_header.total_amount) == (Decimal("12.34"), Decimal("12.34"))


@pytest.mark.parametrize(
    ("make_row", "column"),
    [
        (lambda: ContractPiiMappingFactory.create(encrypted_mapping=b"hush, a name"), "encrypted_mapping"),
        (lambda: IntegrationCredentialFactory.create(encrypted_credentials=b"hush, a key"), "encrypted_credentials"),
    ],
)
def test_a_secret_is_neither_shown_nor_sent_nor_loaded_by_a_list(office: Client, make_row: Any, column: str) -> None:
    row = make_row()
    page = office.get(address(type(row), "change", row.pk))
    assert b"hush" not in page.content
    assert b"sealed, 1" in page.content
    assert column not in Form(page).sent
    with CaptureQueriesContext(connection) as asked:
        office.get(address(type(row), "changelist"))
    assert not [query for query in asked.captured_queries if column in query["sql"]]


@pytest.mark.parametrize("make_rows", [MeterReadingFactory.create_batch, MeterAggregateFactory.create_batch])
def test_a_table_that_grows_without_end_is_paged_and_never_counted(office: Client, make_rows: Any) -> None:
    rows = make_rows(51, meter=MeterFactory.create())
    model = type(rows[0])
    with CaptureQueriesContext(connection) as asked:
        first = office.get(address(model, "changelist"))
        searched = office.get(address(model, "changelist"), {"q": "no such site"})
        second = office.get(address(model, "changelist"), {"p": 2})
    assert not [query for query in asked.captured_queries if "COUNT(" in query["sql"].upper()]
    assert len(first.context["cl"].result_list) == 50
    assert "more than 50" in first.content.decode()
    assert list(second.context["cl"].result_list) == rows[:1]
    assert f"51 {model._meta.verbose_name_plural}" in " ".join(second.content.decode().split())
    assert f"0 {model._meta.verbose_name_plural}" in " ".join(searched.content.decode().split())


def test_a_page_that_is_no_page_leads_back_to_the_list(office: Client) -> None:
    MeterReadingFactory.create()
    for page in ("0", "-1", "2", "9" * 30):
        assert office.get(address(MeterReading, "changelist"), {"p": page}).status_code == 302


def test_choosing_an_aggregate_by_search_counts_nothing(office: Client) -> None:
    MeterAggregateFactory.create_batch(21, meter=MeterFactory.create())
    asking = {"app_label": "invoicing", "model_name": "invoicelineitem", "field_name": "meter_aggregate", "term": ""}
    with CaptureQueriesContext(connection) as asked:
        first = office.get(reverse("admin:autocomplete"), asking).json()
        second = office.get(reverse("admin:autocomplete"), {**asking, "page": "2"}).json()
    assert not [query for query in asked.captured_queries if "COUNT(" in query["sql"].upper()]
    assert (len(first["results"]), first["pagination"]["more"]) == (20, True)
    assert (len(second["results"]), second["pagination"]["more"]) == (1, False)


def test_the_newest_readings_are_found_by_index(office: Client) -> None:
    meter = MeterReadingFactory.create().meter
    newest = MeterReadingFactory.create(meter=meter, reading_timestamp=datetime(2025, 12, 2, tzinfo=UTC))
    replaced = MeterReadingFactory.create(meter=meter, reading_timestamp=datetime(2025, 12, 1, tzinfo=UTC))
    with connection.cursor() as cursor:
        # A few rows are sorted faster than they are looked up.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    for asked, first in (({}, replaced), ({"meter__id__exact": meter.pk}, newest)):
        listing = office.get(address(MeterReading, "changelist"), asked).context["cl"]
        assert listing.result_list[0] == first
        plan = listing.queryset[:50].explain()
        assert "Index Scan Backward" in plan
        assert "->  Sort" not in plan


def test_a_screen_leads_to_the_lists_of_what_refers_to_its_row(office: Client) -> None:
    ours, theirs = ClauseTariffFactory.create(), ClauseTariffFactory.create()
    page = office.get(address(type(ours.contract), "change", ours.contract.pk))
    lists = dict(page.context["related_lists"])
    assert "clauses" not in lists
    tariffs = office.get(lists["clause tariffs"])
    assert list(tariffs.context["cl"].result_list) == [ours]
    assert theirs.contract != ours.contract


def test_money_is_grouped_and_keeps_every_digit_it_has() -> None:
    assert readable(Decimal("1234.5000"), 2) == "1,234.50"
    assert readable(Decimal("-1234567.8901"), 2) == "-1,234,567.8901"
    assert readable(Decimal("0.000000000000")) == "0"
    assert readable(Decimal("1E+3"), 2) == "1,000.00"


def test_what_keeps_a_month_open_is_listed_one_reason_a_line(office: Client) -> None:
    month = MonthCloseFactory.create(
        status="parked", problems=["meter 1 lacks <all> readings", "no tariff is in force"], notes=[]
    )
    reasons = "<li>meter 1 lacks &lt;all&gt; readings</li><li>no tariff is in force</li>"
    for page in (address(MonthClose, "changelist"), address(MonthClose, "change", month.pk)):
        assert reasons in office.get(page).content.decode()


def test_screens_are_sorted_into_agreements_measurement_and_money(office: Client) -> None:
    titles = [app["name"] for app in office.get(reverse("admin:index")).context["app_list"]]
    assert {"Agreements", "Measurement", "Money"} <= set(titles)


def test_an_option_that_a_screen_declares_is_kept() -> None:
    readings = admin.site._registry[MeterReading]
    assert isinstance(readings, Screen)
    assert readings.date_hierarchy is None
    assert readings.ordering == ("-pk",)


def test_a_project_is_found_by_its_organization(office: Client) -> None:
    ours, _ = ProjectFactory.create(organization__name="Helios"), ProjectFactory.create()
    found = office.get(address(type(ours), "changelist"), {"q": "helio"})
    assert list(found.context["cl"].result_list) == [ours]

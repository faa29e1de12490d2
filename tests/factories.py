# factory-boy's declarations carry no types.
# mypy: disable-error-code="no-untyped-call"
"""The smallest valid row of every model, and of what it cannot be without.

`ContractFactory.create()` returns a typed row. Chains agree with themselves from the root down: a reading belongs to
the project of its meter, an invoice to the counterparty of its contract. So name the root, never a copy of it:

    MeterReadingFactory.create(meter__project=project)          not  create(project=project)
    ContractFactory.create(project__organization=organization)  not  create(organization=organization)

Vocabulary is taken by its code where that exists already: `ContractTypeFactory.create(code="PPA")` may be said twice.
"""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from string import ascii_uppercase
from typing import Any, TypeVar, cast

from django.db import connection, models
from factory.declarations import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory, Password

from core.cure import CureStepKind
from core.models import (
    BillingPeriod,
    Clause,
    ClauseCategory,
    ClauseResponsibleParty,
    ClauseType,
    Contract,
    ContractorReport,
    ContractPiiMapping,
    ContractStatus,
    ContractType,
    Counterparty,
    CounterpartyType,
    CureStep,
    Currency,
    DamagesEntry,
    DataSource,
    DefaultEvent,
    DefaultEventType,
    Event,
    EventType,
    Notification,
    NotificationMail,
    NotificationType,
    Organization,
    Project,
    Role,
    RoleType,
    RuleOutput,
    RuleOutputType,
    User,
)
from invoicing.issuing import verify_and_issue
from invoicing.models import (
    ClauseTariff,
    CloseStatus,
    ComparisonTolerance,
    ExchangeRate,
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    Holiday,
    HolidayCalendar,
    InvoiceComparison,
    InvoiceComparisonLineItem,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceLineItemType,
    InvoiceNotice,
    InvoiceSeries,
    InvoiceStatusChange,
    InvoiceTax,
    MarketPrice,
    MarketPriceType,
    MonthClose,
    NoticeKind,
    PriceIndex,
    PriceIndexValue,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
    RegulatoryFee,
    RegulatoryFeeType,
    TariffStatus,
    TariffType,
    TaxRule,
)
from metering.models import (
    Asset,
    AssetType,
    AuthType,
    Fault,
    FaultType,
    FileFormat,
    FileMapping,
    GridEvent,
    GridEventType,
    GridOperator,
    IngestionLog,
    IntegrationCredential,
    IntegrationSite,
    Meter,
    MeterAggregate,
    MeterReading,
    MeterType,
    ReadingArchive,
    ReadingArchiveFile,
    ReadingChange,
    RejectedReading,
    SourceSystem,
    Vendor,
    WeatherData,
    WeatherDataType,
)

Row = TypeVar("Row", bound=models.Model)

FIRST_INSTANT = datetime(2025, 11, 1, tzinfo=UTC)
SHA256_OF_NOTHING = hashlib.sha256().hexdigest()


def month(number: int) -> date:
    """First day of a month, counted from January 2020."""
    return date(2020 + number // 12, number % 12 + 1, 1)


def currency_code(number: int) -> str:
    """Three letters, another three for every number below 26³."""
    return "".join(ascii_uppercase[number // 26**place % 26] for place in (2, 1, 0))


def factory_of(model: type[Row]) -> type[DjangoModelFactory[Row]]:
    """The factory that makes rows of a model."""
    return cast("type[DjangoModelFactory[Row]]", FACTORIES[model])


# Shared vocabulary


class LookupFactory(DjangoModelFactory[Row]):
    class Meta:
        abstract = True
        django_get_or_create = ("code",)

    code = Sequence(lambda n: f"CODE_{n}")
    name = LazyAttribute(lambda lookup: lookup.code.replace("_", " ").lower())


class CurrencyFactory(LookupFactory[Currency]):
    class Meta:
        model = Currency

    code = Sequence(currency_code)


class BillingPeriodFactory(DjangoModelFactory[BillingPeriod]):
    class Meta:
        model = BillingPeriod

    start_date = Sequence(month)
    end_date = LazyAttribute(lambda period: (period.start_date + timedelta(days=31)).replace(day=1) - timedelta(days=1))
    name = LazyAttribute(lambda period: f"{period.start_date} to {period.end_date}")


class DataSourceFactory(DjangoModelFactory[DataSource]):
    class Meta:
        model = DataSource
        django_get_or_create = ("name",)

    name = Sequence(lambda n: f"source {n}")


# Organizations and projects


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    username = Sequence(lambda n: f"user{n}")
    # No password fits; tests sign in by force.
    password = Password(None)


class OrganizationFactory(DjangoModelFactory[Organization]):
    class Meta:
        model = Organization

    name = Sequence(lambda n: f"organization {n}")


class RoleFactory(DjangoModelFactory[Role]):
    class Meta:
        model = Role

    organization = SubFactory(OrganizationFactory)
    name = Sequence(lambda n: f"person {n}")
    user_id = LazyFunction(uuid.uuid4)
    role_type = RoleType.STAFF


class CounterpartyTypeFactory(LookupFactory[CounterpartyType]):
    class Meta:
        model = CounterpartyType


class CounterpartyFactory(DjangoModelFactory[Counterparty]):
    class Meta:
        model = Counterparty

    counterparty_type = SubFactory(CounterpartyTypeFactory)
    name = Sequence(lambda n: f"counterparty {n}")


class ProjectFactory(DjangoModelFactory[Project]):
    class Meta:
        model = Project

    organization = SubFactory(OrganizationFactory)
    name = Sequence(lambda n: f"project {n}")


# Contracts and clauses


class ContractTypeFactory(LookupFactory[ContractType]):
    class Meta:
        model = ContractType


class ContractStatusFactory(LookupFactory[ContractStatus]):
    class Meta:
        model = ContractStatus


class ContractFactory(DjangoModelFactory[Contract]):
    class Meta:
        model = Contract

    project = SubFactory(ProjectFactory)
    organization = SelfAttribute("project.organization")
    counterparty = SubFactory(CounterpartyFactory)
    contract_type = SubFactory(ContractTypeFactory)
    contract_status = SubFactory(ContractStatusFactory)
    name = Sequence(lambda n: f"contract {n}")


class ContractPiiMappingFactory(DjangoModelFactory[ContractPiiMapping]):
    class Meta:
        model = ContractPiiMapping

    contract = SubFactory(ContractFactory)
    encrypted_mapping = b"sealed"


class ContractorReportFactory(DjangoModelFactory[ContractorReport]):
    class Meta:
        model = ContractorReport

    project = SubFactory(ProjectFactory)


class ClauseTypeFactory(LookupFactory[ClauseType]):
    class Meta:
        model = ClauseType


class ClauseCategoryFactory(LookupFactory[ClauseCategory]):
    class Meta:
        model = ClauseCategory


class ClauseResponsiblePartyFactory(DjangoModelFactory[ClauseResponsibleParty]):
    class Meta:
        model = ClauseResponsibleParty

    name = Sequence(lambda n: f"party {n}")


@contextmanager
def as_stored_before() -> Iterator[None]:
    """No trigger looks at what is written: rows may be from before it was there."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


class ClauseFactory(DjangoModelFactory[Clause]):
    class Meta:
        model = Clause

    contract = SubFactory(ContractFactory)
    project = SelfAttribute("contract.project")
    name = Sequence(lambda n: f"clause {n}")


# Compliance


class EventTypeFactory(LookupFactory[EventType]):
    class Meta:
        model = EventType


class EventFactory(DjangoModelFactory[Event]):
    class Meta:
        model = Event

    project = SubFactory(ProjectFactory)
    organization = SelfAttribute("project.organization")
    event_type = SubFactory(EventTypeFactory)
    time_start = FIRST_INSTANT


class DefaultEventTypeFactory(LookupFactory[DefaultEventType]):
    class Meta:
        model = DefaultEventType


class DefaultEventFactory(DjangoModelFactory[DefaultEvent]):
    class Meta:
        model = DefaultEvent

    contract = SubFactory(ContractFactory)
    organization = SelfAttribute("contract.organization")
    project = SelfAttribute("contract.project")
    default_event_type = SubFactory(DefaultEventTypeFactory)
    time_start = FIRST_INSTANT


class RuleOutputTypeFactory(LookupFactory[RuleOutputType]):
    class Meta:
        model = RuleOutputType


class RuleOutputFactory(DjangoModelFactory[RuleOutput]):
    class Meta:
        model = RuleOutput

    clause = SubFactory(ClauseFactory)
    project = SelfAttribute("clause.project")
    rule_output_type = SubFactory(RuleOutputTypeFactory)


class CureStepFactory(DjangoModelFactory[CureStep]):
    class Meta:
        model = CureStep

    default_event = SubFactory(DefaultEventFactory)
    organization = SelfAttribute("default_event.organization")
    step = CureStepKind.NOTICE
    happened_at = FIRST_INSTANT
    recorded_by = "pat"


class DamagesEntryFactory(DjangoModelFactory[DamagesEntry]):
    class Meta:
        model = DamagesEntry

    rule_output = SubFactory(RuleOutputFactory)
    clause = SelfAttribute("rule_output.clause")
    contract = SelfAttribute("rule_output.clause.contract")
    organization = SelfAttribute("rule_output.clause.contract.organization")
    currency = SubFactory(CurrencyFactory)
    period_start = FIRST_INSTANT
    period_end = FIRST_INSTANT + timedelta(days=1)
    amount = 1


class NotificationTypeFactory(LookupFactory[NotificationType]):
    class Meta:
        model = NotificationType


class NotificationFactory(DjangoModelFactory[Notification]):
    class Meta:
        model = Notification

    default_event = SubFactory(DefaultEventFactory)
    organization = SelfAttribute("default_event.organization")
    project = SelfAttribute("default_event.project")
    notification_type = SubFactory(NotificationTypeFactory)


class NotificationMailFactory(DjangoModelFactory[NotificationMail]):
    class Meta:
        model = NotificationMail

    notification = SubFactory(NotificationFactory)
    recipients = ("desk@example.com",)
    attempts = 1
    claimed_at = datetime(2026, 1, 1, tzinfo=UTC)


# Equipment and meters


class VendorFactory(DjangoModelFactory[Vendor]):
    class Meta:
        model = Vendor
        django_get_or_create = ("name",)

    name = Sequence(lambda n: f"vendor {n}")


class AssetTypeFactory(LookupFactory[AssetType]):
    class Meta:
        model = AssetType


class AssetFactory(DjangoModelFactory[Asset]):
    class Meta:
        model = Asset

    project = SubFactory(ProjectFactory)
    asset_type = SubFactory(AssetTypeFactory)
    name = Sequence(lambda n: f"asset {n}")


class MeterTypeFactory(LookupFactory[MeterType]):
    class Meta:
        model = MeterType


class MeterFactory(DjangoModelFactory[Meter]):
    class Meta:
        model = Meter

    project = SubFactory(ProjectFactory)
    meter_type = SubFactory(MeterTypeFactory)


class MeterReadingFactory(DjangoModelFactory[MeterReading]):
    """Readings a quarter of an hour apart, each in the partition of its month, which is made for it."""

    class Meta:
        model = MeterReading

    meter = SubFactory(MeterFactory)
    project = SelfAttribute("meter.project")
    organization = SelfAttribute("meter.project.organization")
    source_system = SourceSystem.MANUAL
    reading_timestamp = Sequence(lambda n: FIRST_INSTANT + n * timedelta(minutes=15))

    @classmethod
    def _create(cls, model_class: type[MeterReading], *args: Any, **values: Any) -> MeterReading:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT create_meter_reading_partition(%s)", [values["reading_timestamp"].astimezone(UTC).date()]
            )
        return cast(MeterReading, super()._create(model_class, *args, **values))


class MeterAggregateFactory(DjangoModelFactory[MeterAggregate]):
    class Meta:
        model = MeterAggregate

    meter = SubFactory(MeterFactory)
    organization = SelfAttribute("meter.project.organization")
    period_start = Sequence(lambda n: datetime.combine(month(n), datetime.min.time(), UTC))
    period_end = LazyAttribute(lambda aggregate: (aggregate.period_start + timedelta(days=31)).replace(day=1))


# Where readings come from


class IntegrationCredentialFactory(DjangoModelFactory[IntegrationCredential]):
    class Meta:
        model = IntegrationCredential

    organization = SubFactory(OrganizationFactory)
    data_source = SubFactory(DataSourceFactory)
    auth_type = AuthType.API_KEY
    encrypted_credentials = b"sealed"


class IntegrationSiteFactory(DjangoModelFactory[IntegrationSite]):
    class Meta:
        model = IntegrationSite

    integration_credential = SubFactory(IntegrationCredentialFactory)
    organization = SelfAttribute("integration_credential.organization")
    data_source = SelfAttribute("integration_credential.data_source")
    external_site_id = Sequence(str)


class IngestionLogFactory(DjangoModelFactory[IngestionLog]):
    class Meta:
        model = IngestionLog

    data_source = SubFactory(DataSourceFactory)
    file_path = Sequence(lambda n: f"readings_{n}.csv")


class FileMappingFactory(DjangoModelFactory[FileMapping]):
    class Meta:
        model = FileMapping

    organization = SubFactory(OrganizationFactory)
    data_source = SubFactory(DataSourceFactory)
    name = Sequence(lambda n: f"mapping {n}")
    file_format = FileFormat.CSV
    mapping = {"timestamp": "time"}


class RejectedReadingFactory(DjangoModelFactory[RejectedReading]):
    class Meta:
        model = RejectedReading

    organization = SubFactory(OrganizationFactory)
    ingestion_log = SubFactory(IngestionLogFactory, organization=SelfAttribute("..organization"))
    line = Sequence(lambda n: n + 2)
    cause = "is no number"


class ReadingChangeFactory(DjangoModelFactory[ReadingChange]):
    class Meta:
        model = ReadingChange

    meter = SubFactory(MeterFactory)
    project = SelfAttribute("meter.project")
    organization = SelfAttribute("meter.project.organization")
    period_start = FIRST_INSTANT
    period_end = FIRST_INSTANT + timedelta(days=1)


class ReadingArchiveFactory(DjangoModelFactory[ReadingArchive]):
    class Meta:
        model = ReadingArchive

    month = Sequence(month)
    partition_name = LazyAttribute(lambda archive: f"meter_reading_{archive.month:%Y_%m}")
    row_count = 0
    content_sha256 = SHA256_OF_NOTHING


class ReadingArchiveFileFactory(DjangoModelFactory[ReadingArchiveFile]):
    class Meta:
        model = ReadingArchiveFile

    reading_archive = SubFactory(ReadingArchiveFactory)
    organization = SubFactory(OrganizationFactory)
    uri = Sequence(lambda n: f"archive/{n}/part-0.parquet")
    row_count = 0
    bytes = 0
    sha256 = SHA256_OF_NOTHING
    content_sha256 = SHA256_OF_NOTHING


# Around a meter: grid, weather, faults


class GridOperatorFactory(DjangoModelFactory[GridOperator]):
    class Meta:
        model = GridOperator
        django_get_or_create = ("name",)

    name = Sequence(lambda n: f"grid operator {n}")


class GridEventTypeFactory(LookupFactory[GridEventType]):
    class Meta:
        model = GridEventType


class GridEventFactory(DjangoModelFactory[GridEvent]):
    class Meta:
        model = GridEvent

    grid_event_type = SubFactory(GridEventTypeFactory)
    time_start = FIRST_INSTANT


class WeatherDataTypeFactory(LookupFactory[WeatherDataType]):
    class Meta:
        model = WeatherDataType


class WeatherDataFactory(DjangoModelFactory[WeatherData]):
    class Meta:
        model = WeatherData

    weather_data_type = SubFactory(WeatherDataTypeFactory)
    unit = "W/m²"
    unit_value = Decimal(800)
    reading_timestamp = FIRST_INSTANT


class FaultTypeFactory(LookupFactory[FaultType]):
    class Meta:
        model = FaultType


class FaultFactory(DjangoModelFactory[Fault]):
    class Meta:
        model = Fault

    project = SubFactory(ProjectFactory)
    fault_type = SubFactory(FaultTypeFactory)
    time_start = FIRST_INSTANT


# Tariffs and prices


class TariffTypeFactory(LookupFactory[TariffType]):
    class Meta:
        model = TariffType


class ClauseTariffFactory(DjangoModelFactory[ClauseTariff]):
    class Meta:
        model = ClauseTariff

    contract = SubFactory(ContractFactory)
    project = SelfAttribute("contract.project")
    tariff_type = SubFactory(TariffTypeFactory)
    currency = SubFactory(CurrencyFactory)
    name = Sequence(lambda n: f"tariff {n}")
    valid_from = date(2025, 1, 1)
    status = TariffStatus.PUBLISHED


class MarketPriceTypeFactory(LookupFactory[MarketPriceType]):
    class Meta:
        model = MarketPriceType


class MarketPriceFactory(DjangoModelFactory[MarketPrice]):
    class Meta:
        model = MarketPrice

    market_price_type = SubFactory(MarketPriceTypeFactory)
    unit = "USD/MWh"
    unit_value = Decimal(40)
    reading_timestamp = FIRST_INSTANT


class RegulatoryFeeTypeFactory(LookupFactory[RegulatoryFeeType]):
    class Meta:
        model = RegulatoryFeeType


class RegulatoryFeeFactory(DjangoModelFactory[RegulatoryFee]):
    class Meta:
        model = RegulatoryFee

    regulatory_fee_type = SubFactory(RegulatoryFeeTypeFactory)
    unit = "USD/MWh"
    unit_value = Decimal(1)
    reading_timestamp = FIRST_INSTANT


class PriceIndexFactory(DjangoModelFactory[PriceIndex]):
    class Meta:
        model = PriceIndex

    name = Sequence(lambda n: f"index {n}")


class PriceIndexValueFactory(DjangoModelFactory[PriceIndexValue]):
    class Meta:
        model = PriceIndexValue

    price_index = SubFactory(PriceIndexFactory)
    month = Sequence(month)
    published_on = LazyAttribute(lambda value: value.month + timedelta(days=45))
    value = Decimal(100)


class HolidayCalendarFactory(DjangoModelFactory[HolidayCalendar]):
    class Meta:
        model = HolidayCalendar

    name = Sequence(lambda n: f"calendar {n}")
    observed = "same_day"


class HolidayFactory(DjangoModelFactory[Holiday]):
    class Meta:
        model = Holiday

    holiday_calendar = SubFactory(HolidayCalendarFactory)
    name = Sequence(lambda n: f"holiday {n}")
    falls_on = "12-25"


class ExchangeRateFactory(DjangoModelFactory[ExchangeRate]):
    class Meta:
        model = ExchangeRate

    base_currency = SubFactory(CurrencyFactory)
    quote_currency = SubFactory(CurrencyFactory)
    rate_date = Sequence(month)
    rate = Decimal("1.1")


# Invoices


class InvoiceLineItemTypeFactory(LookupFactory[InvoiceLineItemType]):
    class Meta:
        model = InvoiceLineItemType


class InvoiceFactory(DjangoModelFactory[Row]):
    """What the three kinds of invoice share."""

    class Meta:
        abstract = True

    contract = SubFactory(ContractFactory)
    project = SelfAttribute("contract.project")
    counterparty = SelfAttribute("contract.counterparty")
    billing_period = SubFactory(BillingPeriodFactory)
    currency = SubFactory(CurrencyFactory)
    total_amount = Decimal(0)


class ExpectedInvoiceHeaderFactory(InvoiceFactory[ExpectedInvoiceHeader]):
    class Meta:
        model = ExpectedInvoiceHeader


class ExpectedInvoiceLineItemFactory(DjangoModelFactory[ExpectedInvoiceLineItem]):
    class Meta:
        model = ExpectedInvoiceLineItem

    expected_invoice_header = SubFactory(ExpectedInvoiceHeaderFactory)
    invoice_line_item_type = SubFactory(InvoiceLineItemTypeFactory)
    line_total_amount = Decimal(0)


class InvoiceHeaderFactory(InvoiceFactory[InvoiceHeader]):
    class Meta:
        model = InvoiceHeader


class InvoiceLineItemFactory(DjangoModelFactory[InvoiceLineItem]):
    class Meta:
        model = InvoiceLineItem

    invoice_header = SubFactory(InvoiceHeaderFactory)
    invoice_line_item_type = SubFactory(InvoiceLineItemTypeFactory)
    line_total_amount = Decimal(0)


class InvoiceSeriesFactory(DjangoModelFactory[InvoiceSeries]):
    class Meta:
        model = InvoiceSeries

    organization = SubFactory(OrganizationFactory)
    document_type = "invoice"
    year = 2026
    pattern = "INV-{year}-{number}"


class TaxRuleFactory(DjangoModelFactory[TaxRule]):
    """VAT at 19 % on lines of every type."""

    class Meta:
        model = TaxRule

    organization = SubFactory(OrganizationFactory)
    tax_code = Sequence(lambda n: f"VAT_{n}")
    name = "VAT"
    kind = "vat"
    rate = Decimal("0.19")
    vat_category = "S"
    valid_from = date(2020, 1, 1)


class InvoiceTaxFactory(DjangoModelFactory[InvoiceTax]):
    class Meta:
        model = InvoiceTax

    invoice_header = SubFactory(InvoiceHeaderFactory)
    tax_rule = SubFactory(TaxRuleFactory, organization=SelfAttribute("..invoice_header.contract.organization"))
    kind = SelfAttribute("tax_rule.kind")
    rate = SelfAttribute("tax_rule.rate")
    vat_category = SelfAttribute("tax_rule.vat_category")
    base_total_amount = Decimal(0)
    tax_total_amount = Decimal(0)


class InvoiceNoticeFactory(DjangoModelFactory[InvoiceNotice]):
    class Meta:
        model = InvoiceNotice

    invoice_header = SubFactory(InvoiceHeaderFactory)
    notification = SubFactory(
        NotificationFactory,
        organization=SelfAttribute("..invoice_header.contract.organization"),
        project=SelfAttribute("..invoice_header.project"),
        default_event=None,
    )
    kind = NoticeKind.READY


class MonthCloseFactory(DjangoModelFactory[MonthClose]):
    class Meta:
        model = MonthClose

    contract = SubFactory(ContractFactory)
    billing_period = SubFactory(BillingPeriodFactory)
    status = CloseStatus.CLOSED
    problems = ()
    notes = ()
    content_hash = "0" * 64


class InvoiceStatusChangeFactory(DjangoModelFactory[InvoiceStatusChange]):
    class Meta:
        model = InvoiceStatusChange

    invoice_header = SubFactory(InvoiceHeaderFactory)
    from_status = "draft"
    to_status = "verified"
    changed_by = "a person"
    effective_on = date(2026, 1, 31)


class ReceivedInvoiceHeaderFactory(InvoiceFactory[ReceivedInvoiceHeader]):
    class Meta:
        model = ReceivedInvoiceHeader


class ReceivedInvoiceLineItemFactory(DjangoModelFactory[ReceivedInvoiceLineItem]):
    class Meta:
        model = ReceivedInvoiceLineItem

    received_invoice_header = SubFactory(ReceivedInvoiceHeaderFactory)
    invoice_line_item_type = SubFactory(InvoiceLineItemTypeFactory)
    line_total_amount = Decimal(0)


class InvoiceComparisonFactory(DjangoModelFactory[InvoiceComparison]):
    """An expected invoice against a received one of the same contract, period and currency."""

    class Meta:
        model = InvoiceComparison

    expected_invoice_header = SubFactory(ExpectedInvoiceHeaderFactory)
    received_invoice_header = SubFactory(
        ReceivedInvoiceHeaderFactory,
        contract=SelfAttribute("..expected_invoice_header.contract"),
        billing_period=SelfAttribute("..expected_invoice_header.billing_period"),
        currency=SelfAttribute("..expected_invoice_header.currency"),
    )
    variance_amount = Decimal(0)


class InvoiceComparisonLineItemFactory(DjangoModelFactory[InvoiceComparisonLineItem]):
    class Meta:
        model = InvoiceComparisonLineItem

    invoice_comparison = SubFactory(InvoiceComparisonFactory)
    expected_invoice_line_item = SubFactory(
        ExpectedInvoiceLineItemFactory,
        expected_invoice_header=SelfAttribute("..invoice_comparison.expected_invoice_header"),
    )
    variance_amount = Decimal(0)


def as_issued(invoice: InvoiceHeader, by: str = "a person") -> InvoiceHeader:
    """The invoice after it was verified and issued; its lines and total must agree, and one line is there."""
    if not invoice.lines.exists():
        InvoiceLineItemFactory.create(invoice_header=invoice, line_total_amount=invoice.total_amount)
    day = invoice.invoice_date or date(2026, 2, 1)
    verify_and_issue(invoice.pk, by=by, on=day, due=day + timedelta(days=30))
    invoice.refresh_from_db()
    return invoice


class ComparisonToleranceFactory(DjangoModelFactory[ComparisonTolerance]):
    """What an organization lets pass: nothing, in percent of any currency."""

    class Meta:
        model = ComparisonTolerance

    organization = SubFactory(OrganizationFactory)
    kind = "rounding"
    relative_percent = Decimal(0)


FACTORIES: dict[type[models.Model], type[DjangoModelFactory[Any]]] = {
    candidate._meta.model: candidate
    for candidate in list(vars().values())
    if isinstance(candidate, type) and issubclass(candidate, DjangoModelFactory) and not candidate._meta.abstract
}

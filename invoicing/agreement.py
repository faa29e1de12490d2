"""What a contract agrees for the days of a billing period that lie in its term: tariffs, and prices where they vary."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core.errors import PeriodError
from core.models import BillingPeriod, Contract, Currency, Project
from core.periods import CalendarPeriod, Period, PeriodKind, start_of_day, zone
from invoicing.contract_tariffs import fills_from, versions_of
from invoicing.errors import BillingError
from invoicing.models import ClauseTariff, TariffStatus
from invoicing.rating import TariffUnit
from invoicing.tariffs.parameters import FLAT_TYPES, Published
from invoicing.tariffs.pricing import Version

FIXED_FEE = "FIXED_FEE"
# The kinds of tariff whose base rate is the whole price. The base rate of any other would be a wrong price.
FLAT_TARIFF_TYPES = FLAT_TYPES | {FIXED_FEE}
_DAY = timedelta(days=1)


class Versions(NamedTuple):
    """The prices of energy that varies within a day or by amount, since tiers began to fill.

    `problems` stand against them; then there may be some missing.
    """

    found: tuple[Version, ...]
    problems: tuple[str, ...]
    filled_from: date


@dataclass(frozen=True, slots=True)
class Agreement:
    """A contract, the days to bill, their instants at the plant, and the published tariffs that are valid on them.

    `whole` are the instants of the billing period, also outside the term. `versions` is None where every price is
    flat. `warnings` name what is not billed.
    """

    contract: Contract
    project: Project
    billing_period: BillingPeriod
    days: CalendarPeriod
    local: ZoneInfo
    span: Period
    whole: Period
    tariffs: tuple[ClauseTariff, ...]
    versions: Versions | None
    warnings: tuple[str, ...]

    @property
    def currency(self) -> Currency:
        return self.tariffs[0].currency

    @property
    def metered(self) -> list[ClauseTariff]:
        """The tariffs that price energy."""
        return [tariff for tariff in self.tariffs if tariff.unit != TariffUnit.MONTH]

    @property
    def fees(self) -> list[ClauseTariff]:
        return [tariff for tariff in self.tariffs if tariff.unit == TariffUnit.MONTH]

    @property
    def filled(self) -> Period | None:
        """The instants of which every interval must be known; None where days will do."""
        if self.versions is None:
            return None
        return Period(start_of_day(self.versions.filled_from, self.local), self.span.end)


def days_of(billing_period: BillingPeriod) -> CalendarPeriod:
    """The days of a billing period. What to show is its own name: the label is right for months alone."""
    return CalendarPeriod(billing_period.start_date, billing_period.end_date + _DAY, PeriodKind.MONTHLY)


def agree(
    contract: Contract, billing_period: BillingPeriod, written: Sequence[ClauseTariff], published: Published
) -> Agreement:
    """What holds of the tariffs that are written down, in order of their first days, also those of the year before.

    Raises `BillingError` where there is nothing to bill, or no day to bill it for.
    """

    def refusal(*problems: str) -> BillingError:
        return BillingError(contract.name, billing_period.name, *problems)

    if contract.project is None:
        raise refusal("it has no project, and so neither meters nor a time zone")
    days = _days_in_term(contract, billing_period)
    if not len(days):
        raise refusal(f"its term, {contract.effective_date} to {contract.end_date}, does not reach into the period")
    try:
        local = zone(contract.project.time_zone)
    except PeriodError as error:
        raise refusal(f"project {contract.project}: {error}") from error

    valid = _valid(written, days.first_day, days.last_day)
    tariffs = [tariff for tariff in valid if tariff.status == TariffStatus.PUBLISHED]
    drafts = tuple(f"tariff {tariff.pk} is a draft and is not billed" for tariff in valid if tariff not in tariffs)
    if not tariffs:
        raise refusal(f"no tariff is valid from {days.first_day} to {days.last_day}", *drafts)
    return Agreement(
        contract=contract,
        project=contract.project,
        billing_period=billing_period,
        days=days,
        local=local,
        span=days.in_zone(local),
        whole=days_of(billing_period).in_zone(local),
        tariffs=tuple(tariffs),
        versions=_versions(contract, written, days, local, published),
        warnings=drafts,
    )


def _days_in_term(contract: Contract, billing_period: BillingPeriod) -> CalendarPeriod:
    """The days of the period in which the contract runs, maybe none."""
    days = days_of(billing_period)
    first = max(days.first_day, contract.effective_date or days.first_day)
    last = min(days.last_day, contract.end_date or days.last_day)
    return CalendarPeriod(first, max(first, last + _DAY), days.kind)


def _valid(tariffs: Sequence[ClauseTariff], first: date, last: date) -> list[ClauseTariff]:
    return [
        tariff
        for tariff in tariffs
        if tariff.valid_from <= last and (tariff.valid_to is None or tariff.valid_to >= first)
    ]


def _versions(
    contract: Contract,
    written: Sequence[ClauseTariff],
    days: CalendarPeriod,
    local: ZoneInfo,
    published: Published,
) -> Versions | None:
    energy = [
        tariff for tariff in written if tariff.status == TariffStatus.PUBLISHED and tariff.unit != TariffUnit.MONTH
    ]
    billed = _valid(energy, days.first_day, days.last_day)
    if all(tariff.tariff_type.code in FLAT_TARIFF_TYPES for tariff in billed):
        return None
    versions, problems = versions_of(billed, days.first_day, days.last_day, local, published)
    filled_from = fills_from(versions, contract, days)
    if not problems and filled_from < days.first_day:
        filling = _valid(energy, filled_from, days.last_day)
        versions, problems = versions_of(filling, filled_from, days.last_day, local, published)
    return Versions(tuple(versions), problems, filled_from)

"""The tariffs of a contract as the database has them, made into terms of one price each."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from core.models import Contract
from core.periods import CalendarPeriod, Period, anniversary, contract_year, start_of_day
from invoicing.errors import TariffError
from invoicing.models import ClauseTariff, ExchangeRate, HolidayCalendar, PriceIndex, TariffStatus
from invoicing.tariffs import calendar, exchange
from invoicing.tariffs.escalation import newest
from invoicing.tariffs.parameters import Published, Written, terms
from invoicing.tariffs.pricing import Version
from invoicing.tariffs.proof import Term
from invoicing.tariffs.tiers import TierReset

_DAY = timedelta(days=1)


def published_for(tariffs: Iterable[ClauseTariff]) -> Published:
    """The calendars and the newest values of the indices that tariffs name."""
    said = [tariff.logic_parameters for tariff in tariffs if isinstance(tariff.logic_parameters, dict)]
    calendars, indices = (
        {each[key] for each in said if isinstance(each.get(key), str)} for key in ("holiday_calendar", "price_index")
    )
    values = {
        row.name: newest(((each.month, each.published_on, each.value) for each in row.values.all()), date.max)
        for row in PriceIndex.objects.filter(name__in=indices).prefetch_related("values")
    }
    return Published(holiday_calendars(calendars), values)


def holiday_calendars(names: Iterable[str]) -> dict[str, calendar.HolidayCalendar]:
    """The calendars of holidays, by name; one that is not stored is missing."""
    return {
        row.name: calendar.HolidayCalendar(
            row.name,
            tuple(calendar.Holiday(holiday.name, holiday.falls_on) for holiday in row.holidays.all()),
            calendar.Observed(row.observed),
            row.known_to,
        )
        for row in HolidayCalendar.objects.filter(name__in=list(names)).prefetch_related("holidays")
    }


def holidays_of(contract: Contract) -> calendar.HolidayCalendar | None:
    """The calendar of holidays that the contract's published tariffs name, None where they name none.

    Raises `TariffError` where they name several, or one that is not there.
    """
    published = ClauseTariff.objects.filter(contract=contract, status=TariffStatus.PUBLISHED)
    names = sorted(
        {
            name
            for parameters in published.values_list("logic_parameters", flat=True)
            if isinstance(parameters, dict) and isinstance(name := parameters.get("holiday_calendar"), str)
        }
    )
    if not names:
        return None
    if len(names) > 1:
        raise TariffError("holiday_calendar", f"the tariffs name {' and '.join(names)}: business days need one")
    found = holiday_calendars(names).get(names[0])
    if found is None:
        raise TariffError("holiday_calendar", f"there is no calendar {names[0]}")
    return found


def terms_of(tariff: ClauseTariff, first: date, last: date, published: Published) -> list[Term]:
    """The terms of one tariff on those of the days on which it is valid. Raises `TariffError`."""
    project = tariff.contract.project
    return terms(
        Written(
            name=f"tariff {tariff.pk}",
            type_code=tariff.tariff_type.code,
            base_rate=tariff.base_rate,
            unit=tariff.unit or "",
            currency=tariff.currency.code,
            valid_from=tariff.valid_from,
            valid_to=tariff.valid_to,
            parameters=tariff.logic_parameters,
            time_zone=project.time_zone if project else "UTC",
        ),
        first,
        last,
        published,
    )


def versions_of(
    tariffs: Sequence[ClauseTariff], first: date, last: date, local: ZoneInfo, published: Published
) -> tuple[list[Version], tuple[str, ...]]:
    """The versions of a contract line over the days, cut at midnight of the plant, and what stands against them."""
    versions: list[Version] = []
    problems = []
    for tariff in tariffs:
        try:
            found = terms_of(tariff, first, last, published)
        except TariffError as problem:
            problems.append(f"tariff {tariff.pk} cannot be read: {problem}")
            continue
        for term in found:
            assert term.last is not None  # ends with the days asked for
            start, end = start_of_day(term.first, local), start_of_day(term.last + _DAY, local)
            versions.append(Version(tariff.pk, start, end, term.tariff, term.note, term.is_provisional))
    return versions, tuple(problems)


def fills_from(versions: Iterable[Version], contract: Contract, days: CalendarPeriod) -> date:
    """The day from which tiers count: the first of the days, or that of the contract year where they fill over it."""
    by_year = any(version.tariff.reset is TierReset.CONTRACT_YEAR for version in versions)
    if not by_year or contract.effective_date is None:
        return days.first_day
    return anniversary(contract.effective_date, contract_year(days.first_day, contract.effective_date) - 1)


def minimum_for(versions: Iterable[Version], billed: Period, whole: Period) -> Fraction:
    """What the billed part of the whole billing period must come to: minimum charges, each by its share of the time."""
    minimum = Fraction(0)
    for version in versions:
        part = Period(version.start, version.end).overlap(billed)
        if part is not None and version.tariff.minimum_charge is not None:
            minimum += Fraction(version.tariff.minimum_charge) * Fraction(part.seconds, whole.seconds)
    return minimum


def exchange_rates(currencies: Collection[str], first: date, last: date) -> list[exchange.ExchangeRate]:
    """The rates between the currencies that can be used on the days: also those of the week before."""
    rows = ExchangeRate.objects.filter(
        base_currency__code__in=currencies,
        quote_currency__code__in=currencies,
        rate_date__range=(first - 7 * _DAY, last),
    ).select_related("base_currency", "quote_currency")
    return [
        exchange.ExchangeRate(row.base_currency.code, row.quote_currency.code, row.rate_date, row.rate) for row in rows
    ]

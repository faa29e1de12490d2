"""Contracts as a period sees them."""

from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from core.errors import CoreError
from core.models import Contract
from core.periods import CalendarPeriod, Period, day_in_zone, start_of_day, zone


def contracts_in_force(period: CalendarPeriod, contract_id: int | None = None) -> QuerySet[Contract]:
    """Active contracts whose term shares a day with the period, in order of id; or the one asked for.

    Raises `CoreError` where the one asked for does not exist or is not in force.
    """
    in_force = (
        Contract.objects.filter(contract_status__code="ACTIVE")
        .filter(Q(effective_date__isnull=True) | Q(effective_date__lte=period.last_day))
        .filter(Q(end_date__isnull=True) | Q(end_date__gte=period.first_day))
        .select_related("project", "organization", "counterparty")
        .order_by("pk")
    )
    if contract_id is None:
        return in_force
    if not in_force.filter(pk=contract_id).exists():
        known = Contract.objects.filter(pk=contract_id).exists()
        raise CoreError(
            f"contract {contract_id} is not active in {period}: see its status and dates"
            if known
            else f"contract {contract_id} does not exist"
        )
    return in_force.filter(pk=contract_id)


def local_zone(contract: Contract) -> ZoneInfo:
    """The time zone that cuts the periods of the contract: its project's."""
    if contract.project is None:
        raise CoreError(f"contract {contract} names no project: choose one, its time zone cuts the period")
    return zone(contract.project.time_zone)


def span_in_force(contract: Contract, period: CalendarPeriod) -> Period | None:
    """The instants of the period, in the project's time zone, on which the contract is in force."""
    local = local_zone(contract)
    first = max(contract.effective_date or period.first_day, period.first_day)
    last = period.last_day if contract.end_date is None else min(contract.end_date, period.last_day)
    if last < first:
        return None
    return Period(start_of_day(first, local), day_in_zone(last, local).end)

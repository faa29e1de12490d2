"""Which contracts a period sees, and how much of it each is in force."""

from datetime import date, datetime

import pytest

from core.contracts import contracts_in_force, local_zone, span_in_force
from core.errors import CoreError
from core.models import Contract
from core.periods import Period, parse_period
from tests.factories import ContractFactory

pytestmark = pytest.mark.django_db

NOVEMBER = parse_period("2025-11")


def active(effective: date | None = None, end: date | None = None, time_zone: str = "UTC") -> Contract:
    return ContractFactory.create(
        contract_status__code="ACTIVE", effective_date=effective, end_date=end, project__time_zone=time_zone
    )


@pytest.mark.parametrize(
    "effective, end, in_force",
    [
        (None, None, True),
        (date(2025, 11, 30), None, True),
        (date(2025, 12, 1), None, False),
        (None, date(2025, 11, 1), True),
        (None, date(2025, 10, 31), False),
        (date(2024, 7, 1), date(2044, 6, 30), True),
    ],
)
def test_a_contract_counts_while_its_term_shares_a_day_with_the_period(
    effective: date | None, end: date | None, in_force: bool
) -> None:
    contract = active(effective, end)
    assert list(contracts_in_force(NOVEMBER)) == ([contract] if in_force else [])


def test_only_active_contracts_count_in_the_order_of_their_ids() -> None:
    contracts = [active() for _ in range(3)]
    ContractFactory.create(contract_status__code="TERMINATED")
    assert list(contracts_in_force(NOVEMBER)) == contracts


def test_one_contract_may_be_asked_for() -> None:
    contract, _ = active(), active()
    assert list(contracts_in_force(NOVEMBER, contract.pk)) == [contract]


def test_a_contract_that_is_not_in_force_is_named() -> None:
    contract = active(date(2026, 1, 1))
    with pytest.raises(CoreError, match=rf"contract {contract.pk} is not active in 2025-11: see its status and dates"):
        contracts_in_force(NOVEMBER, contract.pk)


def test_a_contract_that_does_not_exist_is_named() -> None:
    with pytest.raises(CoreError, match="contract 4711 does not exist"):
        contracts_in_force(NOVEMBER, 4711)


@pytest.mark.parametrize(
    "effective, end, first, last",
    [
        (None, None, "2025-11-01T04:00Z", "2025-12-01T05:00Z"),  # 25 hours on the 2nd
        (date(2025, 11, 2), date(2025, 11, 2), "2025-11-02T04:00Z", "2025-11-03T05:00Z"),
        (date(2025, 11, 15), date(2026, 3, 1), "2025-11-15T05:00Z", "2025-12-01T05:00Z"),
        (date(2020, 1, 1), date(2025, 11, 14), "2025-11-01T04:00Z", "2025-11-15T05:00Z"),
    ],
)
def test_the_span_in_force_is_cut_in_the_time_zone_of_the_project(
    effective: date | None, end: date | None, first: str, last: str
) -> None:
    contract = active(effective, end, "America/New_York")
    assert span_in_force(contract, NOVEMBER) == Period(datetime.fromisoformat(first), datetime.fromisoformat(last))


@pytest.mark.parametrize("effective, end", [(date(2025, 12, 1), None), (None, date(2025, 10, 31))])
def test_outside_its_term_a_contract_has_no_span(effective: date | None, end: date | None) -> None:
    assert span_in_force(active(effective, end), NOVEMBER) is None


def test_a_contract_without_project_has_no_calendar() -> None:
    contract = active()
    contract.project = None
    for deed in (local_zone, lambda homeless: span_in_force(homeless, NOVEMBER)):
        with pytest.raises(CoreError, match="names no project: choose one, its time zone cuts the period"):
            deed(contract)

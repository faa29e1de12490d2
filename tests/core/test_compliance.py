"""Verdicts written down: once, with all that follows, and beside what a person has acted on."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection

from core.compliance import Evidence, Outcome, assess, excuses
from core.damages_ledger import CapUse, contract_year_start, damages_used
from core.errors import CoreError
from core.models import (
    Clause,
    Contract,
    Currency,
    DefaultEvent,
    DefaultEventType,
    Notification,
    NotificationType,
    RuleOutput,
    RuleOutputType,
)
from core.models.vocabulary import Status as EventStatus
from core.periods import CalendarPeriod, Period, parse_period, zone
from core.rules import AvailabilityMeasurement, AvailabilityTerms, CapWindow, CapYear, DamagesTerms, judge
from tests.factories import (
    ClauseCategoryFactory,
    ClauseFactory,
    CurrencyFactory,
    DefaultEventTypeFactory,
    EventFactory,
    NotificationTypeFactory,
    ReadingChangeFactory,
    RuleOutputTypeFactory,
)

pytestmark = pytest.mark.django_db

NOVEMBER = parse_period("2025-11")
NOVEMBER_OVER = datetime(2025, 12, 1, tzinfo=UTC)
PAYLOAD: dict[str, object] = {
    "threshold": 95,
    "threshold_unit": "percent",
    "measurement_period": "monthly",
    "ld_rate": 1000,
    "ld_currency": "USD",
}
ROWS = (DefaultEvent, RuleOutput, Notification)


@pytest.fixture
def clause() -> Clause:
    """A guarantee of 95 % whose damages are USD 1,000 for each point, and the reference rows that verdicts need."""
    for code in ("LIQUIDATED_DAMAGES", "BREACH", "COMPLIANT", "UNDETERMINED"):
        RuleOutputTypeFactory.create(code=code)
    DefaultEventTypeFactory.create(code="AVAILABILITY_SHORTFALL")
    NotificationTypeFactory.create(code="BREACH_NOTICE")
    CurrencyFactory.create(code="USD")
    return ClauseFactory.create(
        name="Availability",
        clause_category=ClauseCategoryFactory.create(code="AVAILABILITY"),
        normalized_payload=PAYLOAD,
    )


def used_up(
    clause: Clause, period: CalendarPeriod, capped_by: Clause | None = None, cap_year: CapYear = CapYear.CONTRACT
) -> dict[CapWindow, Decimal]:
    """What was taken from the caps before a verdict on this period takes from them."""
    (used,) = damages_used([CapUse(clause, capped_by or clause, period, cap_year)])
    return used


def write(
    clause: Clause,
    percent: int | None,
    period: CalendarPeriod = NOVEMBER,
    caps: Mapping[str, object] | None = None,
    **payload: object,
) -> tuple[RuleOutput, Outcome]:
    """Judges an availability of so many percent, or of nothing known, and writes the verdict down."""
    terms = AvailabilityTerms.from_payload({**PAYLOAD, **payload}, clause=clause.name)
    damages = {"trigger_type": "availability_shortfall", "calculation_type": "per_point", "rate": 1000}
    separate = DamagesTerms.from_payload({**damages, "ld_currency": "USD", **caps}, clause="damages") if caps else None
    up, down, unknown = (percent, 100 - percent, 0) if percent is not None else (0, 0, 100)
    measurement = AvailabilityMeasurement(up=up, down=down, excused_up=0, excused_down=0, unknown=unknown)
    verdict = judge(terms, separate, measurement, period, used_up(clause, period))
    assert clause.contract.project is not None
    local = period.in_zone(zone(clause.contract.project.time_zone))
    evidence = Evidence([7], 100, f"{percent}".rjust(64, "0"), [{"meter_id": 7, "energy_wh": "0"}])
    return assess(clause, verdict, local, evidence, [])


def counts() -> list[int]:
    """How many defaults, verdicts and notices there are."""
    return [model._default_manager.count() for model in ROWS]


def versions() -> list[tuple[object, ...]]:
    """Where each row stands: its place changes whenever it is written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'default', id, ctid::text, xmin::text FROM default_event"
            " UNION ALL SELECT 'verdict', id, ctid::text, xmin::text FROM rule_output"
            " UNION ALL SELECT 'notice', id, ctid::text, xmin::text FROM notification ORDER BY 1, 2"
        )
        found: list[tuple[object, ...]] = cursor.fetchall()
    return found


def stale_verdicts() -> int:
    """How many verdicts are older than their readings."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM stale_verdict")
        (count,) = cursor.fetchone()
    return int(count)


# --- one verdict


def test_a_breach_writes_default_verdict_notice_and_evidence(clause: Clause) -> None:
    output, outcome = write(clause, 90)
    assert outcome is Outcome.CREATED
    assert counts() == [1, 1, 1]
    default, notice = DefaultEvent.objects.get(), Notification.objects.get()
    assert (output.default_event, notice.default_event, notice.rule_output) == (default, default, output)
    assert (output.ld_amount, output.invoice_adjustment) == (Decimal(5000), Decimal(-5000))
    assert (default.period_start, default.period_end) == (output.period_start, output.period_end)
    assert default.evidence == {
        "period": {"start": "2025-11-01T00:00:00+00:00", "end": "2025-12-01T00:00:00+00:00"},
        "meters": [7],
        "values": {"expected": 95, "actual": 90, "shortfall": 5, "availability": 90},
        "sample_readings": [{"meter_id": 7, "energy_wh": "0"}],
        "data_hash": "90".rjust(64, "0"),
    }


def test_a_breach_without_agreed_damages_is_a_breach_all_the_same(clause: Clause) -> None:
    output, _ = write(clause, 90, ld_rate=None, ld_currency=None)
    assert (output.breach, output.rule_output_type.code) == (True, "BREACH")
    assert (output.ld_amount, output.invoice_adjustment, output.currency) == (None, None, None)
    assert counts() == [1, 1, 1]


@pytest.mark.parametrize("percent, code", [(95, "COMPLIANT"), (100, "COMPLIANT"), (None, "UNDETERMINED")])
def test_without_a_breach_there_is_a_verdict_alone(clause: Clause, percent: int | None, code: str) -> None:
    output, _ = write(clause, percent)
    assert (output.breach, output.rule_output_type.code) == (False, code)
    assert counts() == [0, 1, 0]
    assert output.metadata_detail is not None
    assert output.metadata_detail["data_hash"] == f"{percent}".rjust(64, "0")


@pytest.mark.parametrize(
    "vocabulary, code",
    [
        (DefaultEventType, "AVAILABILITY_SHORTFALL"),
        (RuleOutputType, "LIQUIDATED_DAMAGES"),
        (NotificationType, "BREACH_NOTICE"),
        (Currency, "USD"),
    ],
)
def test_a_missing_reference_row_is_named_and_nothing_is_written(
    clause: Clause, vocabulary: type[DefaultEventType], code: str
) -> None:
    vocabulary._default_manager.filter(code=code).delete()
    with pytest.raises(CoreError, match=rf"{vocabulary._meta.verbose_name} {code} is missing: .* load_reference_data"):
        write(clause, 90)
    assert counts() == [0, 0, 0]


def test_an_error_in_the_middle_leaves_nothing(clause: Clause) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE notification ADD CONSTRAINT full_disk CHECK (id < 0)")
    with pytest.raises(IntegrityError, match="full_disk"):
        write(clause, 90)
    assert counts() == [0, 0, 0]


# --- again


def test_the_same_verdict_on_changed_readings_is_current_again(clause: Clause) -> None:
    write(clause, 90)
    RuleOutput.objects.update(computed_at=NOVEMBER_OVER)
    ReadingChangeFactory.create(
        meter__project=clause.contract.project,
        period_start=NOVEMBER_OVER - timedelta(days=9),
        period_end=NOVEMBER_OVER - timedelta(days=8),
        aggregated_at=NOVEMBER_OVER + timedelta(hours=1),
    )
    assert stale_verdicts() == 1
    _, outcome = write(clause, 90)
    assert (outcome, stale_verdicts()) == (Outcome.UNCHANGED, 0)


def test_another_verdict_on_changed_readings_is_current(clause: Clause) -> None:
    write(clause, 90)
    RuleOutput.objects.update(computed_at=NOVEMBER_OVER)
    _, outcome = write(clause, 91)
    (computed_at,) = RuleOutput.objects.values_list("computed_at", flat=True)
    assert outcome is Outcome.UPDATED
    assert computed_at > NOVEMBER_OVER


def test_the_same_verdict_writes_nothing(clause: Clause) -> None:
    first, _ = write(clause, 90)
    before = versions()
    again, outcome = write(clause, 90)
    assert (again, outcome) == (first, Outcome.UNCHANGED)
    assert versions() == before


def test_another_verdict_takes_the_place_of_one_that_nobody_touched(clause: Clause) -> None:
    first, _ = write(clause, 90)
    again, outcome = write(clause, 80)
    assert (again.pk, outcome) == (first.pk, Outcome.UPDATED)
    assert counts() == [1, 1, 1]
    assert again.ld_amount == 15000
    default = DefaultEvent.objects.get()
    assert default.evidence is not None
    assert default.evidence["values"]["actual"] == 80
    assert "80.00 %" in str(default.description)
    assert Notification.objects.get().description == default.description


PERSON = [
    {"time_acknowledged": datetime(2025, 12, 2, tzinfo=UTC)},
    {"time_cured": datetime(2025, 12, 2, tzinfo=UTC)},
    {"status": EventStatus.CLOSED},
    {"updated_by": "somebody"},
]


@pytest.mark.parametrize("act", PERSON, ids=lambda act: next(iter(act)))
@pytest.mark.parametrize("percent", [80, 99, None])
def test_what_a_person_acted_on_is_superseded_and_stays_as_it_was(
    clause: Clause, act: dict[str, object], percent: int | None
) -> None:
    write(clause, 90)
    DefaultEvent.objects.update(**act)
    old_default, old_output = DefaultEvent.objects.values().get(), RuleOutput.objects.values().get()

    output, outcome = write(clause, percent)
    assert outcome is Outcome.SUPERSEDED
    for model, old in ((DefaultEvent, old_default), (RuleOutput, old_output)):
        kept = model._default_manager.values().get(pk=old["id"])
        assert kept["superseded_at"] is not None
        assert {**kept, "superseded_at": None} == old
    assert RuleOutput.objects.get(superseded_at=None) == output
    assert output.pk != old_output["id"]
    standing = DefaultEvent.objects.filter(superseded_at=None)
    assert list(standing) == ([output.default_event] if percent == 80 else [])


def test_a_verdict_that_a_person_changed_is_superseded_too(clause: Clause) -> None:
    first, _ = write(clause, 97)
    RuleOutput.objects.update(updated_by="somebody")
    second, outcome = write(clause, 98)
    assert outcome is Outcome.SUPERSEDED
    assert [first.pk, second.pk] == [*RuleOutput.objects.order_by("pk").values_list("pk", flat=True)]


def test_the_same_verdict_leaves_alone_what_a_person_acted_on(clause: Clause) -> None:
    write(clause, 90)
    DefaultEvent.objects.update(updated_by="somebody")
    before = versions()
    assert write(clause, 90)[1] is Outcome.UNCHANGED
    assert versions() == before


def test_a_breach_that_proves_none_is_superseded_and_its_notice_not_sent(clause: Clause) -> None:
    write(clause, 90)
    output, outcome = write(clause, 96)
    assert (outcome, output.breach, output.default_event) == (Outcome.UPDATED, False, None)
    assert DefaultEvent.objects.get().superseded_at is not None
    assert not Notification.objects.exists()
    again, _ = write(clause, 80)
    assert again.pk == output.pk
    assert DefaultEvent.objects.count() == 2
    standing = DefaultEvent.objects.get(superseded_at=None)
    assert again.default_event == Notification.objects.get().default_event == standing


def test_a_notice_that_was_sent_stays_as_it_was_sent(clause: Clause) -> None:
    write(clause, 90)
    Notification.objects.update(time_notified=datetime(2025, 12, 2, tzinfo=UTC))
    sent = Notification.objects.values().get()
    write(clause, 80)
    assert Notification.objects.values().get() == sent
    write(clause, 99)
    assert Notification.objects.values().get() == sent


# --- caps


def test_without_a_cap_damages_grow(clause: Clause) -> None:
    assert write(clause, 0)[0].ld_amount == 95_000


@pytest.mark.parametrize("cap, owed", [(3000, 3000), (5000, 5000), (0, 0)])
def test_a_cap_of_the_period_bounds_damages_and_0_means_none(clause: Clause, cap: int, owed: int) -> None:
    output, _ = write(clause, 90, ld_cap=cap)
    assert (output.breach, output.ld_amount) == (True, Decimal(owed))


def months(clause: Clause, caps: Mapping[str, object], *labels: str) -> list[Decimal | None]:
    """What each month owes, of 5,000 without caps."""
    return [write(clause, 90, parse_period(label), caps)[0].ld_amount for label in labels]


def test_a_lifetime_cap_counts_every_earlier_period(clause: Clause) -> None:
    caps = {"cumulative_cap": 12_000}
    assert months(clause, caps, "2024-12", "2025-01", "2025-07", "2025-08") == [5000, 5000, 2000, 0]


def test_an_annual_cap_begins_anew_with_the_contract_year(clause: Clause) -> None:
    Contract.objects.update(effective_date=date(2024, 7, 1))
    clause.refresh_from_db()
    caps = {"cap_type": "annual", "cap_amount": 8000}
    assert months(clause, caps, "2025-05", "2025-06", "2025-07", "2025-08") == [5000, 3000, 5000, 3000]


def test_a_period_judged_again_gives_back_its_own_use_first(clause: Clause) -> None:
    caps = {"cumulative_cap": 8000}
    assert months(clause, caps, "2025-01", "2025-02", "2025-02", "2025-01") == [5000, 3000, 3000, 5000]


def test_superseded_verdicts_use_no_cap(clause: Clause) -> None:
    caps = {"cumulative_cap": 8000}
    january = parse_period("2025-01")
    write(clause, 90, january, caps)
    DefaultEvent.objects.update(updated_by="somebody")
    write(clause, 94, january, caps)
    assert used_up(clause, NOVEMBER) == {CapWindow.ANNUAL: 1000, CapWindow.CUMULATIVE: 1000}


def test_other_clauses_use_no_cap(clause: Clause) -> None:
    write(
        ClauseFactory.create(name="Another", contract=clause.contract, clause_category=clause.clause_category),
        90,
        parse_period("2025-01"),
    )
    assert used_up(clause, NOVEMBER) == {CapWindow.ANNUAL: 0, CapWindow.CUMULATIVE: 0}


@pytest.mark.parametrize("time_zone", ["America/Phoenix", "UTC", "Asia/Kolkata", "Pacific/Auckland"])
def test_a_contract_year_begins_at_local_midnight(clause: Clause, time_zone: str) -> None:
    assert clause.contract.project is not None
    clause.contract.project.time_zone = time_zone
    clause.contract.project.save()
    clause.contract.effective_date = date(2023, 11, 1)
    write(clause, 90, parse_period("2025-10"))
    write(clause, 94, parse_period("2025-11"))
    assert used_up(clause, parse_period("2025-11")) == {CapWindow.ANNUAL: 0, CapWindow.CUMULATIVE: 5000}
    assert used_up(clause, parse_period("2025-12")) == {CapWindow.ANNUAL: 1000, CapWindow.CUMULATIVE: 6000}


def test_the_month_in_which_a_contract_takes_effect_belongs_to_its_first_year(clause: Clause) -> None:
    clause.contract.effective_date = date(2024, 11, 15)
    write(clause, 90, parse_period("2024-11"))
    write(clause, 94, parse_period("2025-11"))  # it starts within the first year
    assert used_up(clause, parse_period("2025-10"))[CapWindow.ANNUAL] == 5000
    assert used_up(clause, parse_period("2025-11"))[CapWindow.ANNUAL] == 5000
    assert used_up(clause, parse_period("2025-12"))[CapWindow.ANNUAL] == 0


@pytest.mark.parametrize(
    "effective, day, start",
    [
        (date(2024, 7, 1), date(2025, 6, 30), date(2024, 7, 1)),
        (date(2024, 7, 1), date(2025, 7, 1), date(2025, 7, 1)),
        (date(2024, 12, 31), date(2025, 12, 30), date(2024, 12, 31)),
        (date(2024, 2, 29), date(2024, 2, 29), date(2024, 2, 29)),
        (date(2024, 2, 29), date(2025, 2, 28), date(2024, 2, 29)),
        (date(2024, 2, 29), date(2025, 3, 1), date(2025, 3, 1)),
        (date(2024, 2, 29), date(2028, 2, 28), date(2027, 3, 1)),
        (date(2024, 2, 29), date(2028, 2, 29), date(2028, 2, 29)),
        (date(2096, 2, 29), date(2100, 3, 1), date(2100, 3, 1)),  # a multiple of four without that day
        (None, date(2025, 6, 30), date(2025, 1, 1)),
    ],
)
def test_a_contract_year_runs_from_anniversary_to_anniversary(effective: date | None, day: date, start: date) -> None:
    assert contract_year_start(Contract(effective_date=effective), day) == start


# --- excuses


PERIOD = Period(datetime(2025, 11, 1, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC))
NOON = datetime(2025, 11, 12, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "facts, counts",
    [
        ({}, True),
        ({"raw_data": {"verified": False}}, False),
        ({"raw_data": {}}, False),
        ({"raw_data": None}, False),
        ({"status": EventStatus.OPEN}, False),
        ({"time_end": None}, False),
        ({"event_type__code": "FORCED_OUTAGE"}, False),
        ({"time_start": NOON - 900 * HOUR, "time_end": PERIOD.start}, False),
        ({"time_start": PERIOD.end, "time_end": PERIOD.end + HOUR}, False),
    ],
)
def test_an_event_excuses_once_it_is_closed_and_verified(
    clause: Clause, facts: Mapping[str, object], counts: bool
) -> None:
    values: dict[str, object] = {
        "event_type__code": "GRID_OUTAGE",
        "status": EventStatus.CLOSED,
        "raw_data": {"verified": True},
        "time_start": NOON,
        "time_end": NOON + HOUR,
        **facts,
    }
    event = EventFactory.create(project=clause.contract.project, **values)
    found = excuses(event.project_id, frozenset({"GRID_OUTAGE", "FORCE_MAJEURE"}), PERIOD)
    assert [(excuse.event_id, excuse.code) for excuse in found] == ([(event.pk, "GRID_OUTAGE")] if counts else [])


def test_an_excuse_is_clipped_to_the_period(clause: Clause) -> None:
    event = EventFactory.create(
        project=clause.contract.project,
        event_type__code="GRID_OUTAGE",
        status=EventStatus.CLOSED,
        raw_data={"verified": True},
        time_start=PERIOD.start - HOUR,
        time_end=PERIOD.end + HOUR,
    )
    (excuse,) = excuses(event.project_id, frozenset({"GRID_OUTAGE"}), PERIOD)
    assert excuse.period == PERIOD

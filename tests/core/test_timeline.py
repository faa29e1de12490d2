"""Each instant in one category, and availability in each of its forms."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MeasurementError
from core.periods import Period
from core.rules import AvailabilityForm, ExclusionMode, UnknownAs
from core.timeline import PRIORITY, Category, Slot, State, capacity_weighted, energy_based, measurement, of_form
from tests.core.sweep import Cause, Observation, categorise, tally, timeline

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
MODES = st.sampled_from(ExclusionMode)


def minutes(start: int, end: int) -> Period:
    return Period(NOON + timedelta(minutes=start), NOON + timedelta(minutes=end))


HOUR = minutes(0, 60)
SPANS = st.builds(lambda start, length: minutes(start, start + length), st.integers(-30, 80), st.integers(0, 60))
OBSERVATIONS = st.lists(st.builds(Observation, SPANS, st.sampled_from(State)), max_size=8)
CAUSES = st.lists(st.builds(Cause, SPANS, st.sampled_from(Category)), max_size=6)
EXCUSES = st.lists(SPANS, max_size=4)


def test_time_of_which_nobody_says_anything_has_no_information() -> None:
    (only,) = timeline(HOUR, [])
    assert (only.period, only.state, only.category, only.excused) == (
        HOUR,
        State.SILENT,
        Category.NO_INFORMATION,
        False,
    )


def test_what_a_unit_did_comes_first_and_why_comes_second() -> None:
    found = timeline(
        HOUR,
        [Observation(minutes(0, 20), State.RUNNING), Observation(minutes(20, 50), State.STANDING)],
        [Cause(minutes(10, 30), Category.GRID), Cause(minutes(25, 40), Category.SCHEDULED_MAINTENANCE)],
    )
    assert [(one.period, one.category) for one in found] == [
        (minutes(0, 20), Category.IN_SERVICE),  # it ran through the first minutes of the grid event
        (minutes(20, 30), Category.GRID),
        (minutes(30, 40), Category.SCHEDULED_MAINTENANCE),
        (minutes(40, 50), Category.FORCED_OUTAGE),
        (minutes(50, 60), Category.NO_INFORMATION),
    ]


@pytest.mark.parametrize(
    "state, causes, category",
    [
        (State.RUNNING, set(Category), Category.CURTAILMENT),
        (State.RUNNING, {Category.GRID, Category.DEGRADED}, Category.DEGRADED),
        (State.RUNNING, {Category.FORCE_MAJEURE}, Category.IN_SERVICE),
        (State.STANDING, set(Category), Category.FORCE_MAJEURE),
        (State.STANDING, {Category.DEGRADED}, Category.FORCED_OUTAGE),
        (State.RESTING, {Category.FORCED_OUTAGE}, Category.FORCED_OUTAGE),
        (State.RESTING, set(), Category.IN_SERVICE),
        (State.RAN_UNSEEN, {Category.FORCED_OUTAGE}, Category.IN_SERVICE),
        (State.SILENT, {Category.GRID}, Category.GRID),
        (State.SILENT, {Category.DEGRADED}, Category.NO_INFORMATION),
    ],
)
def test_the_first_cause_that_can_explain_a_state_wins(state: State, causes: set[Category], category: Category) -> None:
    assert categorise(state, causes) is category


def test_every_category_is_reached_from_some_state() -> None:
    assert {category for ranked in PRIORITY.values() for category in ranked} == set(Category)
    assert PRIORITY.keys() == set(State)


@settings(max_examples=150, deadline=None)
@given(OBSERVATIONS, CAUSES, EXCUSES, st.randoms(use_true_random=False))
def test_a_timeline_has_no_gap_no_overlap_and_no_order_of_input(
    observations: list[Observation], causes: list[Cause], excuses: list[Period], random: Random
) -> None:
    found = timeline(HOUR, observations, causes, excuses)
    assert (found[0].period.start, found[-1].period.end) == (HOUR.start, HOUR.end)
    assert all(one.period.end == other.period.start for one, other in pairwise(found))
    assert all(one.period for one in found)
    for subjects in (observations, causes, excuses):
        random.shuffle(subjects)
    assert timeline(HOUR, observations, causes, excuses) == found


@settings(max_examples=100, deadline=None)
@given(OBSERVATIONS, CAUSES, EXCUSES, st.integers(1, 59))
def test_a_period_that_is_split_adds_up_to_the_whole(
    observations: list[Observation], causes: list[Cause], excuses: list[Period], cut: int
) -> None:
    whole = tally(timeline(HOUR, observations, causes, excuses))
    halves = [tally(timeline(half, observations, causes, excuses)) for half in (minutes(0, cut), minutes(cut, 60))]
    assert whole == {slot: sum(half.get(slot, 0) for half in halves) for slot in {*halves[0], *halves[1]}}
    assert sum(whole.values()) == 3600


TALLIES = st.dictionaries(
    st.builds(Slot, st.sampled_from(State), st.sampled_from(Category), st.booleans()), st.integers(0, 10**7)
)


@settings(max_examples=150, deadline=None)
@given(TALLIES, MODES, st.sampled_from(UnknownAs))
def test_every_form_of_availability_lies_between_0_and_1(
    unit: dict[Slot, int], mode: ExclusionMode, policy: UnknownAs
) -> None:
    for form in (AvailabilityForm.RAW, AvailabilityForm.TECHNICAL, AvailabilityForm.CONTRACTUAL):
        for placed in (policy, None):
            found = of_form(unit, form, placed)
            share, (lowest, highest) = found.share(mode), found.bounds(mode)
            assert 0 <= lowest <= highest <= 1
            assert share is None or lowest <= share <= highest


@settings(max_examples=150, deadline=None)
@given(TALLIES, MODES, st.sampled_from(UnknownAs), st.integers(1, 10**6))
def test_a_second_up_never_lowers_availability_and_a_second_down_never_raises_it(
    unit: dict[Slot, int], mode: ExclusionMode, policy: UnknownAs, more: int
) -> None:
    up, down = Slot(State.RUNNING, Category.IN_SERVICE), Slot(State.STANDING, Category.FORCED_OUTAGE)
    before = measurement(unit, policy).share(mode)
    better = measurement({**unit, up: unit.get(up, 0) + more}, policy).share(mode)
    worse = measurement({**unit, down: unit.get(down, 0) + more}, policy).share(mode)
    if before is not None and policy is not UnknownAs.ESTIMATED:  # an estimate is cut to whole seconds
        assert worse is not None
        assert better is not None
        assert worse <= before <= better


def slots(**seconds: int) -> dict[Slot, int]:
    """Seconds by state, each with the category that it has without a cause."""
    return {Slot(State(name), PRIORITY[State(name)][-1]): count for name, count in seconds.items()}


@pytest.mark.parametrize(
    "policy, up, down, unknown",
    [
        (None, 60, 20, 25),
        (UnknownAs.EXCLUDED, 60, 20, 0),
        (UnknownAs.UP, 85, 20, 0),
        (UnknownAs.DOWN, 60, 40, 0),  # the 5 seconds over which the register advanced are no outage
        (UnknownAs.ESTIMATED, 78, 27, 0),  # 25 * 60 / 80 = 18.75
    ],
)
def test_the_clause_says_what_unknown_time_is(policy: UnknownAs | None, up: int, down: int, unknown: int) -> None:
    found = measurement(slots(running=60, standing=20, silent=20, ran_unseen=5, resting=999), policy)
    assert (found.up, found.down, found.unknown) == (up, down, unknown)


def test_what_is_not_known_at_all_cannot_be_estimated() -> None:
    assert measurement(slots(silent=20), UnknownAs.ESTIMATED).unknown == 20


def test_the_two_modes_of_exclusion_differ() -> None:
    """The formulas of formulas.md, section 1, with T_useful 100, T_down 15 and T_excl 10: 95/100 and 85/90."""
    unit = {
        Slot(State.RUNNING, Category.IN_SERVICE): 85,
        Slot(State.STANDING, Category.FORCED_OUTAGE): 5,
        Slot(State.STANDING, Category.GRID, excused=True): 10,
    }
    assert of_form(unit, AvailabilityForm.TECHNICAL).share(ExclusionMode.REMOVE_FROM_PERIOD) == Fraction(85, 100)
    assert measurement(unit).share(ExclusionMode.CREDIT_AS_UP) == Fraction(95, 100)
    assert measurement(unit).share(ExclusionMode.REMOVE_FROM_PERIOD) == Fraction(85, 90)


def test_raw_availability_counts_the_night_and_not_what_nobody_knows() -> None:
    found = of_form(slots(running=50, standing=10, resting=40, silent=900), AvailabilityForm.RAW)
    assert found.share(ExclusionMode.REMOVE_FROM_PERIOD) == Fraction(90, 100)
    assert found.unknown == 900
    nothing = of_form(slots(silent=900), AvailabilityForm.RAW)
    assert nothing.share(ExclusionMode.REMOVE_FROM_PERIOD) is None


def test_a_site_is_as_available_as_the_published_example_of_its_inverters() -> None:
    """Inaccess, Availability at site level (insolar-support.inaccess.com, article 3000074407).

    Two inverters of 1,500 kW and two of 1,000 kW, one of the small ones not producing: 80 %.
    """
    up, down = measurement(slots(running=900)), measurement(slots(standing=900))
    found = capacity_weighted([up, up, up, down], [Decimal(power) for power in (1500, 1500, 1000, 1000)])
    assert found.share(ExclusionMode.REMOVE_FROM_PERIOD) == Fraction(80, 100)


def test_units_count_by_their_rated_power() -> None:
    """Two units of 100 and 300 kW, the large one down for half of its time: (100 + 300/2) / 400."""
    units = [measurement(slots(running=10)), measurement(slots(running=5, standing=5))]
    found = capacity_weighted(units, [Decimal("0.1"), Decimal("0.3")])
    assert (found.up, found.down) == (25, 15)
    assert found.share(ExclusionMode.REMOVE_FROM_PERIOD) == Fraction(5, 8)
    with pytest.raises(MeasurementError, match="rated power"):
        capacity_weighted(units, [Decimal(100), Decimal(0)])


def test_availability_by_energy_counts_what_was_lost() -> None:
    """A_e = 1 - E_lost / (E_actual + E_lost), formulas.md section 1: 95 kWh came, 5 were lost."""
    found = energy_based(Decimal(95_000), Decimal(5_000))
    assert found.share(ExclusionMode.REMOVE_FROM_PERIOD) == Fraction(95, 100)
    assert energy_based(Decimal(0), Decimal(0)).share(ExclusionMode.REMOVE_FROM_PERIOD) is None
    with pytest.raises(MeasurementError, match="actual energy"):
        energy_based(Decimal(-1), Decimal(0))

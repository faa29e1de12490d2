import json
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ClauseError, MeasurementError
from core.periods import PeriodKind, parse_period
from core.rules import (
    AvailabilityMeasurement,
    AvailabilityTerms,
    Cap,
    CapWindow,
    DamagesTerms,
    ExclusionMode,
    Status,
    Verdict,
    content_hash,
    judge,
    show_percent,
)

Payload = dict[str, Any]

NOVEMBER = parse_period("2025-11")
GUARANTEE: Payload = {"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly"}
DAMAGES: Payload = {
    "trigger_type": "availability_shortfall",
    "calculation_type": "per_point",
    "rate": 1000,
    "ld_currency": "USD",
}


def guarantee(**keys: object) -> AvailabilityTerms:
    return AvailabilityTerms.from_payload(GUARANTEE | keys, clause="4.1")


def damages(**keys: object) -> DamagesTerms:
    return DamagesTerms.from_payload(DAMAGES | keys, clause="9.2")


def measured(
    up: int = 0, down: int = 0, excused_up: int = 0, excused_down: int = 0, unknown: int = 0
) -> AvailabilityMeasurement:
    return AvailabilityMeasurement(up, down, excused_up, excused_down, unknown)


def verdict(measurement: AvailabilityMeasurement, **keys: object) -> Verdict:
    return judge(guarantee(**keys), None, measurement, NOVEMBER)


# --- reading the clause


def test_a_clause_is_read_with_the_defaults_of_the_vocabulary() -> None:
    terms = guarantee()
    assert terms.threshold == 95
    assert terms.measurement_period is PeriodKind.MONTHLY
    assert terms.irradiance_threshold_wm2 == 100
    assert terms.exclusion_mode is ExclusionMode.REMOVE_FROM_PERIOD
    assert terms.excused_events == frozenset()
    assert terms.damages is None


def test_a_clause_is_read_in_full() -> None:
    terms = guarantee(
        ld_rate="1500.50",
        ld_cap=20_000,
        ld_currency="EUR",
        excused_events=["GRID_OUTAGE", "FORCE_MAJEURE"],
        irradiance_threshold_wm2=75.5,
        exclusion_mode="credit_as_up",
    )
    assert terms.damages == DamagesTerms(
        clause="4.1",
        rate=Decimal("1500.50"),
        currency="EUR",
        caps=(Cap(CapWindow.PERIOD, Decimal(20_000)),),
        reference_percent=None,
    )
    assert terms.excused_events == {"GRID_OUTAGE", "FORCE_MAJEURE"}
    assert terms.irradiance_threshold_wm2 == Decimal("75.5")
    assert terms.exclusion_mode is ExclusionMode.CREDIT_AS_UP


@pytest.mark.parametrize("written", [97.1, "97.1", Decimal("97.1"), " 97.1 ", Decimal("97.10")])
def test_a_number_is_taken_exactly_as_written(written: object) -> None:
    assert guarantee(threshold=written).guaranteed_share(NOVEMBER) == Fraction(971, 1000)


@pytest.mark.parametrize("threshold, share", [(100, Fraction(1)), ("1.01", Fraction(101, 10_000))])
def test_a_guarantee_may_be_all_of_the_time_or_very_little(threshold: object, share: Fraction) -> None:
    assert guarantee(threshold=threshold).guaranteed_share(NOVEMBER) == share


@pytest.mark.parametrize("key", ["threshold", "threshold_unit", "measurement_period"])
def test_a_missing_key_of_a_guarantee_is_refused_by_name(key: str) -> None:
    for payload in ({k: v for k, v in GUARANTEE.items() if k != key}, GUARANTEE | {key: None}):
        with pytest.raises(ClauseError, match=f"clause 4.1: {key}: is missing") as refused:
            AvailabilityTerms.from_payload(payload, clause="4.1")
        assert (refused.value.clause, refused.value.key) == ("4.1", key)


@pytest.mark.parametrize("key", ["trigger_type", "calculation_type", "rate", "ld_currency"])
def test_a_missing_key_of_damages_is_refused_by_name(key: str) -> None:
    with pytest.raises(ClauseError, match=f"clause 9.2: {key}: is missing"):
        damages(**{key: None})


@pytest.mark.parametrize(
    "key, value, problem",
    [
        ("ld_method", "per_energy", "must be per_point or piecewise_multiplier"),
        ("ld_grace_days", 1, "belongs to delay"),
    ],
)
def test_what_would_change_the_damages_and_is_not_priced_is_refused(key: str, value: object, problem: str) -> None:
    for read in (damages, lambda **keys: guarantee(ld_rate=1000, ld_currency="USD", **keys)):
        with pytest.raises(ClauseError, match=f"{key}: {problem}"):
            read(**{key: value})


@pytest.mark.parametrize(
    "keys, key",
    [
        ({"availability_form": "energy_based"}, "available_energy_method"),
        (
            {"availability_form": "energy_based", "available_energy_method": "monthly_average_irradiance"},
            "available_energy_method",
        ),
        (
            {"availability_form": "energy_based", "available_energy_method": "fixed_deemed"},
            "deemed_kwh_per_interval",
        ),
        (
            {
                "availability_form": "energy_based",
                "available_energy_method": "irradiance_interval_adjusted",
                "unknown_as": "estimated",
            },
            "unknown_as",
        ),
        (
            {"ld_method": "energy_availability_revenue", "ld_rate": 1, "ld_currency": "USD"},
            "ld_method",
        ),
    ],
)
def test_availability_by_energy_is_refused_without_a_way_to_tell_what_was_lost(
    keys: dict[str, object], key: str
) -> None:
    with pytest.raises(ClauseError, match=f"clause 4.1: {key}: "):
        guarantee(**keys)


@pytest.mark.parametrize(
    "cap_type, window",
    [(None, CapWindow.PERIOD), ("per_event", CapWindow.PERIOD), ("annual", CapWindow.ANNUAL)],
)
def test_the_cap_of_a_guarantee_has_the_window_that_the_clause_names(cap_type: str | None, window: CapWindow) -> None:
    agreed = guarantee(ld_rate=1000, ld_cap=5000, ld_currency="USD", cap_type=cap_type).damages
    assert agreed is not None
    assert agreed.caps == (Cap(window, Decimal(5000)),)


@pytest.mark.parametrize("keys, key", [({"ld_rate": 1000}, "ld_currency"), ({"ld_cap": 5000}, "ld_rate")])
def test_damages_named_by_half_are_refused(keys: Payload, key: str) -> None:
    with pytest.raises(ClauseError, match=f"clause 4.1: {key}: is missing"):
        guarantee(**keys)


def test_days_are_counted_against_the_days_of_the_year() -> None:
    terms = guarantee(threshold=355, threshold_unit="days", measurement_period="annual")
    assert terms.guaranteed_share(parse_period("2025")) == Fraction(355, 365)
    assert terms.guaranteed_share(parse_period("2024")) == Fraction(355, 366)
    every_day = guarantee(threshold=365, threshold_unit="days", measurement_period="annual")
    assert every_day.guaranteed_share(parse_period("2025")) == 1
    with pytest.raises(ClauseError, match="at most 365 days"):
        guarantee(threshold=366, threshold_unit="days", measurement_period="annual")


# --- measuring


@pytest.mark.parametrize("seconds", [-1, 0.5, True, Decimal(3)])
def test_a_measurement_counts_whole_seconds(seconds: Any) -> None:
    with pytest.raises(MeasurementError, match="down must be whole seconds"):
        measured(down=seconds)


@pytest.mark.parametrize(
    "measurement, removed, credited",
    [
        (measured(up=95, down=5), Fraction(95, 100), Fraction(95, 100)),
        (measured(up=90, down=5, excused_down=5), Fraction(90, 95), Fraction(95, 100)),
        (measured(up=85, down=5, excused_up=5, excused_down=5), Fraction(85, 90), Fraction(95, 100)),
        (measured(excused_up=3, excused_down=4), None, Fraction(1)),
        (measured(unknown=9), None, None),
        (measured(down=9), Fraction(0), Fraction(0)),
    ],
)
def test_excused_time_is_removed_or_credited(
    measurement: AvailabilityMeasurement, removed: Fraction | None, credited: Fraction | None
) -> None:
    assert measurement.share(ExclusionMode.REMOVE_FROM_PERIOD) == removed
    assert measurement.share(ExclusionMode.CREDIT_AS_UP) == credited


def test_nothing_measured_may_have_been_anything() -> None:
    for measurement in (measured(), measured(unknown=9)):
        assert measurement.bounds(ExclusionMode.REMOVE_FROM_PERIOD) == (Fraction(0), Fraction(1))


counts = st.integers(0, 10**9)
measurements = st.builds(AvailabilityMeasurement, counts, counts, counts, counts, counts)
modes = st.sampled_from(ExclusionMode)


@settings(max_examples=100, deadline=None)
@given(measurements, modes)
def test_availability_is_a_share_between_its_bounds(measurement: AvailabilityMeasurement, mode: ExclusionMode) -> None:
    lowest, highest = measurement.bounds(mode)
    share = measurement.share(mode)
    assert 0 <= lowest <= highest <= 1
    assert share is None or lowest <= share <= highest


@settings(max_examples=100, deadline=None)
@given(measurements.filter(lambda known: known.up > 0), modes, st.integers(1, 10**6))
def test_a_second_up_never_lowers_availability_and_a_second_down_never_raises_it(
    measurement: AvailabilityMeasurement, mode: ExclusionMode, more: int
) -> None:
    share = measurement.share(mode)
    better = (measurement + measured(up=more)).share(mode)
    worse = (measurement + measured(down=more)).share(mode)
    assert share is not None
    assert worse is not None
    assert better is not None
    assert worse <= share <= better


@settings(max_examples=60, deadline=None)
@given(st.lists(measurements, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_parts_add_up_to_the_whole_in_any_order(parts: list[AvailabilityMeasurement], random: Any) -> None:
    whole = reduce(add, parts)
    shuffled = list(parts)
    random.shuffle(shuffled)
    assert reduce(add, shuffled) == whole
    assert whole.up == sum(part.up for part in parts)
    assert whole.unknown == sum(part.unknown for part in parts)


@settings(max_examples=60, deadline=None)
@given(measurements, modes, st.data())
def test_whatever_the_unknown_time_was_the_share_lies_within_the_bounds(
    measurement: AvailabilityMeasurement, mode: ExclusionMode, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, measurement.unknown), min_size=4, max_size=4)))
    up, down, excused_up, excused_down = (b - a for a, b in zip([0, *cuts], cuts, strict=False))
    truth = AvailabilityMeasurement(
        measurement.up + up,
        measurement.down + down,
        measurement.excused_up + excused_up,
        measurement.excused_down + excused_down,
        unknown=0,  # the rest was night
    ).share(mode)
    lowest, highest = measurement.bounds(mode)
    assert truth is None or lowest <= truth <= highest


# --- the verdict


@pytest.mark.parametrize(
    "up, down, status",
    [
        (95, 5, Status.COMPLIANT),  # exactly the guaranteed level
        (950_000, 50_001, Status.BREACH),
        (950_001, 50_000, Status.COMPLIANT),
        (0, 1, Status.BREACH),
        (1, 0, Status.COMPLIANT),
    ],
)
def test_breach_is_decided_on_the_exact_number(up: int, down: int, status: Status) -> None:
    assert verdict(measured(up=up, down=down)).status is status


def test_a_clause_may_ask_for_more_than_the_level_itself() -> None:
    assert verdict(measured(up=95, down=5), comparison_operator=">").status is Status.BREACH
    assert verdict(measured(up=95, down=5), comparison_operator=">=").status is Status.COMPLIANT


@pytest.mark.parametrize(
    "measurement, reason",
    [
        (measured(), "the period has no useful time"),
        (measured(unknown=60), "there is no information about any useful time of the period"),
        (measured(excused_up=30, excused_down=30), "all useful time of the period is excused"),
    ],
)
def test_nothing_measured_is_unknown_and_not_zero(measurement: AvailabilityMeasurement, reason: str) -> None:
    outcome = judge(guarantee(), damages(), measurement, NOVEMBER)
    assert outcome.status is Status.UNDETERMINED
    assert outcome.reason == reason
    assert outcome.measured_share is None
    assert outcome.shortfall_points is None
    assert outcome.ld_amount is None


def test_unknown_time_that_could_turn_the_answer_leaves_it_open() -> None:
    outcome = judge(guarantee(), damages(), measured(up=94, down=2, unknown=4), NOVEMBER)
    assert outcome.status is Status.UNDETERMINED
    assert (outcome.lowest_share, outcome.highest_share) == (Fraction(94, 100), Fraction(98, 100))
    assert outcome.ld_amount is None
    assert outcome.reason == (
        "availability is between 94.00 % and 98.00 %, depending on 4 unit-seconds without information, "
        "and the guarantee of 95.00 % lies between"
    )


def test_unknown_time_that_cannot_turn_the_answer_does_not_matter() -> None:
    assert verdict(measured(up=96, down=0, unknown=4)).status is Status.COMPLIANT
    breach = judge(guarantee(), damages(), measured(up=80, down=10, unknown=10), NOVEMBER)
    assert breach.status is Status.BREACH
    assert breach.shortfall_points == 95 - Fraction(800, 9)  # on the known 90, not on 100


def test_the_lower_bound_may_just_reach_the_guarantee() -> None:
    assert verdict(measured(up=95, down=0, unknown=5)).status is Status.COMPLIANT
    assert verdict(measured(up=94, down=6, unknown=20)).status is Status.UNDETERMINED  # all up: exactly 95 %
    assert verdict(measured(up=94, down=6, unknown=19)).status is Status.BREACH


def test_a_year_is_not_judged_on_a_month() -> None:
    with pytest.raises(ClauseError, match=r"measurement_period: is annual, so that 2025-11 \(monthly\)"):
        verdict(measured(up=1), measurement_period="annual")


def test_days_per_year_turn_with_the_leap_year() -> None:
    terms = guarantee(threshold=355, threshold_unit="days", measurement_period="annual")
    measurement = measured(up=9_710, down=290)  # 97.1 %, between 355/366 and 355/365
    assert judge(terms, None, measurement, parse_period("2025")).status is Status.BREACH
    assert judge(terms, None, measurement, parse_period("2024")).status is Status.COMPLIANT


# --- damages


@pytest.mark.parametrize(
    "keys, amount, capped",
    [
        ({}, "5000.00", False),
        ({"rate": "1000.555"}, "5002.78", False),  # 5002.775, rounded once
        ({"ld_currency": "JPY"}, "5000", False),
        ({"ld_currency": "KWD", "rate": "0.3333"}, "1.667", False),
        ({"cap_amount": 4000}, "4000.00", True),
        ({"cap_amount": 5000}, "5000.00", False),
        ({"cap_amount": 0}, "0.00", True),
        ({"cap_amount": "3999.999"}, "4000.00", True),
        ({"cap_amount": 4000, "cap_type": "per_event"}, "4000.00", True),
        ({"rate": 0}, "0.00", False),
    ],
)
def test_damages_are_points_times_rate_up_to_the_cap(keys: Payload, amount: str, capped: bool) -> None:
    outcome = judge(guarantee(), damages(**keys), measured(up=90, down=10), NOVEMBER)
    assert outcome.shortfall_points == 5
    assert str(outcome.ld_amount) == amount
    assert outcome.cap_applied is capped
    assert outcome.ld_currency == keys.get("ld_currency", "USD")


def test_damages_round_once_from_the_exact_shortfall() -> None:
    outcome = judge(guarantee(), damages(rate="0.01"), measured(up=2, down=1), NOVEMBER)
    assert outcome.ld_uncapped == (95 - Fraction(200, 3)) / 100
    assert outcome.ld_amount == Decimal("0.28")


def test_damages_of_the_availability_clause_itself_apply() -> None:
    outcome = verdict(measured(up=90, down=10), ld_rate=200, ld_cap=900, ld_currency="EUR")
    assert (outcome.ld_amount, outcome.ld_currency, outcome.cap_applied) == (Decimal("900.00"), "EUR", True)


def test_a_breach_without_agreed_damages_owes_no_amount_rather_than_zero() -> None:
    outcome = verdict(measured(up=90, down=10))
    assert outcome.status is Status.BREACH
    assert outcome.ld_amount is None
    assert outcome.ld_currency is None


def test_a_kept_guarantee_owes_zero() -> None:
    outcome = judge(guarantee(), damages(), measured(up=99, down=1), NOVEMBER)
    assert outcome.ld_amount == 0
    assert outcome.shortfall_points == 0
    assert not outcome.cap_applied


@pytest.mark.parametrize(
    "keys, used, amount",
    [
        ({"cap_amount": 12_000, "cap_type": "annual"}, {CapWindow.ANNUAL: 9_000}, 3_000),
        ({"cap_amount": 12_000, "cap_type": "annual"}, {CapWindow.ANNUAL: 0}, 5_000),
        ({"cap_amount": 12_000, "cap_type": "annual"}, {CapWindow.ANNUAL: 12_500}, 0),
        ({"cap_amount": 4_000, "cumulative_cap": 20_000}, {CapWindow.CUMULATIVE: 18_500}, 1_500),
        ({"cap_amount": 4_000, "cumulative_cap": 20_000}, {CapWindow.CUMULATIVE: 1_000}, 4_000),
        ({"cumulative_cap": 20_000, "cap_type": "cumulative"}, {CapWindow.CUMULATIVE: 17_000}, 3_000),
    ],
)
def test_what_earlier_periods_used_of_a_cap_counts(keys: Payload, used: Mapping[CapWindow, int], amount: int) -> None:
    exact = {window: Decimal(taken) for window, taken in used.items()}
    outcome = judge(guarantee(), damages(**keys), measured(up=90, down=10), NOVEMBER, exact)
    assert outcome.ld_amount == amount


@pytest.mark.parametrize("keys", [{"cap_amount": 9, "cap_type": "annual"}, {"cumulative_cap": 9}])
def test_a_cap_over_several_periods_is_not_applied_blindly(keys: Payload) -> None:
    with pytest.raises(ClauseError, match="what earlier periods used must be given"):
        judge(guarantee(), damages(**keys), measured(up=90, down=10), NOVEMBER)


def test_an_annual_cap_is_whole_for_a_year() -> None:
    terms = guarantee(measurement_period="annual")
    annual = damages(cap_amount=4_000, cap_type="annual")
    assert judge(terms, annual, measured(up=90, down=10), parse_period("2025")).ld_amount == 4_000


@pytest.mark.parametrize(
    "own, separate, key",
    [
        ({"ld_rate": 900, "ld_currency": "USD"}, {}, "clause 4.1: ld_rate"),
        ({"ld_rate": 1000, "ld_currency": "EUR"}, {}, "clause 4.1: ld_rate"),
        ({"ld_rate": 1000, "ld_currency": "USD", "ld_cap": 5}, {"cap_amount": 6}, "clause 4.1: ld_cap"),
        ({}, {"threshold_percent": 93}, "clause 9.2: threshold_percent"),
    ],
)
def test_clauses_that_contradict_each_other_are_refused(own: Payload, separate: Payload, key: str) -> None:
    with pytest.raises(ClauseError, match=key):
        judge(guarantee(**own), damages(**separate), measured(up=90, down=10), NOVEMBER)


def test_damages_that_two_clauses_name_alike_are_owed_once() -> None:
    terms = guarantee(ld_rate=1000, ld_currency="USD")
    outcome = judge(terms, damages(threshold_percent="95.0"), measured(up=90, down=10), NOVEMBER)
    assert outcome.ld_amount == 5_000


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 10**6))
def test_damages_never_fall_as_downtime_grows(up: int, down: int, more: int) -> None:
    terms = damages(cap_amount=3_000)
    less = judge(guarantee(), terms, measured(up=up, down=down), NOVEMBER)
    worse = judge(guarantee(), terms, measured(up=up, down=down + more), NOVEMBER)
    assert less.ld_amount is not None
    assert worse.ld_amount is not None
    assert 0 <= less.ld_amount <= worse.ld_amount <= 3_000


# --- what people read


@pytest.mark.parametrize(
    "share, against, shown",
    [
        ("0.949996", "0.95", "94.9996 %"),
        ("0.94994", "0.95", "94.99 %"),
        ("0.95", "0.95", "95.00 %"),
        ("0.950001", "0.95", "95.0001 %"),
        ("0.5", "0.95", "50.00 %"),
        ("1", "0.95", "100.00 %"),
        ("0.9999999", "1", "99.99999 %"),
    ],
)
def test_percent_shows_the_decimals_the_verdict_needs(share: str, against: str, shown: str) -> None:
    assert show_percent(Fraction(share), Fraction(against)) == shown


def test_the_reason_reads_as_the_verdict_says() -> None:
    below, equal, above = measured(949_996, 50_004), measured(95, 5), measured(96, 4)
    assert verdict(below).reason == "availability of 94.9996 % is below the guarantee of 95.0000 %"
    assert verdict(equal).reason == "availability of 95.00 % equals the guarantee of 95.00 %"
    assert verdict(above).reason == "availability of 96.00 % is above the guarantee of 95.00 %"


shares = st.fractions(0, 1)


@settings(max_examples=100, deadline=None)
@given(shares, shares)
def test_shown_percentages_compare_as_the_exact_ones(one: Fraction, other: Fraction) -> None:
    shown_one = Decimal(show_percent(one, other).removesuffix(" %"))
    shown_other = Decimal(show_percent(other, one).removesuffix(" %"))
    assert (shown_one < shown_other, shown_one == shown_other) == (one < other, one == other)


# --- the explanation


def test_the_explanation_holds_every_number_in_order() -> None:
    terms = guarantee(excused_events=["GRID_OUTAGE", "FORCE_MAJEURE"])
    measurement = measured(up=90, down=10, excused_up=3, excused_down=4, unknown=1)
    outcome = judge(terms, damages(cap_amount=4_000), measurement, NOVEMBER)
    assert outcome.explanation == {
        "clause": "4.1",
        "period": {
            "label": "2025-11",
            "kind": "monthly",
            "first_day": "2025-11-01",
            "last_day": "2025-11-30",
            "days": 30,
        },
        "steps": [
            {
                "step": "classify time",
                "form": "contractual",
                "formula": "unit-seconds of useful time, and of time without information",
                "up": 90,
                "down": 10,
                "excused_up": 3,
                "excused_down": 4,
                "unknown": 1,
            },
            {
                "step": "apply exclusions",
                "formula": "up / (up + down)",
                "exclusion_mode": "remove_from_period",
                "excused_events": ["FORCE_MAJEURE", "GRID_OUTAGE"],
                "irradiance_threshold_wm2": "100",
                "available": 90,
                "counted": 100,
                "measured": {"exact": "9/10", "rounded": "0.90000000"},
            },
            {
                "step": "set the guarantee",
                "formula": "threshold / 100",
                "threshold": "95",
                "threshold_unit": "percent",
                "guaranteed": {"exact": "19/20", "rounded": "0.95000000"},
            },
            {
                "step": "bound what is unknown",
                "formula": "unknown time counted all down, then all up",
                "lowest": {"exact": "90/101", "rounded": "0.89108911"},
                "highest": {"exact": "91/101", "rounded": "0.90099010"},
            },
            {
                "step": "decide",
                "formula": "measured >= guaranteed, the same at both bounds",
                "status": "breach",
                "reason": "availability of 90.00 % is below the guarantee of 95.00 %",
            },
            {
                "step": "shortfall",
                "formula": "(guaranteed - measured) * 100, at least 0",
                "points": {"exact": "5", "rounded": "5.00000000"},
            },
            {
                "step": "rate",
                "formula": "points * rate",
                "clause": "9.2",
                "rate": "1000",
                "currency": "USD",
                "uncapped": {"exact": "5000", "rounded": "5000.00000000"},
            },
            {
                "step": "cap per_period",
                "formula": "at most cap - used by earlier periods, at least 0",
                "cap": "4000",
                "left": "4000",
            },
            {"step": "round once", "formula": "half away from zero, to 2 decimals", "amount": "4000.00"},
        ],
    }


@pytest.mark.parametrize("measurement", [measured(), measured(unknown=5), measured(up=9, down=1), measured(up=1)])
def test_every_verdict_leaves_an_explanation_that_survives_json(measurement: AvailabilityMeasurement) -> None:
    explanation = judge(guarantee(), damages(), measurement, NOVEMBER).explanation
    restored = json.loads(json.dumps(explanation))
    assert restored == explanation
    assert content_hash(restored) == content_hash(explanation)


def test_the_hash_ignores_the_order_of_keys_and_nothing_else() -> None:
    assert content_hash({"a": 1, "b": "é"}) == content_hash({"b": "é", "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": "1"})
    assert content_hash({"a": [1, 2]}) != content_hash({"a": [2, 1]})
    assert content_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_judging_twice_gives_the_same_hash() -> None:
    one, two = (verdict(measured(up=90, down=10)) for _ in range(2))
    assert content_hash(one.explanation) == content_hash(two.explanation)
    other = verdict(measured(up=91, down=10))
    assert content_hash(other.explanation) != content_hash(one.explanation)

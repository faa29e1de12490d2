"""Payloads of clauses: what each category may say, what it is refused for, and what others call the same."""

import types
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from core.errors import ClauseError
from core.payloads import (
    MISSING,
    PAYLOADS,
    AvailabilityPayload,
    PricingPayload,
    import_payload,
    read_as,
    read_payload,
)
from core.payloads.aliases import ALIASES
from core.payloads.values import (
    ClockTime,
    Codes,
    Count,
    CurrencyCode,
    IsoDate,
    Kind,
    Number,
    OneOf,
    Words,
    WordsOrNumber,
    WordsOrYes,
)
from core.payloads.words import CapType, LdMethod, ThresholdUnit

Payload = dict[str, Any]

# The smallest payload of each category: the keys with a star in the clause vocabulary.
SMALLEST: dict[str, Payload] = {
    "AVAILABILITY": {"threshold": 95, "threshold_unit": "percent", "measurement_period": "monthly"},
    "PERFORMANCE_GUARANTEE": {"threshold": 80, "measurement_period": "annual"},
    "PRICING": {"base_rate_per_kwh": 0.0475},
    "PAYMENT_TERMS": {"invoice_frequency": "monthly", "payment_due_days": 30},
    "LIQUIDATED_DAMAGES": {"trigger_type": "delay", "calculation_type": "per_day", "rate": 1500},
    "FORCE_MAJEURE": {"events": ["war", "epidemic"]},
    "DEFAULT": {"events": ["insolvency"], "cure_period_days": 30},
    "TERMINATION": {},
    "CONDITIONS_PRECEDENT": {"conditions": ["grid permit"]},
    "MAINTENANCE": {"maintenance_responsible_party": "Contractor"},
    "SECURITY_PACKAGE": {"instrument_type": "letter_of_credit", "amount": 1_000_000},
    "COMPLIANCE": {},
    "GENERAL": {},
}


def problems(category: str, payload: object) -> dict[str, str]:
    """What reading the payload is refused for, by key."""
    try:
        read_payload(category, payload, clause="4.2")
    except ClauseError as error:
        return dict(error.problems)
    return {}


# --- strategies: well-formed values, made from the models themselves


def values_of(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    """JSON values of the kind that a key asks for."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        return values_of(inner, [*metadata, *marks])
    kinds = [mark for mark in metadata if isinstance(mark, Kind)]
    if kinds:
        return values_of_kind(kinds[0], annotation)
    if annotation is bool:
        return st.booleans()
    if get_origin(annotation) in (Union, types.UnionType):
        return st.one_of(*(values_of(part, []) for part in get_args(annotation) if part is not type(None)))
    if get_origin(annotation) is list:
        return st.lists(values_of(get_args(annotation)[0], []), max_size=3)
    if get_origin(annotation) is dict:
        return st.dictionaries(TEXTS, values_of(get_args(annotation)[1], []), max_size=3)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return payloads_of(annotation)
    raise AssertionError(f"no values for {annotation}")


TEXTS = st.text("abc é", min_size=1, max_size=8).filter(lambda text: bool(text.strip()))


def values_of_kind(kind: Kind, annotation: Any) -> st.SearchStrategy[Any]:
    match kind:
        case Count():
            return st.integers(kind.least, kind.most)
        case Number():
            most = 10**6 if kind.most is None else kind.most
            numbers = st.decimals(-most if kind.is_signed else 0, most, places=4)
            return numbers.flatmap(lambda number: st.sampled_from([str(number), float(number), f" {number} "]))
        case OneOf():
            return st.sampled_from([str(word) for word in annotation])
        case Words():
            return TEXTS
        case WordsOrNumber():
            return TEXTS | st.integers(0, 100)
        case WordsOrYes():
            return TEXTS | st.booleans()
        case CurrencyCode():
            return st.sampled_from(["USD", "EUR", "JPY", "KWD"])
        case Codes():
            return st.lists(st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True), max_size=3)
        case IsoDate():
            return st.dates().map(str)
        case ClockTime():
            return st.times().map(lambda clock: f"{clock:%H:%M}")
    raise AssertionError(f"no values of {kind}")


def values_of_field(field: FieldInfo) -> st.SearchStrategy[Any]:
    return values_of(field.annotation, list(field.metadata))


def payloads_of(model: type[BaseModel]) -> st.SearchStrategy[Payload]:
    """Payloads whose keys are known, complete and well formed, and which contradict themselves where chance will."""
    fields = model.model_fields
    return st.fixed_dictionaries(
        {name: values_of_field(field) for name, field in fields.items() if field.is_required()},
        optional={
            name: st.none() | values_of_field(field) for name, field in fields.items() if not field.is_required()
        },
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Payload]:
    """A category and a payload for it, which may lack keys, hold null for some and know some too many."""
    category = draw(st.sampled_from(sorted(PAYLOADS)))
    payload = draw(payloads_of(PAYLOADS[category]))
    keys = sorted({key for model in PAYLOADS.values() for key in model.model_fields})
    for key in draw(st.lists(st.sampled_from([*keys, "treshold", "Threshold", "", "ld rate", "o'key"]), max_size=2)):
        payload.setdefault(key, draw(st.none() | st.integers(0, 3)))
    for key in draw(st.lists(st.sampled_from(sorted(payload) or ["none"]), max_size=2)):
        if draw(st.booleans()):
            payload.pop(key, None)
        elif key in payload:
            payload[key] = None
    return category, payload


# --- keys


def test_there_is_a_model_for_each_of_the_thirteen_categories() -> None:
    assert PAYLOADS.keys() == SMALLEST.keys()
    assert len(PAYLOADS) == 13


@pytest.mark.parametrize("category", PAYLOADS)
def test_the_smallest_payload_is_enough_and_each_of_its_keys_is_needed(category: str) -> None:
    smallest = SMALLEST[category]
    assert problems(category, smallest) == {}
    assert {name for name, field in PAYLOADS[category].model_fields.items() if field.is_required()} == smallest.keys()
    for key in smallest:
        without = {name: value for name, value in smallest.items() if name != key}
        assert problems(category, without) == {key: MISSING}
        assert problems(category, smallest | {key: None}) == {key: MISSING}
    assert problems(category, {}) == dict.fromkeys(smallest, MISSING)


@pytest.mark.parametrize("category", PAYLOADS)
def test_nothing_is_assumed_but_what_the_vocabulary_states(category: str) -> None:
    payload = read_payload(category, SMALLEST[category], clause="4.2")
    assumed = {name: value for name, value in payload if value is not None and name not in SMALLEST[category]}
    assert assumed == {
        "AVAILABILITY": {"irradiance_threshold_wm2": Decimal(100), "interval_minutes": 15},
        "PERFORMANCE_GUARANTEE": {"efficiency_factor": Decimal("0.95")},
    }.get(category, {})


@pytest.mark.parametrize("category", PAYLOADS)
def test_an_unknown_key_is_refused_even_when_it_holds_nothing(category: str) -> None:
    for value in (1, None):
        (problem,) = problems(category, SMALLEST[category] | {"colour": value}).values()
        assert problem.startswith(f"is not a key of {category}")


def test_what_was_probably_meant_is_named() -> None:
    asked = SMALLEST["AVAILABILITY"]
    assert problems("AVAILABILITY", asked | {"exclusion_mod": 1}) == {
        "exclusion_mod": "is not a key of AVAILABILITY: did you mean exclusion_mode?"
    }
    assert problems("AVAILABILITY", asked | {"ld_per_point": 1}) == {
        "ld_per_point": "is not a key of AVAILABILITY: its name here is ld_rate"
    }


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ClauseError) as refused:
        read_payload(
            "AVAILABILITY",
            {"threshold": "much", "measurement_period": "weekly", "xyz": 1, "chronic_breach": {"breaches": 2, "n": 3}},
            clause="4.2",
        )
    assert dict(refused.value.problems) == {
        "threshold": "must be a number, not 'much'",
        "threshold_unit": MISSING,
        "measurement_period": "must be monthly or quarterly or annual, not 'weekly'",
        "chronic_breach.of_periods": MISSING,
        "chronic_breach.n": "is not a key here",
        "xyz": "is not a key of AVAILABILITY",
    }
    assert str(refused.value).startswith("clause 4.2: ")
    assert all(f"{key}: {problem}" in str(refused.value) for key, problem in refused.value.problems)
    assert (refused.value.key, refused.value.problem) == refused.value.problems[0]


@pytest.mark.parametrize("payload", [None, [], ["threshold"], "95 percent", 95])
def test_a_payload_that_is_no_object_is_refused(payload: object) -> None:
    assert problems("GENERAL", payload) == {"normalized_payload": "must hold keys and values"}


def test_a_category_without_a_vocabulary_cannot_be_read() -> None:
    assert "must be AVAILABILITY or" in problems("WEATHER", {})["clause_category"]


# --- values


@pytest.mark.parametrize(
    "category, key, value, problem",
    [
        ("AVAILABILITY", "threshold", "1_000", "must be a number, not '1_000'"),
        ("AVAILABILITY", "threshold", "９５", "must be a number, not '９５'"),
        ("AVAILABILITY", "ld_cap", "1e40", "must have at most 18 digits on each side of the point, not '1e40'"),
        ("AVAILABILITY", "ld_cap", "1e-40", "must have at most 18 digits on each side of the point, not '1e-40'"),
        ("AVAILABILITY", "interval_minutes", 7.5, "must be a whole number of minutes, 1 or more, not 7.5"),
        ("AVAILABILITY", "interval_minutes", 0, "must be a whole number of minutes, 1 or more, not 0"),
        ("AVAILABILITY", "excused_events", ["Grid outage"], "must be a list of event type codes, not ['Grid outage']"),
        ("AVAILABILITY", "calculation_method", " ", "must be text, not ' '"),
        ("AVAILABILITY", "ld_accrues_during_cure", "yes", "must be true or false, not 'yes'"),
        ("AVAILABILITY", "chronic_breach", 3, "must hold keys and values, not 3"),
        ("PERFORMANCE_GUARANTEE", "threshold", 0.8, "must be above 1 percent, not 0.8: a share is written in percent"),
        ("PERFORMANCE_GUARANTEE", "measurement_period", "quarterly", "must be monthly or annual, not 'quarterly'"),
        ("PRICING", "discount_pct", 15, "must be at most 1 (fraction from 0 to 1), not 15"),
        ("PRICING", "rate_schedule", {"period": 1}, "must be a list, not {'period': 1}"),
        ("PRICING", "mrp_time_window_start", "25:00", "must be a time of day like 17:30, not '25:00'"),
        ("PRICING", "billing_currency", "dollars", "'dollars' is not a currency: write an ISO 4217 code, like USD"),
        ("CONDITIONS_PRECEDENT", "longstop_date", "31.12.2026", "must be a date like 2026-01-31, not '31.12.2026'"),
        ("FORCE_MAJEURE", "documentation_required", 3, "must be text, true or false, not 3"),
        ("PAYMENT_TERMS", "late_interest_rate", [], "must be a number or text, not []"),
        ("TERMINATION", "declining_schedule", "annex 3", "must be a list, not 'annex 3'"),
    ],
)
def test_a_wrong_value_is_refused_by_key(category: str, key: str, value: object, problem: str) -> None:
    assert problems(category, SMALLEST[category] | {key: value}) == {key: problem}


def test_a_wrong_value_within_a_list_is_named_by_its_place() -> None:
    rates = [{"period": 1, "rate": 0.05}, {"period": 2, "rate": "x"}, {"period": 3}]
    assert problems("PRICING", {"base_rate_per_kwh": 1, "rate_schedule": rates, "escalation_rate": {"value": 2}}) == {
        "rate_schedule[1].rate": "must be a number, not 'x'",
        "rate_schedule[2].rate": MISSING,
        "escalation_rate.type": MISSING,
    }


@pytest.mark.parametrize(
    "category, keys, key",
    [
        ("AVAILABILITY", {"threshold": 355}, "threshold"),
        ("AVAILABILITY", {"threshold": 355, "threshold_unit": "days"}, "threshold_unit"),
        ("AVAILABILITY", {"ld_cap": 1, "ld_currency": "USD"}, "ld_rate"),
        ("AVAILABILITY", {"ld_rate": 1}, "ld_currency"),
        ("AVAILABILITY", {"ld_steps": "ceil"}, "ld_granularity_points"),
        ("AVAILABILITY", {"ld_method": "bonus_malus"}, "ld_bonus_rate"),
        ("LIQUIDATED_DAMAGES", {"ld_method": "piecewise_multiplier"}, "ld_multiplier_schedule"),
        ("LIQUIDATED_DAMAGES", {"cap_type": "annual"}, "cap_amount"),
        (
            "LIQUIDATED_DAMAGES",
            {"ld_multiplier_schedule": [{"from_percent": 70, "multiplier_percent": 44, "slope": 2}]},
            "ld_multiplier_schedule",
        ),
        ("DEFAULT", {"chronic_breach": {"breaches": 4, "of_periods": 3}}, "chronic_breach.breaches"),
        ("PRICING", {"floor_rate": 2, "ceiling_rate": 1}, "floor_rate"),
        (
            "PERFORMANCE_GUARANTEE",
            {"performance_ratio_schedule": [{"month": 1, "target_percent": 80}] * 2},
            "performance_ratio_schedule",
        ),
        ("TERMINATION", {"declining_schedule": [{"year": 1}]}, "declining_schedule[0].amount"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(category: str, keys: Payload, key: str) -> None:
    assert problems(category, SMALLEST[category] | keys).keys() == {key}


def test_values_have_their_types_and_are_exact() -> None:
    price = read_as(
        PricingPayload,
        {
            "base_rate_per_kwh": 0.0475,
            "mrp_time_window_start": "07:30",
            "escalation_rate": {"type": "CPI", "base_date": "2025-01-01"},
        },
        clause="5.1",
    )
    assert price.base_rate_per_kwh == Decimal("0.0475")
    assert price.mrp_time_window_start == time(7, 30)
    assert price.escalation_rate is not None
    assert not isinstance(price.escalation_rate, Decimal)
    assert price.escalation_rate.base_date == date(2025, 1, 1)
    falling = read_as(PricingPayload, {"base_rate_per_kwh": 1, "escalation_rate": "-1.5"}, clause="5.1")
    assert falling.escalation_rate == Decimal("-1.5")


def test_an_availability_adjustment_is_written_as_the_contract_says_it() -> None:
    """The form of shared/domain/formulas.md, section 4: 100 % from 98 %, 100 - 2 * (98 - A) from 70 %, 0 below."""
    steps = [(0, 0, 0), (70, 44, 2), (98, 100, 0)]
    damages = read_as(
        AvailabilityPayload,
        SMALLEST["AVAILABILITY"]
        | {
            "ld_method": "piecewise_multiplier",
            "ld_multiplier_schedule": [
                dict(zip(("from_percent", "multiplier_percent", "slope"), step, strict=True)) for step in steps
            ],
        },
        clause="4.2",
    )
    assert damages.ld_method is LdMethod.PIECEWISE_MULTIPLIER
    assert damages.ld_multiplier_schedule is not None
    below_98 = damages.ld_multiplier_schedule[1]
    assert below_98.multiplier_percent + below_98.slope * (Decimal(98) - below_98.from_percent) == 100


def words_of(model: type[BaseModel]) -> Iterator[tuple[str, type[StrEnum]]]:
    for name, field in model.model_fields.items():
        for part in (field.annotation, *get_args(field.annotation)):
            inner = get_args(part)[0] if get_origin(part) is Annotated else part
            if isinstance(inner, type) and issubclass(inner, StrEnum):
                yield name, inner


@pytest.mark.parametrize("category", PAYLOADS)
def test_a_choice_takes_each_of_its_words_and_no_other(category: str) -> None:
    for key, options in words_of(PAYLOADS[category]):
        for word in options:
            assert problems(category, SMALLEST[category] | {key: word.value}).keys() <= SMALLEST[category].keys() | {
                "ld_granularity_points",
                "ld_multiplier_schedule",
                "ld_bonus_rate",
                "cap_amount",
                "ld_rate_base_amount",
                "cap_base_amount",
            }
        assert problems(category, SMALLEST[category] | {key: "other"})[key].startswith("must be ")


# --- importing


@pytest.mark.parametrize("category, alias", [(category, name) for category in ALIASES for name in ALIASES[category]])
def test_every_alias_leads_to_a_key_of_its_category_and_is_none_itself(category: str, alias: str) -> None:
    keys = PAYLOADS[category].model_fields
    assert alias not in keys
    assert ALIASES[category][alias].key in keys
    for key, word in ALIASES[category][alias].implies.items():
        assert problems(category, SMALLEST[category] | {key: word}).get(key) is None


@pytest.mark.parametrize(
    "category, raw, payload, notes",
    [
        (
            "AVAILABILITY",
            {"guaranteed_availability_percent": 97.5, "evaluation_period": "monthly", "ld_per_point": 1000}
            | {"ld_cap_annual": 50_000, "ld_currency": "USD"},
            {"threshold": 97.5, "threshold_unit": "percent", "measurement_period": "monthly", "ld_rate": 1000}
            | {"ld_cap": 50_000, "cap_type": "annual", "ld_currency": "USD"},
            {
                "guaranteed_availability_percent is now threshold",
                "threshold_unit is percent, as guaranteed_availability_percent says",
                "evaluation_period is now measurement_period",
                "ld_per_point is now ld_rate",
                "ld_cap_annual is now ld_cap",
                "cap_type is annual, as ld_cap_annual says",
            },
        ),
        (
            "PERFORMANCE_GUARANTEE",
            {"threshold": 80, "measurement_period": "annual", "degradation_pct": 0.005},
            {"threshold": 80, "measurement_period": "annual", "degradation_rate_percent_per_year": "0.5"},
            {"degradation_pct is now degradation_rate_percent_per_year (a fraction, now percent)"},
        ),
        (
            "FORCE_MAJEURE",
            {"defined_events": ["war"], "notification_period_hours": 14},
            {"events": ["war"], "notice_period_days": 14},
            {
                "defined_events is now events",
                "notification_period_hours is now notice_period_days (the number is taken as days)",
            },
        ),
        (
            "LIQUIDATED_DAMAGES",
            {"trigger_type": "availability_shortfall", "ld_per_point": 9, "cap_type": "per_period", "cap_amount": 5},
            {"trigger_type": "availability_shortfall", "rate": 9, "calculation_type": "per_point"}
            | {"cap_type": "per_event", "cap_amount": 5},
            {
                "ld_per_point is now rate",
                "calculation_type is per_point, as ld_per_point says",
                "cap_type per_period is now per_event",
            },
        ),
        ("GENERAL", {"governing_law": "England", "dispute_venue": None}, {"governing_law": "England"}, set()),
    ],
)
def test_names_of_others_become_ours(category: str, raw: Payload, payload: Payload, notes: set[str]) -> None:
    imported = import_payload(category, raw, clause="4.2")
    assert imported.payload == payload
    assert set(imported.notes) == notes


@pytest.mark.parametrize(
    "category, raw, key, problem",
    [
        (
            "AVAILABILITY",
            {"threshold": 95, "threshold_percent": 95},
            "threshold_percent",
            "and another name both give threshold: keep one",
        ),
        (
            "AVAILABILITY",
            {"threshold": None, "threshold_percent": 95, "threshold_unit": "days"},
            "threshold_percent",
            "says that threshold_unit is percent, and threshold_unit says days",
        ),
        ("AVAILABILITY", {"treshold": 95}, "treshold", "is not a key of AVAILABILITY: did you mean threshold?"),
        (
            "PERFORMANCE_GUARANTEE",
            {"degradation_pct": 0.5, "degradation_rate_percent_per_year": 0.5},
            "degradation_pct",
            "and another name both give degradation_rate_percent_per_year: keep one",
        ),
        (
            "PERFORMANCE_GUARANTEE",
            {"degradation_pct": 5},
            "degradation_pct",
            "must be at most 1 (fraction from 0 to 1), not 5",
        ),
        ("AVAILABILITY", {"excused_events": ["acts of God"]}, "excused_events", "names no event type: 'acts of God'"),
        ("AVAILABILITY", {"excused_events": "storms"}, "excused_events", "must be a list of event type codes"),
    ],
)
def test_what_is_ambiguous_or_unknown_is_refused_at_import(category: str, raw: Payload, key: str, problem: str) -> None:
    with pytest.raises(ClauseError) as refused:
        import_payload(category, SMALLEST[category] | raw, clause="4.2", event_types=["GRID_OUTAGE"])
    assert dict(refused.value.problems)[key].startswith(problem)


def test_excuses_in_words_become_codes_that_exist() -> None:
    raw = SMALLEST["AVAILABILITY"] | {"excused_events": ["Grid outage", "GRID_OUTAGE", "force-majeure"]}
    imported = import_payload("AVAILABILITY", raw, clause="4.2", event_types=["GRID_OUTAGE", "FORCE_MAJEURE"])
    assert imported.payload["excused_events"] == ["GRID_OUTAGE", "FORCE_MAJEURE"]
    assert len(imported.notes) == 1


@settings(max_examples=200, deadline=None)
@given(cases())
def test_a_payload_in_our_own_names_is_imported_as_it_is(case: tuple[str, Payload]) -> None:
    category, payload = case
    if problems(category, payload):
        with pytest.raises(ClauseError):
            import_payload(category, payload, clause="4.2")
    else:
        imported = import_payload(category, payload, clause="4.2").payload
        mine = read_payload(category, payload, clause="4.2")
        assert read_payload(category, imported, clause="4.2") == mine
        assert import_payload(category, imported, clause="4.2").notes == ()


def test_a_cap_of_a_year_never_becomes_a_cap_of_a_month() -> None:
    raw = SMALLEST["AVAILABILITY"] | {"ld_rate": 1, "ld_currency": "USD", "ld_cap_annual": 9}
    read = read_as(AvailabilityPayload, import_payload("AVAILABILITY", raw, clause="4.2").payload, clause="4.2")
    assert (read.ld_cap, read.cap_type, read.threshold_unit) == (Decimal(9), CapType.ANNUAL, ThresholdUnit.PERCENT)

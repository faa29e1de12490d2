"""How verdicts and tariffs are told to people."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from invoicing.documents.explanations import money, number, rate, tariff_step, verdict_steps

PHOENIX = ZoneInfo("America/Phoenix")


def test_a_step_shows_what_it_takes_before_what_it_gives() -> None:
    (step,) = verdict_steps(
        {
            "steps": [
                {
                    "step": "rate",
                    "formula": "points * rate",
                    "uncapped": {"exact": "149692713/2000", "rounded": "74846.35650000"},
                    "clause": "Availability",
                    "currency": "USD",
                    "rate": "50000",
                }
            ]
        },
        "EUR",
        PHOENIX,
    )
    assert (step.title, step.formula) == ("Rate", "points * rate")
    assert step.values == (("Rate", "USD 50,000"), ("Uncapped", "USD 74,846.3565"))


@pytest.mark.parametrize(
    "key, value, said",
    [
        ("up", 958500, "266.25 h"),
        ("measured", {"exact": "1065/1139", "rounded": "0.93503073"}, "93.503073 %"),
        ("left", "200000", "USD 200,000"),
        ("threshold", "95", "95"),
        ("excused_events", ["GRID_OUTAGE", "FORCE_MAJEURE"], "grid outage, force majeure"),
        ("exclusion_mode", "remove_from_period", "remove from period"),
        ("data_hash", "ab" * 8, "abababab abababab"),
        ("reason", "availability of 93.50 % is below", "availability of 93.50 % is below"),
    ],
)
def test_a_value_is_told_as_people_read_it(key: str, value: object, said: str) -> None:
    (step,) = verdict_steps({"steps": [{"step": "any", key: value}]}, "USD", PHOENIX)
    assert [shown for _, shown in step.values] == [said]


def test_excused_intervals_are_in_local_time_and_the_evidence_comes_last() -> None:
    steps = verdict_steps(
        {
            "steps": [],
            "readings": 2976,
            "excuses": [
                {
                    "event": 5,
                    "type": "GRID_OUTAGE",
                    "start": "2025-12-16T16:00:00+00:00",
                    "end": "2025-12-16T19:00:00+00:00",
                }
            ],
        },
        "USD",
        PHOENIX,
    )
    assert [(step.title, step.values) for step in steps] == [
        ("Excused intervals", (("Event 5, grid outage", "2025-12-16 09:00 to 2025-12-16 12:00 MST"),)),
        ("Evidence", (("Readings", "2,976"),)),
    ]


def test_a_verdict_without_steps_shows_its_numbers() -> None:
    (step,) = verdict_steps({"threshold_percent": 95, "irradiance_wm2": 100, "note": None}, "USD", PHOENIX)
    assert step.values == (("Threshold", "95 %"), ("Irradiance", "100 W/m²"))


def test_a_tariff_shows_its_parameters_with_what_is_in_them() -> None:
    step = tariff_step(
        "tiered",
        Decimal("0.0475000000"),
        " per kWh",
        "USD",
        {
            "tiers": [{"up_to": 1000, "rate": "0.05"}, {"rate": "0.04"}],
            "prices": {"peak": 0.3},
            "windows": [["15:00", "19:00"]],
        },
    )
    assert step.values == (
        ("Base rate", "USD 0.0475 per kWh"),
        ("Tiers 1", "up to 1,000, rate USD 0.05"),
        ("Tiers 2", "rate USD 0.04"),
        ("Prices: Peak", "0.3"),
        ("Windows", "15:00 to 19:00"),
    )


def test_prices_have_two_decimals_at_least_and_amounts_those_of_their_currency() -> None:
    assert [rate(Decimal(price)) for price in ("6172.8", "65000", "0.0475000000")] == [
        "6,172.80",
        "65,000.00",
        "0.0475",
    ]
    assert (money(Decimal("-1234.5"), "USD"), number(Decimal("6337210.313000"))) == ("USD −1,234.50", "6,337,210.313")

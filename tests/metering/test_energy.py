from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from core.periods import Period
from metering.energy import MeteredInterval, interval_energies
from metering.models import Meter, PeriodType
from tests.factories import MeterAggregateFactory, MeterFactory, MeterReadingFactory

MIDNIGHT = datetime(2025, 11, 3, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = Period(MIDNIGHT, MIDNIGHT + DAY)
A_DAY: Mapping[str, object] = {"reading_interval": "daily", "interval_seconds": 86400}


def read(meter: Meter, at: datetime, wh: int | None = 1000, **rest: object) -> None:
    MeterReadingFactory.create(meter=meter, reading_timestamp=at, energy_wh=None if wh is None else Decimal(wh), **rest)


def hour_of(meter: Meter, at: datetime, kwh: int = 7) -> None:
    MeterAggregateFactory.create(
        meter=meter, period_type=PeriodType.HOURLY, period_start=at, period_end=at + HOUR, energy_kwh=Decimal(kwh)
    )


def found(meter: Meter, span: Period = MONDAY) -> list[MeteredInterval]:
    (answer,) = interval_energies([([meter.pk], span)])
    return answer


@pytest.fixture
def meter(db: None) -> Meter:
    return MeterFactory.create()


def test_intervals_count_where_they_start_and_unknown_energy_is_left_out(meter: Meter) -> None:
    for at in (MIDNIGHT - HOUR, MIDNIGHT, MIDNIGHT + DAY):
        read(meter, at)
    read(meter, MIDNIGHT + HOUR, None)
    quarter = timedelta(minutes=15)
    assert found(meter) == [MeteredInterval(meter.pk, MIDNIGHT, MIDNIGHT + quarter, Decimal(1))]


def test_an_hour_stands_in_only_where_no_reading_reaches_into_it(meter: Meter) -> None:
    hour_of(meter, MIDNIGHT + HOUR)
    assert [each.energy_kwh for each in found(meter)] == [7]
    read(meter, MIDNIGHT + HOUR, None)  # read, and unknown
    assert found(meter) == []


def test_a_reading_of_the_whole_day_leaves_no_hour_of_it_to_stand_in(meter: Meter) -> None:
    read(meter, MIDNIGHT - DAY, 24_000, **A_DAY)
    hour_of(meter, MIDNIGHT - HOUR)
    hour_of(meter, MIDNIGHT)
    two_days = Period(MIDNIGHT - DAY, MIDNIGHT + DAY)
    day, hour = found(meter, two_days)
    assert (day.start, day.energy_kwh) == (MIDNIGHT - DAY, Decimal(24))
    assert (hour.start, hour.energy_kwh) == (MIDNIGHT, Decimal(7))


def test_each_question_has_its_answer_in_order_also_where_there_is_none(meter: Meter) -> None:
    other = MeterFactory.create()
    read(meter, MIDNIGHT, 1000)
    read(other, MIDNIGHT, 2000)
    read(other, MIDNIGHT + DAY, 3000)
    tuesday = Period(MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
    asked = [
        ([], MONDAY),
        ([other.pk], tuesday),
        ([meter.pk], tuesday),
        ([other.pk, meter.pk], MONDAY),
        ([other.pk], MONDAY),
        ([], tuesday),
    ]
    answers = [[each.energy_kwh for each in answer] for answer in interval_energies(asked)]
    assert answers == [[], [3], [], [1, 2], [2], []]
    assert list(interval_energies([([], MONDAY)])) == [[]]


def test_an_answer_that_is_not_read_to_its_end_leaves_the_session_usable(meter: Meter) -> None:
    read(meter, MIDNIGHT)
    with transaction.atomic():
        answers = interval_energies([([meter.pk], MONDAY)] * 3)
        next(answers)
        answers.close()
        assert len(found(meter)) == 1

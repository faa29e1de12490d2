"""Every model has a factory, and what it makes is valid."""

from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.db import models
from factory.django import DjangoModelFactory

from tests import factories
from tests.factories import (
    ContractFactory,
    ContractTypeFactory,
    InvoiceComparisonLineItemFactory,
    InvoiceHeaderFactory,
    MeterAggregateFactory,
    MeterReadingFactory,
    ProjectFactory,
    factory_of,
)

MODELS = [model for label in ("core", "metering", "invoicing") for model in apps.get_app_config(label).get_models()]


def test_every_model_has_exactly_one_factory() -> None:
    made = [
        candidate._meta.model.__name__
        for candidate in vars(factories).values()
        if isinstance(candidate, type) and issubclass(candidate, DjangoModelFactory) and not candidate._meta.abstract
    ]
    assert sorted(made) == sorted(model.__name__ for model in MODELS)


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_factory_makes_valid_rows_twice(model: type[models.Model]) -> None:
    first, second = factory_of(model).create_batch(2)
    first.full_clean()
    second.full_clean()
    assert first.pk != second.pk


@pytest.mark.django_db
def test_a_vocabulary_is_taken_by_its_code() -> None:
    assert ContractTypeFactory.create(code="PPA") == ContractTypeFactory.create(code="PPA")


@pytest.mark.django_db
def test_a_chain_agrees_with_its_root() -> None:
    project = ProjectFactory.create()
    reading = MeterReadingFactory.create(meter__project=project)
    aggregate = MeterAggregateFactory.create(meter=reading.meter)
    invoice = InvoiceHeaderFactory.create(contract=ContractFactory.create(project=project))
    assert (reading.project, reading.organization) == (project, project.organization)
    assert aggregate.organization == project.organization
    assert (invoice.project, invoice.contract.organization) == (project, project.organization)
    assert invoice.counterparty == invoice.contract.counterparty


@pytest.mark.django_db
def test_both_sides_of_a_comparison_belong_to_one_contract_and_period() -> None:
    line = InvoiceComparisonLineItemFactory.create()
    expected = line.invoice_comparison.expected_invoice_header
    received = line.invoice_comparison.received_invoice_header
    assert expected
    assert received
    assert (received.contract, received.billing_period) == (expected.contract, expected.billing_period)
    assert line.expected_invoice_line_item
    assert line.expected_invoice_line_item.expected_invoice_header == expected


@pytest.mark.django_db
def test_a_reading_of_any_month_finds_its_partition() -> None:
    reading = MeterReadingFactory.create(reading_timestamp=datetime(1999, 12, 31, 23, 45, tzinfo=UTC))
    reading.refresh_from_db()
    assert reading.reading_timestamp.year == 1999

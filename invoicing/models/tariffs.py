"""Tariffs."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.contracts import Contract
from core.models.projects import Project
from core.models.vocabulary import Currency, Lookup


class TariffType(Lookup):
    """How a tariff makes a price."""

    class Meta(Lookup.Meta):
        db_table = "tariff_type"
        db_table_comment = "Lookup: how a tariff makes a price."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="tariff_type_code_key"),
        ]


class TariffStatus(models.TextChoices):
    """Whether a tariff is billed."""

    DRAFT = "draft", "draft"
    PUBLISHED = "published", "published"


class ClauseTariff(models.Model):
    """A price of a contract and the days it is valid, both inclusive."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="tariffs", null=True, blank=True)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="tariffs")
    tariff_type = models.ForeignKey(TariffType, models.PROTECT, related_name="tariffs")
    currency = models.ForeignKey(Currency, models.PROTECT, related_name="tariffs")
    name = models.CharField()
    valid_from = models.DateField(help_text="First day.")
    valid_to = models.DateField(null=True, blank=True, help_text="Last day, inclusive; empty: until further notice.")
    base_rate = models.DecimalField(
        max_digits=20, decimal_places=10, null=True, blank=True, help_text="Price of one unit, at full precision."
    )
    unit = models.CharField(null=True, blank=True, help_text="What the rate is for: kWh, MWh or month.")
    logic_parameters = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    status = models.CharField(
        max_length=20,
        choices=TariffStatus,
        default=TariffStatus.DRAFT,
        db_default=TariffStatus.DRAFT,
        editable=False,
        help_text="Only what is published is billed; publishing proves that every instant has one price.",
    )
    published_at = models.DateTimeField(null=True, blank=True, editable=False)
    proven_until = models.DateField(
        null=True, blank=True, editable=False, help_text="Last day for which every instant is proven to have one price."
    )

    class Meta:
        db_table = "clause_tariff"
        db_table_comment = "Fact: a price of a contract and the days it is valid, both inclusive."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=TariffStatus.values), name="clause_tariff_status_check"
            ),
            models.CheckConstraint(
                condition=models.Q(valid_to__gte=models.F("valid_from")), name="clause_tariff_dates_check"
            ),
        ]

    def __str__(self) -> str:
        return self.name

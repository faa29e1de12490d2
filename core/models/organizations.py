"""Organizations, their people and their counterparties."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.vocabulary import Lookup
from database.indexes import NamedIndex


class RoleType(models.TextChoices):
    """What a role may do: everything of its organization, or the daily work."""

    ADMIN = "admin", "admin"
    STAFF = "staff", "staff"


class Organization(models.Model):
    """A tenant, the company whose contracts, meters and invoices are kept."""

    name = models.CharField()
    address = models.CharField(null=True, blank=True)
    country = models.CharField(null=True, blank=True)
    vat_number = models.CharField(null=True, blank=True, help_text="With the code of the country, like DE123456789.")
    bank_account = models.CharField(null=True, blank=True, help_text="To which invoices are paid, like an IBAN.")
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "organization"
        db_table_comment = "Fact: a tenant, the company whose contracts, meters and invoices are kept."
        constraints = [
            models.UniqueConstraint(fields=["name"], name="organization_name_key"),
        ]

    def __str__(self) -> str:
        return self.name


class Role(models.Model):
    """What a signed-in person may do for an organization."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="roles")
    name = models.CharField()
    email = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    user_id = models.UUIDField(help_text="The user of Supabase Auth; equals the id of the login here.")
    role_type = models.CharField(choices=RoleType)
    is_active = models.BooleanField(default=True, db_default=True)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "role"
        db_table_comment = "Fact: what a signed-in person may do for an organization."
        constraints = [
            models.CheckConstraint(condition=models.Q(role_type__in=RoleType.values), name="role_role_type_check"),
            models.UniqueConstraint(fields=["user_id"], name="role_user_id_key"),
        ]
        indexes = [
            NamedIndex(fields=["user_id"], name="idx_role_user_id"),
        ]

    def __str__(self) -> str:
        return self.name


class CounterpartyType(Lookup):
    """Kinds of counterparty, such as offtaker or contractor."""

    class Meta(Lookup.Meta):
        db_table = "counterparty_type"
        db_table_comment = "Lookup: kinds of counterparty, such as offtaker or contractor."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="counterparty_type_code_key"),
        ]


class Counterparty(models.Model):
    """The other side of a contract."""

    counterparty_type = models.ForeignKey(CounterpartyType, models.PROTECT, related_name="counterparties")
    name = models.CharField()
    email = models.CharField(null=True, blank=True)
    address = models.CharField(null=True, blank=True)
    country = models.CharField(null=True, blank=True)
    vat_number = models.CharField(null=True, blank=True, help_text="With the code of the country, like DE123456789.")
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "counterparty"
        db_table_comment = "Fact: the other side of a contract."
        verbose_name_plural = "counterparties"

    def __str__(self) -> str:
        return self.name

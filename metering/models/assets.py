"""Equipment."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.projects import Project
from core.models.vocabulary import Lookup


class Vendor(models.Model):
    """Makers of equipment."""

    name = models.CharField()
    address = models.CharField(null=True, blank=True)
    country = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "vendor"
        db_table_comment = "Lookup: makers of equipment."
        constraints = [
            models.UniqueConstraint(fields=["name"], name="vendor_name_key"),
        ]

    def __str__(self) -> str:
        return self.name


class AssetType(Lookup):
    """Kinds of equipment."""

    class Meta(Lookup.Meta):
        db_table = "asset_type"
        db_table_comment = "Lookup: kinds of equipment."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="asset_type_code_key"),
        ]


class Asset(models.Model):
    """A piece of equipment of a project."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="assets")
    asset_type = models.ForeignKey(AssetType, models.PROTECT, related_name="assets")
    vendor = models.ForeignKey(Vendor, models.PROTECT, related_name="assets", null=True, blank=True)
    name = models.CharField()
    description = models.CharField(null=True, blank=True)
    model = models.CharField(null=True, blank=True)
    serial_code = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "asset"
        db_table_comment = "Fact: a piece of equipment of a project."

    def __str__(self) -> str:
        return self.name

"""Projects."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.organizations import Organization


class Project(models.Model):
    """A power plant, or several under the same contracts."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="projects")
    name = models.CharField()
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    time_zone = models.CharField(
        default="UTC", db_default="UTC", help_text="IANA name, such as America/Phoenix; days and months are cut in it."
    )

    class Meta:
        db_table = "project"
        db_table_comment = "Fact: a power plant, or several under the same contracts."
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="project_organization_id_name_key"),
        ]

    def __str__(self) -> str:
        return self.name

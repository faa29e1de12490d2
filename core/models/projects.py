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

    latitude = models.DecimalField(
        max_digits=9, decimal_places=6, null=True, blank=True, help_text="Degrees, north positive."
    )
    longitude = models.DecimalField(
        max_digits=9, decimal_places=6, null=True, blank=True, help_text="Degrees, east positive."
    )
    country = models.CharField(null=True, blank=True, help_text="As grid events name it; empty: none concern it.")
    grid_region = models.CharField(null=True, blank=True, help_text="As grid events name it.")

    class Meta:
        db_table = "project"
        db_table_comment = "Fact: a power plant, or several under the same contracts."
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="project_organization_id_name_key"),
            models.CheckConstraint(condition=models.Q(latitude__range=(-90, 90)), name="project_latitude_check"),
            models.CheckConstraint(condition=models.Q(longitude__range=(-180, 180)), name="project_longitude_check"),
            models.CheckConstraint(
                condition=models.Q(latitude__isnull=True, longitude__isnull=True)
                | models.Q(latitude__isnull=False, longitude__isnull=False),
                name="project_place_check",
            ),
        ]

    def __str__(self) -> str:
        return self.name

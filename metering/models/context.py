"""What happens around a meter: grid, weather, faults."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.models.projects import Project
from core.models.vocabulary import DataSource, Lookup, UpdatedFrequency
from database.fields import EnumField
from metering.models.assets import Asset


class Severity(models.TextChoices):
    """How bad a fault is."""

    HIGH = "high", "high"
    MEDIUM = "medium", "medium"
    LOW = "low", "low"


class GridOperator(models.Model):
    """Operators of the grids that projects feed."""

    name = models.CharField()
    address = models.CharField(null=True, blank=True)
    country = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "grid_operator"
        db_table_comment = "Lookup: operators of the grids that projects feed."
        constraints = [
            models.UniqueConstraint(fields=["name"], name="grid_operator_name_key"),
        ]

    def __str__(self) -> str:
        return self.name


class GridEventType(Lookup):
    """Kinds of grid event."""

    class Meta(Lookup.Meta):
        db_table = "grid_event_type"
        db_table_comment = "Lookup: kinds of grid event."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="grid_event_type_code_key"),
        ]


class GridEvent(models.Model):
    """Something that happened on a grid."""

    grid_event_type = models.ForeignKey(GridEventType, models.PROTECT, related_name="grid_events")
    grid_operator = models.ForeignKey(GridOperator, models.PROTECT, related_name="grid_events", null=True, blank=True)
    country = models.CharField(null=True, blank=True)
    region = models.CharField(null=True, blank=True)
    source = models.CharField(null=True, blank=True)
    metadata_detail = models.JSONField(null=True, blank=True)
    time_start = models.DateTimeField()
    time_end = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "grid_event"
        db_table_comment = "Fact: something that happened on a grid."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(time_end__gte=models.F("time_start")), name="grid_event_times_check"
            ),
        ]

    def __str__(self) -> str:
        return f"grid event {self.pk}"


class WeatherDataType(Lookup):
    """Kinds of weather observation."""

    updated_frequency = EnumField(
        enum="updated_frequency",
        choices=UpdatedFrequency,
        default=UpdatedFrequency.DAILY,
        db_default=UpdatedFrequency.DAILY,
    )

    class Meta(Lookup.Meta):
        db_table = "weather_data_type"
        db_table_comment = "Lookup: kinds of weather observation."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="weather_data_type_code_key"),
        ]


class WeatherData(models.Model):
    """A weather observation of a region."""

    weather_data_type = models.ForeignKey(WeatherDataType, models.PROTECT, related_name="weather_data")
    country = models.CharField(null=True, blank=True)
    region = models.CharField(null=True, blank=True)
    source = models.CharField(null=True, blank=True)
    unit = models.CharField()
    unit_value = models.DecimalField(max_digits=20, decimal_places=10)
    reading_timestamp = models.DateTimeField()
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "weather_data"
        db_table_comment = "Fact: a weather observation of a region."
        verbose_name = "weather observation"
        verbose_name_plural = "weather data"

    def __str__(self) -> str:
        return f"weather data {self.pk}"


class FaultType(Lookup):
    """Kinds of equipment fault."""

    class Meta(Lookup.Meta):
        db_table = "fault_type"
        db_table_comment = "Lookup: kinds of equipment fault."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="fault_type_code_key"),
        ]


class Fault(models.Model):
    """A fault of a piece of equipment."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="faults")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="faults", null=True, blank=True)
    data_source = models.ForeignKey(DataSource, models.PROTECT, related_name="faults", null=True, blank=True)
    fault_type = models.ForeignKey(FaultType, models.PROTECT, related_name="faults")
    description = models.CharField(null=True, blank=True)
    severity = EnumField(enum="severity", choices=Severity, default=Severity.HIGH, db_default=Severity.HIGH)
    time_start = models.DateTimeField()
    time_end = models.DateTimeField(null=True, blank=True)
    metadata_detail = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "fault"
        db_table_comment = "Fact: a fault of a piece of equipment."
        constraints = [
            models.CheckConstraint(condition=models.Q(time_end__gte=models.F("time_start")), name="fault_times_check"),
        ]

    def __str__(self) -> str:
        return self.description or f"fault {self.pk}"

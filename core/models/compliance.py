"""Events, defaults, verdicts and notices."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models

from core.cure import CureState, CureStepKind
from core.models.clauses import Clause
from core.models.contracts import Contract
from core.models.organizations import Organization
from core.models.projects import Project
from core.models.vocabulary import Currency, DataSource, Lookup, Status
from database.fields import EnumField
from database.indexes import NamedIndex


class EventType(Lookup):
    """Kinds of event; clauses name them by code as excuses."""

    class Meta(Lookup.Meta):
        db_table = "event_type"
        db_table_comment = "Lookup: kinds of event; clauses name them by code as excuses."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="event_type_code_key"),
        ]


class Event(models.Model):
    """Something that happened at a project and may excuse it."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="events")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="events")
    data_source = models.ForeignKey(DataSource, models.PROTECT, related_name="events", null=True, blank=True)
    event_type = models.ForeignKey(EventType, models.PROTECT, related_name="events")
    description = models.CharField(null=True, blank=True)
    raw_data = models.JSONField(null=True, blank=True)
    metric_outcome = models.JSONField(null=True, blank=True)
    time_start = models.DateTimeField()
    time_acknowledged = models.DateTimeField(null=True, blank=True)
    time_fixed = models.DateTimeField(null=True, blank=True)
    time_end = models.DateTimeField(null=True, blank=True)
    status = EnumField(
        enum="status",
        choices=Status,
        default=Status.OPEN,
        db_default=Status.OPEN,
        help_text="An event counts as an excuse once it is closed and verified.",
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(null=True, blank=True)
    updated_by = models.CharField(null=True, blank=True)

    class Meta:
        db_table = "event"
        db_table_comment = "Fact: something that happened at a project and may excuse it."
        constraints = [
            models.CheckConstraint(condition=models.Q(time_end__gte=models.F("time_start")), name="event_times_check"),
        ]

    def __str__(self) -> str:
        return self.description or f"event {self.pk}"


class DefaultEventType(Lookup):
    """Kinds of default under a contract."""

    class Meta(Lookup.Meta):
        db_table = "default_event_type"
        db_table_comment = "Lookup: kinds of default under a contract."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="default_event_type_code_key"),
        ]


class DefaultEvent(models.Model):
    """A clause that was not kept in a period."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="default_events", null=True, blank=True)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="default_events")
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="default_events")
    event = models.ForeignKey(Event, models.PROTECT, related_name="default_events", null=True, blank=True)
    default_event_type = models.ForeignKey(DefaultEventType, models.PROTECT, related_name="default_events")
    description = models.CharField(null=True, blank=True)
    metadata_detail = models.JSONField(null=True, blank=True)
    cure_deadline = models.DateTimeField(null=True, blank=True)
    time_start = models.DateTimeField()
    time_acknowledged = models.DateTimeField(null=True, blank=True)
    time_cured = models.DateTimeField(null=True, blank=True)
    status = EnumField(enum="status", choices=Status, default=Status.OPEN, db_default=Status.OPEN)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(null=True, blank=True)
    updated_by = models.CharField(null=True, blank=True)
    evidence = models.JSONField(null=True, blank=True)
    evidence_archived_at = models.DateTimeField(null=True, blank=True)
    evidence_s3_path = models.CharField(max_length=1024, null=True, blank=True)
    clause = models.ForeignKey(Clause, models.PROTECT, related_name="default_events", null=True, blank=True)
    period_start = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)
    superseded_at = models.DateTimeField(
        null=True, blank=True, help_text="Set when a later evaluation replaced a default that a person had acted on."
    )
    cure_state = models.CharField(
        max_length=20,
        choices=[(state.value, state.value) for state in CureState],
        default=CureState.OBSERVED.value,
        db_default=CureState.OBSERVED.value,
        editable=False,
    )
    notice_given_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "default_event"
        db_table_comment = "Derived until a person acts on it: a clause that was not kept in a period."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")), name="default_event_period_check"
            ),
            models.CheckConstraint(
                condition=models.Q(cure_state__in=[state.value for state in CureState]),
                name="default_event_cure_state_check",
            ),
            models.UniqueConstraint(
                fields=["clause", "period_start", "period_end"],
                condition=models.Q(superseded_at__isnull=True),
                name="uq_default_event_current",
            ),
        ]
        indexes = [
            NamedIndex(
                models.expressions.ExpressionWrapper(
                    models.Q(evidence__isnull=False), output_field=models.BooleanField()
                ),
                name="idx_default_event_has_evidence",
            ),
        ]

    def __str__(self) -> str:
        return self.description or f"default event {self.pk}"


class CureStep(models.Model):
    """A step in the cure of a default, from its notice to its end."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="cure_steps")
    default_event = models.ForeignKey(DefaultEvent, models.PROTECT, related_name="cure_steps")
    step = models.CharField(max_length=20, choices=[(kind.value, kind.value) for kind in CureStepKind])
    happened_at = models.DateTimeField()
    cure_deadline = models.DateTimeField(
        null=True, blank=True, help_text="The instant by which it must be cured, as the step left it."
    )
    method = models.CharField(null=True, blank=True, help_text="How notice was given.")
    note = models.CharField(null=True, blank=True)
    recorded_by = models.CharField()
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "cure_step"
        db_table_comment = "Fact: a step in the cure of a default, from its notice to its end."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(step__in=[kind.value for kind in CureStepKind]), name="cure_step_step_check"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} of {self.happened_at:%Y-%m-%d}"


class RuleOutputType(Lookup):
    """Kinds of verdict."""

    class Meta(Lookup.Meta):
        db_table = "rule_output_type"
        db_table_comment = "Lookup: kinds of verdict."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="rule_output_type_code_key"),
        ]


class RuleOutput(models.Model):
    """The verdict on a clause for a period, with its explanation."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="rule_outputs", null=True, blank=True)
    default_event = models.ForeignKey(DefaultEvent, models.PROTECT, related_name="rule_outputs", null=True, blank=True)
    clause = models.ForeignKey(Clause, models.PROTECT, related_name="rule_outputs")
    rule_output_type = models.ForeignKey(RuleOutputType, models.PROTECT, related_name="rule_outputs")
    currency = models.ForeignKey(Currency, models.PROTECT, related_name="rule_outputs", null=True, blank=True)
    description = models.CharField(null=True, blank=True)
    metadata_detail = models.JSONField(null=True, blank=True)
    ld_amount = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    invoice_adjustment = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    breach = models.BooleanField(default=True, db_default=True)
    excuse = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(null=True, blank=True)
    updated_by = models.CharField(null=True, blank=True)
    period_start = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)
    content_hash = models.CharField(max_length=64, null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    computed_at = models.DateTimeField(
        db_default=TransactionNow(), editable=False, help_text="When it was last computed, whether or not it changed."
    )

    class Meta:
        db_table = "rule_output"
        db_table_comment = "Derived: the verdict on a clause for a period, with its explanation."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")), name="rule_output_period_check"
            ),
            models.UniqueConstraint(
                fields=["clause", "period_start", "period_end"],
                condition=models.Q(superseded_at__isnull=True),
                name="uq_rule_output_current",
            ),
        ]

    def __str__(self) -> str:
        return self.description or f"verdict {self.pk}"


class DamagesEntry(models.Model):
    """What a verdict took from the caps of a clause, or, below zero, took back when it was computed anew."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="damages_entries")
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="damages_entries")
    clause = models.ForeignKey(
        Clause, models.PROTECT, related_name="damages_entries", db_index=False, help_text="The one that has the caps."
    )
    rule_output = models.ForeignKey(RuleOutput, models.PROTECT, related_name="damages_entries")
    currency = models.ForeignKey(Currency, models.PROTECT, related_name="damages_entries")
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    amount = models.DecimalField(max_digits=20, decimal_places=4)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "damages_ledger"
        db_table_comment = (
            "Derived: what verdicts took from the caps of a clause, and what they took back when they were computed"
            " anew."
        )
        verbose_name = "entry of the damages ledger"
        verbose_name_plural = "damages ledger"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")), name="damages_ledger_period_check"
            ),
            models.CheckConstraint(condition=~models.Q(amount=0), name="damages_ledger_amount_check"),
        ]
        indexes = [
            NamedIndex(fields=["clause", "period_start"], name="idx_damages_ledger_clause"),
        ]

    def __str__(self) -> str:
        return f"damages of {self.amount} from {self.period_start:%Y-%m-%d}"


class NotificationType(Lookup):
    """Kinds of notice."""

    class Meta(Lookup.Meta):
        db_table = "notification_type"
        db_table_comment = "Lookup: kinds of notice."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="notification_type_code_key"),
        ]


class Notification(models.Model):
    """A notice that a default calls for."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="notifications")
    project = models.ForeignKey(Project, models.PROTECT, related_name="notifications", null=True, blank=True)
    default_event = models.ForeignKey(DefaultEvent, models.PROTECT, related_name="notifications", null=True, blank=True)
    rule_output = models.ForeignKey(RuleOutput, models.PROTECT, related_name="notifications", null=True, blank=True)
    notification_type = models.ForeignKey(NotificationType, models.PROTECT, related_name="notifications")
    description = models.CharField(null=True, blank=True)
    metadata_detail = models.JSONField(null=True, blank=True)
    time_notified = models.DateTimeField(null=True, blank=True)
    time_due = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "notification"
        db_table_comment = "Derived until it is sent: a notice that a default calls for."

    def __str__(self) -> str:
        return self.description or f"notice {self.pk}"


class NotificationMail(models.Model):
    """The mail of a notice to the people of its organization; the row is made before the mail is sent."""

    notification = models.OneToOneField(Notification, models.PROTECT, related_name="mail", primary_key=True)
    recipients = ArrayField(models.CharField())
    attempts = models.IntegerField()
    claimed_at = models.DateTimeField(help_text="When sending began; without an end it is not known whether it came.")
    sent_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(null=True, blank=True, help_text="Why the mail server did not take it.")

    class Meta:
        db_table = "notification_mail"
        db_table_comment = (
            "Fact: the mail of a notice: begun, and then sent, refused with a problem, or of unknown end."
        )
        constraints = [
            models.CheckConstraint(condition=models.Q(attempts__gte=1), name="chk_notification_mail_attempts"),
            models.CheckConstraint(condition=~models.Q(recipients=[]), name="chk_notification_mail_recipients"),
            models.CheckConstraint(
                condition=models.Q(sent_at__isnull=True) | models.Q(problem__isnull=True),
                name="chk_notification_mail_sent",
            ),
        ]
        indexes = [
            NamedIndex(
                fields=["notification"],
                name="idx_notification_mail_unsent",
                condition=models.Q(sent_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"mail of notice {self.pk}"

"""Clauses and how they are sorted."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models.functions import Upper

from core.models.contracts import Contract
from core.models.projects import Project
from core.models.vocabulary import Lookup
from database.indexes import NamedIndex


class ClauseType(Lookup):
    """The nature of a clause, such as operational or financial."""

    class Meta(Lookup.Meta):
        db_table = "clause_type"
        db_table_comment = "Lookup: the nature of a clause, such as operational or financial."
        constraints = [
            models.UniqueConstraint(fields=["code"], name="clause_type_code_key"),
        ]


class ClauseCategory(Lookup):
    """What a clause regulates; decides the keys of its payload."""

    key_terms = ArrayField(models.TextField(), null=True, blank=True)

    class Meta(Lookup.Meta):
        db_table = "clause_category"
        db_table_comment = "Lookup: what a clause regulates; decides the keys of its payload."
        verbose_name_plural = "clause categories"
        constraints = [
            models.UniqueConstraint(fields=["code"], name="clause_category_code_key"),
            models.CheckConstraint(condition=models.Q(code=Upper("code")), name="clause_category_code_check"),
        ]


class ClauseResponsibleParty(models.Model):
    """Parties that clauses make responsible."""

    name = models.CharField()
    address = models.CharField(null=True, blank=True)
    country = models.CharField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "clause_responsibleparty"
        db_table_comment = "Lookup: parties that clauses make responsible."
        verbose_name = "responsible party"
        verbose_name_plural = "responsible parties"

    def __str__(self) -> str:
        return self.name


class Clause(models.Model):
    """One clause of a contract, as text and as the payload that is judged."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="clauses", null=True, blank=True)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="clauses")
    clause_responsibleparty = models.ForeignKey(
        ClauseResponsibleParty, models.PROTECT, related_name="clauses", null=True, blank=True
    )
    clause_type = models.ForeignKey(ClauseType, models.PROTECT, related_name="clauses", null=True, blank=True)
    clause_category = models.ForeignKey(ClauseCategory, models.PROTECT, related_name="clauses", null=True, blank=True)
    name = models.CharField()
    section_ref = models.CharField(null=True, blank=True)
    raw_text = models.CharField(null=True, blank=True)
    normalized_payload = models.JSONField(
        null=True, blank=True, help_text="What the clause promises, in the keys of its category."
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_by = models.CharField(null=True, blank=True)
    version = models.IntegerField(default=1, db_default=1)
    summary = models.TextField(null=True, blank=True)
    beneficiary_party = models.CharField(max_length=255, null=True, blank=True)
    confidence_score = models.DecimalField(max_digits=4, decimal_places=3, null=True, blank=True)

    class Meta:
        db_table = "clause"
        db_table_comment = "Fact: one clause of a contract, as text and as the payload that is judged."
        constraints = [
            models.CheckConstraint(
                condition=models.Q(confidence_score__gte=0, confidence_score__lte=1),
                name="clause_confidence_score_check",
            ),
        ]
        indexes = [
            NamedIndex(
                fields=["beneficiary_party"],
                name="idx_clause_beneficiary_party",
                condition=models.Q(beneficiary_party__isnull=False),
            ),
            NamedIndex(
                fields=["confidence_score"],
                name="idx_clause_confidence_score",
                condition=models.Q(confidence_score__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

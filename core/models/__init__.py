"""Agreements: organizations, projects, contracts, clauses, and whether they were kept."""

from core.models.clauses import Clause, ClauseCategory, ClauseResponsibleParty, ClauseType
from core.models.compliance import (
    CureStep,
    DamagesEntry,
    DefaultEvent,
    DefaultEventType,
    Event,
    EventType,
    Notification,
    NotificationMail,
    NotificationType,
    RuleOutput,
    RuleOutputType,
)
from core.models.contracts import (
    Contract,
    ContractorReport,
    ContractPiiMapping,
    ContractStatus,
    ContractType,
    InvoiceDirection,
    ParsingStatus,
)
from core.models.organizations import Counterparty, CounterpartyType, Organization, Role, RoleType
from core.models.projects import Project
from core.models.users import User
from core.models.vocabulary import BillingPeriod, Currency, DataSource, Lookup, Status, UpdatedFrequency

__all__ = [
    "BillingPeriod",
    "Clause",
    "ClauseCategory",
    "ClauseResponsibleParty",
    "ClauseType",
    "Contract",
    "ContractPiiMapping",
    "ContractStatus",
    "ContractType",
    "ContractorReport",
    "Counterparty",
    "CounterpartyType",
    "CureStep",
    "Currency",
    "DamagesEntry",
    "DataSource",
    "DefaultEvent",
    "DefaultEventType",
    "Event",
    "EventType",
    "InvoiceDirection",
    "Lookup",
    "Notification",
    "NotificationMail",
    "NotificationType",
    "Organization",
    "ParsingStatus",
    "Project",
    "Role",
    "RoleType",
    "RuleOutput",
    "RuleOutputType",
    "Status",
    "UpdatedFrequency",
    "User",
]

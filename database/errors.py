"""What can be wrong with the schema or its history.

SchemaError
├── HistoryError      the files themselves: a gap, an edit, a statement that may not be there
└── StateError        the database: not empty without a ledger, or not what the ledger says
    ├── DriftError    the schema is not the one that the files make; `findings` say where
    └── LockedError   another run holds the schema lock, or another session a table
"""

from collections.abc import Sequence


class SchemaError(Exception):
    """Base of all errors of this package; the message names what was found and the cure."""


class HistoryError(SchemaError):
    """The schema files are not a history that can be applied."""


class StateError(SchemaError):
    """The database is not in a state in which the schema files can be applied."""


class DriftError(StateError):
    """The schema is not the one that the files make."""

    def __init__(self, message: str, findings: Sequence[object] = ()) -> None:
        super().__init__("\n".join([message, *(f"  {finding}" for finding in findings)]))
        self.findings = findings


class LockedError(StateError):
    """Somebody else holds a lock that is needed; nothing was changed."""

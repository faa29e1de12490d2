"""What can be wrong with the schema or its history.

SchemaError
├── HistoryError      the files themselves: a gap, an edit, a statement that may not be there
└── StateError        the database: not empty without a ledger, or not what the ledger says
"""


class SchemaError(Exception):
    """Base of all errors of this package; the message names what was found and the cure."""


class HistoryError(SchemaError):
    """The schema files are not a history that can be applied."""


class StateError(SchemaError):
    """The database is not in a state in which the schema files can be applied."""

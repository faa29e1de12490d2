"""What can go wrong in the agreements.

CoreError
├── PeriodError        a period, an instant or a time zone that cannot be used
├── MoneyError         an amount or a currency that cannot be used
├── UnitError          a unit that is unknown, ambiguous or of the wrong kind
├── MeasurementError   seconds that cannot have been measured
├── SealingError       a secret that cannot be sealed or opened
├── CureError          a step that a default does not allow
├── MailError          notices that cannot be mailed
└── ClauseError        a clause payload that cannot be judged; names clause and keys
"""

from collections.abc import Sequence


class CoreError(Exception):
    """Base of every error this app raises on purpose; its text is written for the person who can cure it."""


class PeriodError(CoreError):
    """A period, an instant or a time zone cannot be used."""


class MoneyError(CoreError):
    """An amount or a currency cannot be used."""


class UnitError(CoreError):
    """A unit is unknown, ambiguous or measures something else."""


class MeasurementError(CoreError):
    """The numbers of a measurement contradict each other."""


class SealingError(CoreError):
    """A secret cannot be sealed or opened; the text never holds any of it."""


class CureError(CoreError):
    """A default does not allow this step of its cure now."""


class MailError(CoreError):
    """Notices cannot be mailed."""


class ClauseError(CoreError):
    """A clause cannot be judged as it is written: nothing is assumed in its place.

    `problems` has the key and the reason of each thing that is wrong; `key` and `problem` are the first.
    """

    def __init__(self, clause: str, key: str, problem: str, *, others: Sequence[tuple[str, str]] = ()) -> None:
        self.problems = ((key, problem), *others)
        super().__init__(f"clause {clause}: " + "; ".join(f"{key}: {problem}" for key, problem in self.problems))
        self.clause = clause
        self.key = key
        self.problem = problem

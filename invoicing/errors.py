"""What can go wrong with money.

InvoicingError
├── RatingError       a line that cannot be priced: nothing is billed in its place
├── BillingError      a contract that cannot be billed for a period: nothing is written
├── ComparisonError   two invoices that cannot be set against each other: nothing is written
└── NotFoundError     a contract, a billing period or a vocabulary row that is not there
"""


class InvoicingError(Exception):
    """Base of every error this app raises on purpose; its text is written for the person who can cure it."""


class RatingError(InvoicingError):
    """A period cannot be priced. Lists every reason at once."""

    def __init__(self, period: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"{period} cannot be priced: " + "; ".join(problems))
        self.period = period
        self.problems = problems


class BillingError(InvoicingError):
    """A contract cannot be billed for a period. Lists the reasons; nothing was written."""

    def __init__(self, contract: str, period: str, *problems: str) -> None:
        super().__init__(f"{contract}: {period} cannot be billed, nothing was written: " + "; ".join(problems))
        self.contract = contract
        self.period = period
        self.problems = problems


class ComparisonError(InvoicingError):
    """An expected and a received invoice cannot be compared; nothing was written."""

    def __init__(self, contract: str, period: str, *problems: str) -> None:
        super().__init__(f"{contract}: {period} cannot be compared, nothing was written: " + "; ".join(problems))
        self.contract = contract
        self.period = period
        self.problems = problems


class NotFoundError(InvoicingError):
    """Something that was named, or that every run needs, is not in the database."""

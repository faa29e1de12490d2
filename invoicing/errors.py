"""What can go wrong with money.

InvoicingError
├── TariffError       a tariff that cannot be used as it is written; names the key
├── PublishingError   a tariff that may not hold yet: nothing is written
├── RatingError       a line that cannot be priced: nothing is billed in its place
├── BillingError      a contract that cannot be billed for a period: nothing is written
├── TaxError          lines that cannot be taxed by the rules of their day
├── IssuingError      an invoice that cannot take a step: nothing is written
├── DocumentError     an invoice that breaks a rule of EN 16931, with every rule it breaks
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


class TaxError(InvoicingError):
    """Lines cannot be taxed. Lists every reason at once."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class IssuingError(InvoicingError):
    """An invoice cannot be verified, issued, disputed, paid or credited; nothing was written."""

    def __init__(self, invoice: str, *problems: str) -> None:
        super().__init__(f"{invoice}, nothing was written: " + "; ".join(problems))
        self.invoice = invoice
        self.problems = problems


class DocumentError(InvoicingError):
    """An invoice that EN 16931 does not allow. Lists the rules it breaks."""

    def __init__(self, number: str, *broken: str) -> None:
        super().__init__(f"{number} is no invoice by EN 16931: " + "; ".join(broken))
        self.number = number
        self.broken = broken


class ComparisonError(InvoicingError):
    """An expected and a received invoice cannot be compared; nothing was written."""

    def __init__(self, contract: str, period: str, *problems: str) -> None:
        super().__init__(f"{contract}: {period} cannot be compared, nothing was written: " + "; ".join(problems))
        self.contract = contract
        self.period = period
        self.problems = problems


class NotFoundError(InvoicingError):
    """Something that was named, or that every run needs, is not in the database."""


class TariffError(InvoicingError):
    """A tariff cannot be used as it is written. Names the key and the cure; nothing is assumed in its place."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


class PublishingError(InvoicingError):
    """A tariff cannot be published. Lists the reasons; nothing was written."""

    def __init__(self, tariff: str, *problems: str) -> None:
        super().__init__(f"{tariff} cannot be published: " + "; ".join(problems))
        self.tariff = tariff
        self.problems = problems

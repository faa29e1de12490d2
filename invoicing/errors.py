"""What can go wrong with money.

InvoicingError
├── TariffError       a tariff that cannot be used as it is written; names the key
├── PublishingError   a tariff that may not hold yet: nothing is written
├── RatingError       a line that cannot be priced: nothing is billed in its place
├── DeliveryError     energy that cannot be billed as it was measured
├── BillingError      a contract that cannot be billed for a period: nothing is written
├── TaxError          lines that cannot be taxed by the rules of their day
├── IssuingError      an invoice that cannot take a step: nothing is written
├── DocumentError     an invoice that breaks a rule of EN 16931, with every rule it breaks
├── ComparisonError   two invoices that cannot be set against each other: nothing is written
├── ReceivingError    a file of received invoices that cannot be taken: nothing is written
└── NotFoundError     a contract, a billing period or a vocabulary row that is not there
"""

from dataclasses import dataclass


class InvoicingError(Exception):
    """Base of every error this app raises on purpose; its text is written for the person who can cure it."""


class RatingError(InvoicingError):
    """A period cannot be priced. Lists every reason at once."""

    def __init__(self, period: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"{period} cannot be priced: " + "; ".join(problems))
        self.period = period
        self.problems = problems


class DeliveryError(InvoicingError):
    """Nothing can be billed by energy; the text says why, and the cure."""


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


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file: its line, 1 for the first and None for the file as a whole, where in it, and why."""

    line: int | None
    place: str
    cause: str

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line is not None else []
        return ": ".join([*where, *([self.place] if self.place else []), self.cause])


class ReceivingError(InvoicingError):
    """A file of received invoices cannot be taken. Lists every problem by line; nothing was written."""

    def __init__(self, file_name: str, *problems: Problem) -> None:
        ordered = sorted(problems, key=lambda problem: (problem.line is not None, problem.line or 0))
        super().__init__("\n".join([f"{file_name}: nothing was written", *(f"  {problem}" for problem in ordered)]))
        self.file_name = file_name
        self.problems = tuple(ordered)


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

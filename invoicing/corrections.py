"""What issued invoices should say now that readings of their period came late, or an index was published.

It proposes; people decide.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from core.models import BillingPeriod, Contract
from core.money import show
from invoicing.drafting import draft
from invoicing.errors import BillingError
from invoicing.models import InvoiceHeader, InvoiceStatus
from invoicing.storing import invoiced_net


@dataclass(frozen=True, slots=True)
class ProposedCorrection:
    """An invoice whose readings changed after it was computed, or whose price was provisional. Amounts are net of tax.

    `difference` is what is due now less what was invoiced and not credited: below zero a credit note, above zero a
    further invoice; None where it cannot be computed, and `problems` says why.
    """

    invoice_id: int
    number: str | None
    contract: str
    period: str
    currency: str
    status: str
    changed_at: datetime | None  # of the readings
    is_provisional: bool
    invoiced: Decimal
    due: Decimal | None
    problems: tuple[str, ...] = ()

    @property
    def difference(self) -> Decimal | None:
        return None if self.due is None else self.due - self.invoiced

    @property
    def _cause(self) -> str:
        """Why it may say something else by now."""
        causes = ["its readings changed"] if self.changed_at is not None else []
        return " and ".join([*causes, "its price was provisional"] if self.is_provisional else causes)

    def __str__(self) -> str:
        name = f"{self.contract}, {self.period}, {self.number or self.invoice_id}"
        if self.difference is None:
            return f"{name}: {self._cause}, and what is due cannot be computed: {'; '.join(self.problems)}."
        if self.status == InvoiceStatus.VERIFIED:
            cure = "take it back to draft"
        else:
            cure = "credit" if self.difference < 0 else "invoice in addition"
        return f"{name}: {cure}: {show(abs(self.difference), self.currency)} net of tax, {self._cause}."


def proposed_corrections(contract_id: int | None = None) -> list[ProposedCorrection]:
    """Every invoice beyond draft that is older than its readings, or provisional, and would come out otherwise.

    Writes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT invoice_header_id, contract_id, billing_period_id, last_changed_at,"
            " provisional.invoice_header_id IS NOT NULL"
            " FROM stale_issued_invoice FULL JOIN provisional_issued_invoice AS provisional"
            " USING (invoice_header_id, contract_id, billing_period_id)"
            " WHERE contract_id = coalesce(%s, contract_id) ORDER BY contract_id, billing_period_id, invoice_header_id",
            [contract_id],
        )
        stale = cursor.fetchall()
    found = [_proposal(*row) for row in stale]
    return [one for one in found if one.difference != 0]


def _proposal(
    invoice_id: int, contract_id: int, period_id: int, changed_at: datetime | None, is_provisional: bool
) -> ProposedCorrection:
    invoice = InvoiceHeader.objects.select_related("currency").get(pk=invoice_id)
    contract, period = Contract.objects.get(pk=contract_id), BillingPeriod.objects.get(pk=period_id)
    issued = InvoiceHeader.objects.filter(contract=contract, billing_period=period).exclude(status=InvoiceStatus.DRAFT)
    due: Decimal | None = None
    problems: tuple[str, ...] = ()
    try:
        with transaction.atomic():
            due = draft(contract, period, dry_run=True).total
    except BillingError as error:
        problems = error.problems
    return ProposedCorrection(
        invoice_id=invoice_id,
        number=invoice.invoice_number,
        contract=contract.name,
        period=period.name,
        currency=invoice.currency.code,
        status=invoice.status,
        changed_at=changed_at,
        is_provisional=is_provisional,
        invoiced=invoiced_net(list(issued)),
        due=due,
        problems=problems,
    )

"""The pages on which a person takes the next step of invoices: one of them from its own page, many from the list.

Each step is a deed of `issuing` or `crediting`; the page asks for what the deed needs and says what cannot be undone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminDateWidget
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import content_disposition_header, urlencode

from core.errors import CoreError
from core.money import show
from core.screens import Screen
from invoicing.crediting import credit
from invoicing.deeds import Deed
from invoicing.documents import factur_x, pdf
from invoicing.documents.sheet import sheet_of
from invoicing.documents.sources import document_of
from invoicing.errors import DocumentError, InvoicingError
from invoicing.issuing import dispute, issue, pay, reopen, settle, verify
from invoicing.models import DocumentType, InvoiceHeader, InvoiceStatus

MOST_AT_ONCE = 200


def _day(label: str, **options: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=AdminDateWidget, **options)


class VerifyForm(forms.Form):
    on = _day("By the taxes of", initial=timezone.localdate)


class ReasonForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=500)


class IssueForm(forms.Form):
    on = _day("Date of the invoice", initial=timezone.localdate)
    due = _day("Due on", required=False, help_text="Without it, by the contract's clause of payment terms.")


class PayForm(forms.Form):
    on = _day("Paid on", initial=timezone.localdate)


class CreditForm(ReasonForm):
    on = _day("Date of the credit note", initial=timezone.localdate)
    amount = forms.DecimalField(
        label="Amount", required=False, max_digits=20, decimal_places=4, help_text="Without it, all that is left."
    )


@dataclass(frozen=True, slots=True)
class NextStep:
    """A step that invoices in some statuses may take; the fields of its form are what its deed is told."""

    name: str
    title: str
    before: tuple[InvoiceStatus, ...]
    deed: Callable[..., Deed]
    form: type[forms.Form]
    consequence: str
    is_final: bool = False

    def is_open_to(self, invoice: InvoiceHeader) -> bool:
        is_refused = self.deed is credit and invoice.document_type != DocumentType.INVOICE
        return invoice.status in self.before and not is_refused


_DRAFT, _VERIFIED, _SENT, _DISPUTED, _PAID = InvoiceStatus
STEPS = {
    step.name: step
    for step in (
        NextStep(
            "verify",
            "Verify",
            (_DRAFT,),
            verify,
            VerifyForm,
            "Its content is fixed, and taxes are added by the rules of the day.",
        ),
        NextStep(
            "reopen",
            "Make a draft again",
            (_VERIFIED,),
            reopen,
            ReasonForm,
            "Its taxes are taken off, and it may be changed or drawn up anew.",
        ),
        NextStep(
            "issue",
            "Issue",
            (_VERIFIED,),
            issue,
            IssueForm,
            "It takes the next number of its series and can never be changed again, only credited.",
            is_final=True,
        ),
        NextStep(
            "pay",
            "Note the payment",
            (_SENT, _DISPUTED),
            pay,
            PayForm,
            "It is paid, and no reminder or late interest follows.",
            is_final=True,
        ),
        NextStep(
            "dispute",
            "Note a dispute",
            (_SENT,),
            dispute,
            ReasonForm,
            "The counterparty disputes it, until the dispute is settled or it is paid.",
        ),
        NextStep(
            "settle",
            "Settle the dispute",
            (_DISPUTED,),
            settle,
            ReasonForm,
            "It stands as it was sent, less what credit notes take back.",
        ),
        NextStep(
            "credit",
            "Credit",
            (_SENT, _DISPUTED, _PAID),
            credit,
            CreditForm,
            "A credit note is issued at once under the next number of its series and can never be changed.",
            is_final=True,
        ),
    )
}


def pdf_of(invoice_id: int) -> bytes:
    """The invoice for people; with itself for machines inside (Factur-X) where it is issued and EN 16931 admits it."""
    sheet = sheet_of(invoice_id)
    try:
        return factur_x.write(sheet, document_of(invoice_id))
    except DocumentError:
        return pdf.render(sheet)


def _as_action(step: NextStep) -> tuple[Callable[..., HttpResponse | None], str, str]:
    """An action of the list that leads to the page of the step, with the invoices that were chosen."""

    def lead(screen: "TakesSteps", request: HttpRequest, chosen: QuerySet[InvoiceHeader]) -> HttpResponse | None:
        numbers = list(chosen.order_by("pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
        if len(numbers) > MOST_AT_ONCE:
            screen.message_user(request, f"Choose at most {MOST_AT_ONCE} invoices at once.", messages.ERROR)
            return None
        return HttpResponseRedirect(_address(step, numbers))

    return lead, step.name, f"{step.title} …"


def _address(step: NextStep, numbers: Sequence[int]) -> str:
    chosen = urlencode({"invoices": ",".join(map(str, numbers))})
    return f"{reverse('admin:invoicing_invoiceheader_step', args=[step.name])}?{chosen}"


class TakesSteps(Screen):
    """A screen of invoices with their next steps as buttons and as actions, and the PDF as a download."""

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        own = [
            path("steps/<str:name>/", site.admin_view(self.step_view), name="invoicing_invoiceheader_step"),
            path("<int:invoice_id>/pdf/", site.admin_view(self.pdf_view), name="invoicing_invoiceheader_pdf"),
        ]
        return [*own, *super().get_urls()]

    def may_take_steps(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        steps = {step.name: _as_action(step) for step in STEPS.values()} if self.may_take_steps(request) else {}
        return {**super().get_actions(request), **steps}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *arguments: Any, **options: Any
    ) -> HttpResponse:
        invoice = context["original"]
        if isinstance(invoice, InvoiceHeader):
            steps = STEPS.values() if self.may_take_steps(request) else ()
            context["tools"] = [
                *((f"{step.title} …", _address(step, [invoice.pk])) for step in steps if step.is_open_to(invoice)),
                ("PDF", reverse("admin:invoicing_invoiceheader_pdf", args=[invoice.pk])),
            ]
        return super().render_change_form(request, context, *arguments, **options)

    def step_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Asks for what the step needs; where that is given, takes it for each invoice on its own."""
        if name not in STEPS:
            raise Http404(f"There is no step {name}.")
        if not self.may_take_steps(request):
            raise PermissionDenied
        step, chosen = STEPS[name], self._chosen(request)
        form = step.form(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._take(request, step, chosen, form.cleaned_data)
        context = {
            **self.admin_site.each_context(request),
            "title": step.title,
            "opts": self.opts,
            "media": self.media + form.media,
            "form": form,
            "step": step,
            "chosen": [(invoice, show(invoice.total_amount, invoice.currency.code)) for invoice in chosen],
        }
        return TemplateResponse(request, "screens/invoice_step.html", context)

    def _chosen(self, request: HttpRequest) -> list[InvoiceHeader]:
        numbers = [int(number) for number in request.GET.get("invoices", "").split(",") if number.isdecimal()]
        if not 0 < len(numbers) <= MOST_AT_ONCE:
            raise Http404(f"Choose from 1 to {MOST_AT_ONCE} invoices.")
        found = self.get_queryset(request).filter(pk__in=numbers)
        rows = found.select_related("contract", "billing_period", "currency").order_by("pk")
        chosen = [row for row in rows if isinstance(row, InvoiceHeader)]
        if not chosen:
            raise Http404("There is no such invoice.")
        return chosen

    def _take(
        self, request: HttpRequest, step: NextStep, chosen: Sequence[InvoiceHeader], told: dict[str, Any]
    ) -> HttpResponse:
        """One invoice that does not allow the step is named, and does not stop the others."""
        for invoice in chosen:
            try:
                self.message_user(request, str(step.deed(invoice.pk, by=request.user.get_username(), **told)))
            except (CoreError, InvoicingError) as error:
                self.message_user(request, str(error), messages.ERROR)
        if len(chosen) > 1:
            return HttpResponseRedirect(reverse("admin:invoicing_invoiceheader_changelist"))
        return HttpResponseRedirect(reverse("admin:invoicing_invoiceheader_change", args=[chosen[0].pk]))

    def pdf_view(self, request: HttpRequest, invoice_id: int) -> HttpResponse:
        """The PDF as a file named after the number, or after the row while there is none."""
        found = self.get_queryset(request).filter(pk=invoice_id).first()
        if not isinstance(found, InvoiceHeader):
            raise Http404("There is no such invoice.")
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        name = (found.invoice_number or f"{found.status}-{found.pk}").replace("/", "-")
        headers = {"Content-Disposition": content_disposition_header(True, f"{name}.pdf") or ""}
        return HttpResponse(pdf_of(found.pk), content_type="application/pdf", headers=headers)

"""The rules of tax that organizations keep, as those of a day."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from django.db.models import F, Q

from invoicing.models import TaxRule
from invoicing.taxes import TaxTerms


def rules_on(day: date, organization_ids: Collection[int]) -> defaultdict[int, list[TaxTerms]]:
    """By organization, what is in force on that day, in order of code and id: one query, and none for nobody."""
    found: defaultdict[int, list[TaxTerms]] = defaultdict(list)
    if not organization_ids:
        return found
    in_force = (
        TaxRule.objects.filter(organization__in=organization_ids, valid_from__lte=day)
        .filter(Q(valid_to=None) | Q(valid_to__gte=day))
        .order_by("tax_code", "id")
        .annotate(line_type=F("invoice_line_item_type__code"))
    )
    for rule in in_force:
        found[rule.organization_id].append(
            TaxTerms(
                rule.pk, rule.tax_code, rule.name, rule.kind, rule.rate, rule.base, rule.vat_category, rule.line_type
            )
        )
    return found

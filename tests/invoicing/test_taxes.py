from decimal import Decimal

import pytest

from invoicing.errors import TaxError
from invoicing.taxes import Taxable, TaxTerms, assess, vat_by_line


def rule(
    kind: str,
    rate: str,
    *,
    category: str | None = "S",
    base: str | None = None,
    line_type: str | None = None,
    code: str = "",
    number: int = 1,
) -> TaxTerms:
    return TaxTerms(number, code or kind, code or kind, kind, Decimal(rate), base, category, line_type)


def line(amount: str, line_type: str = "ENERGY") -> Taxable:
    return Taxable(line_type, Decimal(amount))


def test_without_rules_there_is_no_tax() -> None:
    assessment = assess([line("10")], [], 2)
    assert (assessment.taxes, assessment.vat_of, assessment.added) == ((), (None,), Decimal(0))


def test_tax_is_rounded_once_for_each_category_and_not_for_each_line() -> None:
    """EN 16931-1, BR-CO-17: 3 × 0.33 at 7 % is 0.07 on their sum, and would be 0.06 line by line."""
    assessment = assess([line("0.33")] * 3, [rule("vat", "0.07")], 2)
    assert [tax.amount for tax in assessment.taxes] == [Decimal("0.07")]


def test_the_breakdown_is_that_of_an_example_of_the_committee() -> None:
    """CEN/TC 434, eInvoicing-EN16931, ubl/examples/ubl-tc434-example1.xml: sixteen lines at 6 %, four at 21 %.

    The first sum to 183.23 with 10.99 of VAT, the others to 46.37 with 9.74; together 20.73.
    """
    at_6 = "19.90 9.85 8.29 14.46 35.00 35.00 10.65 1.55 14.37 8.29 16.58 9.95 3.30 3.90 102.12 -109.98"
    lines = [line(amount) for amount in at_6.split()]
    lines += [line(amount, "FIXED_FEE") for amount in ("10.80", "7.60", "9.34", "18.63")]
    rules = [rule("vat", "0.06", code="6"), rule("vat", "0.21", code="21", line_type="FIXED_FEE", number=2)]
    assessment = assess(lines, rules, 2)
    assert {tax.terms.code: (tax.base_amount, tax.amount) for tax in assessment.taxes} == {
        "6": (Decimal("183.23"), Decimal("10.99")),
        "21": (Decimal("46.37"), Decimal("9.74")),
    }
    assert assessment.added == Decimal("20.73")


def test_a_rule_for_a_type_of_line_goes_before_the_rule_for_all() -> None:
    exempt = rule("vat", "0", category="E", line_type="LD_CREDIT", number=2)
    assessment = assess([line("100"), line("-20", "LD_CREDIT")], [rule("vat", "0.19"), exempt], 2)
    assert [(tax.terms.category, tax.base_amount, tax.amount) for tax in assessment.taxes] == [
        ("E", Decimal(-20), Decimal(0)),
        ("S", Decimal(100), Decimal(19)),
    ]
    assert [vat and vat.id for vat in assessment.vat_of] == [1, 2]


def test_a_levy_on_levies_comes_after_them_and_vat_after_all() -> None:
    rules = [
        rule("levy", "0.10", base="lines_and_levies", code="B"),
        rule("levy", "0.05", base="lines", code="A"),
        rule("vat", "0.20"),
        rule("withholding", "0.01", base="lines_and_levies", category=None),
    ]
    taxes = assess([line("1000")], rules, 2).taxes
    assert [(tax.terms.code, tax.base_amount, tax.amount) for tax in taxes] == [
        ("A", Decimal(1000), Decimal(50)),
        ("B", Decimal(1050), Decimal(105)),
        ("vat", Decimal(1155), Decimal(231)),
        ("withholding", Decimal(1155), Decimal("11.55")),
    ]


def test_what_is_withheld_is_no_part_of_what_is_added() -> None:
    assessment = assess([line("100")], [rule("withholding", "0.1", base="lines", category=None)], 2)
    assert (assessment.added, assessment.withheld) == (Decimal(0), Decimal(10))


def test_every_line_has_its_vat_or_none_has() -> None:
    with pytest.raises(TaxError, match="no rule of VAT is in force for lines of type LD_CREDIT"):
        assess([line("1"), line("-1", "LD_CREDIT")], [rule("vat", "0.19", line_type="ENERGY")], 2)


def test_a_levy_is_not_taxed_by_guess() -> None:
    levy = rule("levy", "0.05", base="lines", category="Z", code="LEVY")
    with pytest.raises(TaxError, match="levy LEVY is taxed as category Z, and no groups of lines are"):
        assess([line("1")], [rule("vat", "0.19"), levy], 2)


def test_the_vat_of_the_lines_sums_to_that_of_the_document_and_levies_are_none_of_it() -> None:
    fees = rule("vat", "0.07", line_type="FIXED_FEE", number=2)
    lines = [line("0.13"), line("0.13"), line("0.14"), line("-0.20"), line("10.00", "FIXED_FEE")]
    rules = [rule("vat", "0.19"), fees, rule("levy", "0.05", base="lines", number=3)]
    shares = vat_by_line(lines, rules, 2)
    # 0.02 + 0.02 + 0.03 - 0.04 = 0.03, and 19 % of 0.20 are 0.04: the cent goes to the largest.
    assert list(map(str, shares)) == ["0.02", "0.02", "0.03", "-0.03", "0.70"]
    assert sum(shares) == assess(lines, rules[:2], 2).added
    assert vat_by_line(lines, rules[2:], 2) == (Decimal(0),) * 5

"""Levies, VAT and withholdings of a document by the rules of its day, each rounded once; the VAT line by line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.money import round_money
from invoicing.errors import TaxError


@dataclass(frozen=True, slots=True)
class TaxTerms:
    """One rule on its day: `rate` is a share, `line_type` None stands for every type that its like does not name.

    `base` is None for VAT, whose base is the lines and levies of its category. `category` is that of EN 16931; of a
    levy it says how the levy itself is taxed.
    """

    id: int
    code: str
    name: str
    kind: str
    rate: Decimal
    base: str | None
    category: str | None
    line_type: str | None


@dataclass(frozen=True, slots=True)
class Taxable:
    """A line: the code of its type and its net amount, a credit below zero."""

    line_type: str
    net_amount: Decimal


@dataclass(frozen=True, slots=True)
class Tax:
    """What one rule comes to: `amount` is `base_amount` times the rate, rounded to the minor unit."""

    terms: TaxTerms
    base_amount: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Assessment:
    """Levies, then VAT by category and rate, then withholdings; `vat_of` holds the VAT rule of each line, in order."""

    taxes: tuple[Tax, ...]
    vat_of: tuple[TaxTerms | None, ...]

    @property
    def added(self) -> Decimal:
        """What comes on top of the lines: levies and VAT. Totals are gross of withholding."""
        return sum((tax.amount for tax in self.taxes if tax.terms.kind != "withholding"), Decimal(0))

    @property
    def withheld(self) -> Decimal:
        return sum((tax.amount for tax in self.taxes if tax.terms.kind == "withholding"), Decimal(0))


def assess(lines: Sequence[Taxable], rules: Sequence[TaxTerms], minor_units: int) -> Assessment:
    """The taxes on the lines. Without any rule of VAT the document carries none.

    Raises `TaxError` with every reason: a line without VAT where others have it, a levy whose VAT is not that of
    exactly one group of lines.
    """
    vat_rules = [rule for rule in rules if rule.kind == "vat"]
    vat_of = tuple(_rule_of(line, vat_rules) for line in lines)
    problems = [
        f"no rule of VAT is in force for lines of type {line_type}"
        for line_type in sorted({line.line_type for line, vat in zip(lines, vat_of, strict=True) if vat is None})
        if vat_rules
    ]

    bases: dict[tuple[str | None, Decimal], Decimal] = {}
    first_of: dict[tuple[str | None, Decimal], TaxTerms] = {}
    for line, vat in zip(lines, vat_of, strict=True):
        if vat is not None:
            group = (vat.category, vat.rate)
            bases[group] = bases.get(group, Decimal(0)) + line.net_amount
            first_of.setdefault(group, vat)

    levies = _levies(lines, [rule for rule in rules if rule.kind == "levy"], minor_units)
    for levy in levies:
        groups = [group for group in bases if group[0] == levy.terms.category]
        if vat_rules and len(groups) != 1:
            problems.append(
                f"levy {levy.terms.code} is taxed as category {levy.terms.category},"
                f" and {len(groups) or 'no'} groups of lines are"
            )
        for group in groups[:1]:
            bases[group] += levy.amount
    if problems:
        raise TaxError(*problems)

    vat_taxes = [
        Tax(first_of[group], base, round_money(base * group[1], minor_units)) for group, base in sorted(bases.items())
    ]
    levied = sum((levy.amount for levy in levies), Decimal(0))
    withheld = [
        _tax(rule, _covered(lines, rule, rules) + (levied if rule.base == "lines_and_levies" else 0), minor_units)
        for rule in _in_use(lines, [rule for rule in rules if rule.kind == "withholding"])
    ]
    return Assessment((*levies, *vat_taxes, *withheld), vat_of)


def vat_by_line(lines: Sequence[Taxable], rules: Sequence[TaxTerms], minor_units: int) -> tuple[Decimal, ...]:
    """The VAT that each line bears, summing to that of the document; what single roundings leave goes to the largest.

    There is none where no rule of VAT is. Raises `TaxError` for a line without VAT where others have it.
    """
    assessment = assess(lines, [rule for rule in rules if rule.kind == "vat"], minor_units)
    shares = [
        Decimal(0) if vat is None else round_money(line.net_amount * vat.rate, minor_units)
        for line, vat in zip(lines, assessment.vat_of, strict=True)
    ]
    for tax in assessment.taxes:
        alike = [
            place
            for place, vat in enumerate(assessment.vat_of)
            if vat is not None and (vat.category, vat.rate) == (tax.terms.category, tax.terms.rate)
        ]
        largest = max(alike, key=lambda place: (abs(lines[place].net_amount), -place))
        shares[largest] += tax.amount - sum((shares[place] for place in alike), Decimal(0))
    return tuple(shares)


def _levies(lines: Sequence[Taxable], rules: Sequence[TaxTerms], minor_units: int) -> list[Tax]:
    """Levies on the lines first, then those that are charged on these as well."""
    used = _in_use(lines, rules)
    plain = [_tax(rule, _covered(lines, rule, rules), minor_units) for rule in used if rule.base == "lines"]
    on_lines = sum((levy.amount for levy in plain), Decimal(0))
    compound = [
        _tax(rule, _covered(lines, rule, rules) + on_lines, minor_units)
        for rule in used
        if rule.base == "lines_and_levies"
    ]
    return [*plain, *compound]


def _tax(rule: TaxTerms, base_amount: Decimal, minor_units: int) -> Tax:
    return Tax(rule, base_amount, round_money(base_amount * rule.rate, minor_units))


def _in_use(lines: Sequence[Taxable], rules: Sequence[TaxTerms]) -> list[TaxTerms]:
    return [rule for rule in rules if any(_is_for(line, rule, rules) for line in lines)]


def _covered(lines: Sequence[Taxable], rule: TaxTerms, rules: Iterable[TaxTerms]) -> Decimal:
    alike = [other for other in rules if other.kind == rule.kind]
    return sum((line.net_amount for line in lines if _is_for(line, rule, alike)), Decimal(0))


def _is_for(line: Taxable, rule: TaxTerms, rules: Iterable[TaxTerms]) -> bool:
    return _rule_of(line, [other for other in rules if other.code == rule.code]) == rule


def _rule_of(line: Taxable, rules: Iterable[TaxTerms]) -> TaxTerms | None:
    """The rule that names the type of the line, or else the one that names none."""
    by_type = {rule.line_type: rule for rule in rules}
    return by_type.get(line.line_type, by_type.get(None))

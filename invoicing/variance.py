"""Lines of two invoices side by side, and the variance of each pair split exactly by cause.

A variance is received less expected, each amount rounded to the currency's minor unit first. The amount of a line is
quantity times unit price times exchange rate, and its tax. Each factor bears its change times the mean of what stood
beside it, over all orders in which the factors could have changed:

    quantity       (q1 - q0) ((p0 x0 + p1 x1) / 3 + (p0 x1 + p1 x0) / 6)
    price          (p1 - p0) ((q0 x0 + q1 x1) / 3 + (q0 x1 + q1 x0) / 6)
    exchange rate  (x1 - x0) ((q0 p0 + q1 p1) / 3 + (q0 p1 + q1 p0) / 6)

With one exchange rate on both sides this is (q1 - q0) (p0 + p1) / 2 and (p1 - p0) (q0 + q1) / 2: no part is left over
for both together, and with the sides swapped every part changes its sign. Source: T. L. Bennet, The Theory of
Measurement of Changes in Cost of Living, Journal of the Royal Statistical Society 83 (1920), pp. 455-462; for three
factors the value of L. S. Shapley, as in J. W. Sun, Changes in energy consumption and energy intensity: a complete
decomposition model, Energy Economics 20 (1998), pp. 85-100.

Time of use is the part of the quantity that only moved: in a price with several buckets (time-of-use periods, tiers),
the lesser of what some lines have more and what others have less, borne by each line in proportion. Tax is the
difference of the tax amounts. Rounding takes the rest by definition: what single roundings leave, and what lies between
an amount and its quantity times its price, where that is small; where it is not, the price is the one that was charged.
Each other part is rounded once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property, lru_cache
from operator import add, attrgetter

from core.errors import UnitError
from core.money import round_money
from core.units import Quantity, factor

# What a line of these types comes to is tax, not a price.
TAX_TYPES = frozenset({"TAX", "WITHHOLDING_TAX"})
# Descriptions that share at least this part of their words are taken to name the same thing.
SIMILAR = Fraction(1, 2)
# An amount further from quantity times price than one unit of money and this part of the amount is no rounding of it.
_INEXACT = Fraction(1, 1000)
# Whole digits of a part in the database. What goes beyond them says nothing of quantity and price.
_WHOLE_DIGITS = 16
_WORD = re.compile(r"\w+")


class Kind(StrEnum):
    """The causes of a variance."""

    QUANTITY = "quantity"
    PRICE = "price"
    TIME_OF_USE = "time_of_use"
    TAX = "tax"
    EXCHANGE_RATE = "exchange_rate"
    ROUNDING = "rounding"
    MISSING = "missing"
    EXTRA = "extra"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Split:
    """A variance by cause, in money; the parts sum to it. `missing` and `extra` are whole lines."""

    quantity: Decimal = Decimal(0)
    price: Decimal = Decimal(0)
    time_of_use: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    exchange_rate: Decimal = Decimal(0)
    rounding: Decimal = Decimal(0)
    missing: Decimal = Decimal(0)
    extra: Decimal = Decimal(0)

    @property
    def amounts(self) -> tuple[Decimal, ...]:
        """All parts in the order of `Kind`."""
        amounts: tuple[Decimal, ...] = _AMOUNTS(self)
        return amounts

    @property
    def total(self) -> Decimal:
        return sum(self.amounts, Decimal(0))

    def parts(self) -> Iterator[tuple[Kind, Decimal]]:
        """The causes that there are, in the order of `Kind`."""
        return ((kind, part) for kind, part in zip(Kind, self.amounts, strict=True) if part)

    def __bool__(self) -> bool:
        """Whether there is any part."""
        return any(self.amounts)

    def __add__(self, other: "Split") -> "Split":
        return Split(*map(add, self.amounts, other.amounts))


_AMOUNTS = attrgetter(*(kind.value for kind in Kind))


@dataclass(frozen=True)
class InvoiceLine:
    """A line of either invoice. `net_amount` and `tax_amount` are in the currency in which both are compared.

    `unit_price` is money per `unit` in a currency of which one unit is `exchange_rate` of the former. What the
    document does not say is None; a line that says neither quantity nor price is one of its amount.
    """

    id: int
    type_code: str
    net_amount: Decimal
    description: str = ""
    quantity: Decimal | None = None
    unit: str | None = None
    unit_price: Fraction | None = None
    exchange_rate: Fraction = Fraction(1)
    price_bucket: str | None = None
    tax_amount: Decimal | None = None

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(_WORD.findall(self.description.casefold()))

    @cached_property
    def bucket(self) -> str:
        return " ".join((self.price_bucket or "").casefold().split())

    @cached_property
    def content(self) -> tuple[object, ...]:
        """What orders lines whatever their places: the largest amount first, then all that they say."""
        return (
            -abs(self.net_amount),
            self.net_amount,
            self.description,
            self.bucket,
            self.unit or "",
            self.quantity or Decimal(0),
            self.unit_price or Fraction(0),
            self.exchange_rate,
            self.tax_amount or Decimal(0),
            self.id,
        )

    @cached_property
    def statement(self) -> tuple[object, ...]:
        """All that an amount follows from: between two lines that state the same there is no variance."""
        return (self.quantity, self.unit, self.unit_price, self.exchange_rate, self.net_amount, self.tax_amount)

    @cached_property
    def measured(self) -> "Measured":
        """Its quantity and price where it says at least one of them and the other follows; else one of its amount.

        The price is that which was charged where the stated one does not come to the amount.
        """
        times, unit = common_unit(self.unit)
        amount = Fraction(self.net_amount) / self.exchange_rate
        if self.quantity is not None and (self.unit_price is not None or self.quantity):
            quantity, price = Fraction(self.quantity), self.unit_price
            if price is None or (
                quantity and abs(quantity * price - amount) > max(Fraction(1), abs(amount) * _INEXACT)
            ):
                price = amount / quantity
            return Measured(quantity * times, price / times, unit)
        if self.quantity is None and self.unit_price:
            return Measured(amount / self.unit_price * times, self.unit_price / times, unit)
        return Measured(Fraction(1), amount, None)

    def tax(self, decimals: int) -> Decimal:
        return round_money(self.tax_amount, decimals) if self.tax_amount else Decimal(0)

    def amount(self, decimals: int) -> Decimal:
        """What it comes to with tax: both rounded, then added."""
        return round_money(self.net_amount, decimals) + self.tax(decimals)

    @property
    def as_a_whole(self) -> "Measured":
        return Measured(Fraction(1), Fraction(self.net_amount) / self.exchange_rate, None)


@dataclass(frozen=True, slots=True)
class Measured:
    """Quantity and price in a unit that both sides share: Wh for energy. `unit` None: the line as a whole."""

    quantity: Fraction
    price: Fraction
    unit: str | None


@dataclass(frozen=True, slots=True)
class LineVariance:
    """Two lines that say the same thing, or one that the other side lacks. Amounts are with tax, rounded."""

    expected_line: InvoiceLine | None
    received_line: InvoiceLine | None
    expected: Decimal | None
    received: Decimal | None
    split: Split

    @property
    def variance(self) -> Decimal:
        return (self.received or Decimal(0)) - (self.expected or Decimal(0))

    @property
    def line(self) -> InvoiceLine:
        """The one that there is, the expected one of two."""
        line = self.expected_line or self.received_line
        assert line is not None  # a pair has a side
        return line

    @property
    def sides(self) -> tuple["Measured", "Measured"] | None:
        """Quantities and prices as they were set against each other; None for a line that stands alone."""
        if self.expected_line is None or self.received_line is None:
            return None
        return _sides(self.expected_line, self.received_line)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How large a part may be: `absolute` in money, `relative_percent` of the expected line. None is no limit."""

    absolute: Decimal | None = None
    relative_percent: Decimal | None = None

    def allows(self, part: Decimal, expected: Decimal) -> bool:
        """Whether the part keeps each limit that is given. Of nothing expected every percentage is nothing."""
        if self.absolute is None and self.relative_percent is None:
            return not part
        return (self.absolute is None or abs(part) <= self.absolute) and (
            self.relative_percent is None
            or abs(Fraction(part)) <= Fraction(self.relative_percent) / 100 * abs(Fraction(expected))
        )


def tolerated(line: LineVariance, tolerances: Mapping[Kind, Tolerance]) -> bool:
    """Whether every part of the variance is within the tolerance of its kind; without one, only nought is."""
    if not line.split:
        return True
    exact = Tolerance()
    expected = line.expected or Decimal(0)
    return all(tolerances.get(kind, exact).allows(part, expected) for kind, part in line.split.parts())


def compare_lines(
    expected: Iterable[InvoiceLine], received: Iterable[InvoiceLine], decimals: int
) -> tuple[LineVariance, ...]:
    """Every line of both sides once, in pairs or alone, by type; independent of the order in which they come.

    `decimals` are those of the currency.
    """
    pairs = list(pair_up(expected, received))
    return tuple(_variance(*pair, moved, decimals) for pair, moved in zip(pairs, _moved(pairs), strict=True))


# --- which lines say the same thing

_Pair = tuple[InvoiceLine | None, InvoiceLine | None]


def pair_up(expected: Iterable[InvoiceLine], received: Iterable[InvoiceLine]) -> Iterator[_Pair]:
    """Pairs of one type each, then the lines that stay alone; where a line stands in its invoice says nothing.

    Lines of one price bucket go together whatever they are called; lines of two never do. Where a bucket is not said
    on both sides, they go together if their descriptions share at least `SIMILAR` of all their words, or one has none.
    The most similar pair first, of equally similar ones those of equal amounts, then the largest with the largest.
    What is left goes together only where it is the last of its type on both sides.
    """
    ours, theirs = sorted(expected, key=_content), sorted(received, key=_content)
    for type_code in sorted({line.type_code for line in (*ours, *theirs)}):
        yield from _match_type(
            [line for line in ours if line.type_code == type_code],
            [line for line in theirs if line.type_code == type_code],
        )


def _match_type(ours: list[InvoiceLine], theirs: list[InvoiceLine]) -> Iterator[_Pair]:
    if len(ours) == len(theirs) == 1 and not (ours[0].bucket and theirs[0].bucket):
        yield ours[0], theirs[0]  # as the last of their type
        return
    ranked = [
        (rank, one, other)
        for one in range(len(ours))
        for other in range(len(theirs))
        if (rank := _rank(ours[one], theirs[other])) is not None
    ]
    left, right = dict(enumerate(ours)), dict(enumerate(theirs))
    for _, one, other in sorted(ranked):
        if one in left and other in right:
            yield left.pop(one), right.pop(other)
    if len(left) == len(right) == 1:
        (last,), (counterpart,) = left.values(), right.values()
        if not (last.bucket and counterpart.bucket):
            yield last, counterpart
            return
    yield from ((line, None) for line in left.values())
    yield from ((None, line) for line in right.values())


def _rank(one: InvoiceLine, other: InvoiceLine) -> tuple[bool, Fraction, bool] | None:
    """The lower, the sooner the two go together; None where they may not. The same either way round."""
    both_in_buckets = bool(one.bucket and other.bucket)
    if both_in_buckets and one.bucket != other.bucket:
        return None
    shared = Fraction(0)
    if one.words and other.words:
        shared = Fraction(len(one.words & other.words), len(one.words | other.words))
        if shared < SIMILAR and not both_in_buckets:
            return None
    return not both_in_buckets, -shared, one.net_amount != other.net_amount


def _content(line: InvoiceLine) -> tuple[object, ...]:
    return line.content


# --- what the difference is made of


def _sides(ours: InvoiceLine, theirs: InvoiceLine) -> tuple[Measured, Measured]:
    """Both in one unit; where they have none in common, each as a whole."""
    if ours.measured.unit is not None and ours.measured.unit == theirs.measured.unit:
        return ours.measured, theirs.measured
    return ours.as_a_whole, theirs.as_a_whole


def _moved(pairs: Sequence[_Pair]) -> list[Fraction]:
    """How much of the change of quantity of each pair came from other buckets, or went to them, in its unit."""
    changes: list[Fraction] = []
    scopes: list[tuple[str, str] | None] = []
    for ours, theirs in pairs:
        line = ours or theirs
        assert line is not None  # a pair has a side
        scopes.append(None)
        changes.append(Fraction(0))
        is_equal = ours is not None and theirs is not None and ours.statement == theirs.statement
        if is_equal or not any(side is not None and side.bucket for side in (ours, theirs)):
            continue
        before, after = _sides(ours or line, theirs or line)
        if before.unit is not None:
            scopes[-1] = (line.type_code, before.unit)
            changes[-1] = (after.quantity if theirs else Fraction(0)) - (before.quantity if ours else Fraction(0))
    more: dict[tuple[str, str], Fraction] = {}
    less: dict[tuple[str, str], Fraction] = {}
    for scope, change in zip(scopes, changes, strict=True):
        if scope is not None:
            totals = more if change > 0 else less
            totals[scope] = totals.get(scope, Fraction(0)) + abs(change)
    moved = []
    for scope, change in zip(scopes, changes, strict=True):
        if scope is None or not change:
            moved.append(Fraction(0))
            continue
        gained, lost = more.get(scope, Fraction(0)), less.get(scope, Fraction(0))
        moved.append(change * min(gained, lost) / (gained if change > 0 else lost))
    return moved


def _variance(ours: InvoiceLine | None, theirs: InvoiceLine | None, moved: Fraction, decimals: int) -> LineVariance:
    due = None if ours is None else ours.amount(decimals)
    billed = None if theirs is None else theirs.amount(decimals)
    if ours is not None and theirs is not None:
        is_equal = not moved and ours.statement == theirs.statement
        split = Split() if is_equal else _split(ours, theirs, moved, decimals)
    elif due is not None:
        split = Split(missing=-due)
    else:
        assert billed is not None  # a pair has a side
        split = Split(extra=billed)
    return LineVariance(ours, theirs, due, billed, split)


def _split(ours: InvoiceLine, theirs: InvoiceLine, moved: Fraction, decimals: int) -> Split:
    change = theirs.amount(decimals) - ours.amount(decimals)
    if ours.type_code in TAX_TYPES:
        return Split(tax=change)
    parts = _parts(*_sides(ours, theirs), ours, theirs, moved, decimals)
    if any(abs(part) >= 10**_WHOLE_DIGITS for part in parts.values()):
        parts = _parts(ours.as_a_whole, theirs.as_a_whole, ours, theirs, Fraction(0), decimals)
    return Split(**parts, rounding=change - sum(parts.values(), Decimal(0)))


def _parts(
    before: Measured, after: Measured, ours: InvoiceLine, theirs: InvoiceLine, moved: Fraction, decimals: int
) -> dict[str, Decimal]:
    """Each part that is not the rest, rounded."""
    q, p, x = (
        (before.quantity, after.quantity),
        (before.price, after.price),
        (ours.exchange_rate, theirs.exchange_rate),
    )
    per_unit = _beside(p, x)
    return {
        "quantity": round_money((q[1] - q[0] - moved) * per_unit, decimals),
        "time_of_use": round_money(moved * per_unit, decimals),
        "price": round_money((p[1] - p[0]) * _beside(q, x), decimals),
        "exchange_rate": round_money((x[1] - x[0]) * _beside(q, p), decimals),
        "tax": theirs.tax(decimals) - ours.tax(decimals),
    }


def _beside(one: tuple[Fraction, Fraction], other: tuple[Fraction, Fraction]) -> Fraction:
    """The mean of the product of two factors, before and after, over the orders in which three factors may change."""
    return (one[0] * other[0] + one[1] * other[1]) / 3 + (one[0] * other[1] + one[1] * other[0]) / 6


@lru_cache(maxsize=256)
def common_unit(unit: str | None) -> tuple[Fraction, str]:
    """How many of the common unit one `unit` is, and its name: Wh for energy, any other as it is spelled."""
    spelled = (unit or "").strip()
    try:
        return Fraction(factor(spelled, Quantity.ENERGY)), "Wh"
    except UnitError:
        return Fraction(1), spelled.casefold()

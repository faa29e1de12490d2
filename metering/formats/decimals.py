"""Exact decimals from text, a column at a time."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

import polars as pl

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:(?P<separator>[,.'’\s])[0-9]{3})(?:(?P=separator)[0-9]{3})*(?:[.,][0-9]*)?")


def read_decimals(cells: pl.Series, factor: Decimal, kind: pl.Decimal) -> tuple[pl.Series, pl.Series]:
    """The numbers in `cells` times `factor`, and the cause of each cell that is refused.

    `factor` is a power of ten that is at least 1. Both series are as long as `cells`. An empty cell gives
    null and no cause; a refused one gives null and a cause. Decimals beyond those of `kind`, such as programs that
    count in binary write, are rounded half to even; a number that is too large for `kind` is refused.
    """
    power = factor.adjusted()
    whole, places = kind.precision - kind.scale - power, kind.scale + power
    texts = cells.str.strip_chars()
    causes = pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    # Zeros after the last place that fits cost nothing: the cast drops them exactly.
    plain = rf"^(?:[+-]?[0-9]{{1,{whole}}}(?:\.[0-9]{{1,{places}}}0*)?)?$"
    odd = texts.filter(~texts.str.contains(plain)).unique().to_list()
    if odd:
        # Exponents, leading zeros and bare points are read by exact arithmetic, once per spelling.
        read = {text: _plain_digits(text, whole, places) for text in odd}
        causes = texts.replace_strict(
            {text: cause for text, (_, cause) in read.items()}, default=None, return_dtype=pl.String
        )
        texts = texts.replace({text: digits for text, (digits, _) in read.items()})
    numbers = texts.set(texts == "", None).cast(pl.Decimal(38, places))
    if power == 0:
        return numbers.cast(kind), causes
    # A factor in Python's own decimals would import numpy to look at it.
    times = pl.lit(f"{factor:f}").cast(pl.Decimal(38, 0))
    return numbers.to_frame().select(pl.first() * times).to_series().cast(kind), causes


def _plain_digits(text: str, whole: int, places: int) -> tuple[str, str | None]:
    """The same number without exponent, or "" and the cause why there is none."""
    if not _NUMBER.fullmatch(text):
        return "", _not_a_number(text)
    too_many = f"too many digits: at most {whole} before the decimal point can be kept"
    try:
        number = Decimal(text)
    except InvalidOperation:  # the exponent itself is out of all bounds
        return "", too_many
    if not number.is_zero() and number.adjusted() >= whole:
        return "", too_many
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, Context(prec=38))
    # 999.9996 may become 1000.
    return (f"{rounded:f}", None) if rounded.adjusted() < max(whole, 1) else ("", too_many)


def _not_a_number(text: str) -> str:
    if _NOT_FINITE.fullmatch(text):
        return "not a finite number: leave the cell empty where nothing was measured"
    grouped, comma = _GROUPED.fullmatch(text), _COMMA.fullmatch(text)
    if grouped and comma:
        return "decimal comma or thousands separator: write digits with a decimal point and nothing else"
    if grouped:
        return "thousands separator: write digits with a decimal point and nothing else"
    if comma:
        return "decimal comma: write a decimal point"
    return "not a number"

"""The values of a Green Button feed as statements: scaled by powers of ten, placed in time, judged by their codes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from json import dumps
from typing import Final

import polars as pl

from metering.formats.canonical import SCHEMA, ProblemList
from metering.formats.decimals import read_decimals
from metering.formats.espi_feed import Entry, Feed, Resource, read_whole
from metering.formats.espi_series import Series
from metering.formats.statements import ESTIMATED, MEASURED, STATEMENTS

_SECOND: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES: Final = (-2_208_988_800, 253_370_764_800)  # years that Python and PostgreSQL both know
_TIME: Final = SCHEMA["reading_timestamp"]
_ENERGY: Final = SCHEMA["register_wh"]
_LENGTHS: Final = (1, 60, 300, 900, 1_800, 3_600)
_DAYS: Final = (82_800, 90_000)  # a local day with its change of clocks
# Valid, raw, validated, verified and revenue-quality values were measured. All others were edited (7), estimated (8,
# 9), are questionable (10), derived (11), projected (12), a mixture (13), adjusted for the weather (15), or something
# else (16): numbers, but not what the meter measured.
_QUALITIES: Final = dict.fromkeys((0, 14, 17, 18, 19), MEASURED) | dict.fromkeys(
    (7, 8, 9, 10, 11, 12, 13, 15, 16), ESTIMATED
)
_PLAIN_QUALITIES: Final = (0, 17, 18, 19)

_ABOUT: Final = pl.Schema(
    {
        "interval_block": pl.UInt32(),
        "channel": pl.UInt32(),
        "name": pl.String(),
        "currency": pl.String(),
        "is_register": pl.Boolean(),
        "power_of_ten": pl.Int32(),
        "interval_seconds": pl.Int64(),
        "default_quality": pl.String(),
        "block_start": pl.Int64(),
        "reported_at": pl.Int64(),
    }
)


def read_values(readings: pl.DataFrame, feed: Feed, series: dict[int, Series], problems: ProblemList) -> pl.DataFrame:
    """The values as statements of one interval each; those whose series is not known are left out."""
    blocks = readings["interval_block"].unique().sort().to_list()
    rows = [_about(place, feed.interval_blocks[place], series[place], problems) for place in blocks if place in series]
    values = (
        readings.join(pl.DataFrame(rows, _ABOUT, orient="row"), on="interval_block", maintain_order="left")
        .with_columns(
            seconds=pl.coalesce("duration", "interval_seconds"),
            start=pl.coalesce("start", pl.col("block_start") + pl.col("place") * pl.col("interval_seconds")),
            quality=pl.coalesce("quality", "default_quality", pl.lit("0")),
        )
        .with_columns(_scaled())
    )
    values = _with_ends(values)
    codes = {text: _quality(text) for text in values["quality"].unique().to_list()}
    causes = {
        "timePeriod": _cause_of_time(),
        "value": pl.when(pl.col("text").str.contains(",", literal=True)).then(
            pl.lit("not a number: write a decimal point and no separator")
        ),
        "quality": pl.when(pl.col("quality").is_in([text for text, code in codes.items() if code is None])).then(
            pl.lit("not a code of quality")
        ),
    }
    written = {"timePeriod": "start", "value": "value", "quality": "quality"}
    sound = pl.repeat(True, values.height, eager=True)
    for column, cause in causes.items():
        found = values.select("line", cause.alias("cause"), pl.col(written[column]).alias("text"))
        problems.add_all(found["line"], column, found["text"], found["cause"])
        sound &= found["cause"].is_null()
    values = values.filter(sound)
    assert isinstance(_ENERGY, pl.Decimal)
    registers, refused = read_decimals(values["text"].set(~values["is_register"], ""), Decimal(1), _ENERGY)
    problems.add_all(values["line"], "value", values["text"], refused)
    return values.select(
        "line",
        "channel",
        start=(pl.col("start") * _SECOND).cast(_TIME),
        seconds=pl.col("seconds").cast(pl.Int32),
        count=pl.lit(1, pl.UInt32),
        values=pl.when("is_register").then(pl.lit("")).otherwise("text"),
        factor=pl.lit(1, pl.Int64),
        register_wh=registers,
        quality=pl.col("quality").replace_strict(codes, default=None, return_dtype=pl.UInt8),
        note=_note(),
        parts=pl.lit(None, pl.String),
        reported_at=pl.col("reported_at").cast(_TIME),
    ).select(STATEMENTS.names())


def _about(place: int, block: Resource, series: Series, problems: ProblemList) -> tuple[object, ...]:
    """What holds for all values of a block, as a row of `_ABOUT`."""
    start = read_whole(block.said.get("interval.start", ""))
    length = series.interval_seconds
    if block.placed < block.readings:
        span = read_whole(block.said.get("interval.duration", ""))
        if block.placed:
            cause = f"{block.readings - block.placed} of its {block.readings} values have no time of their own"
            problems.add_whole(block.line, "timePeriod", "", cause)
        elif start is None or length is None:
            cause = "values without times of their own need the start of the block and the intervalLength of their type"
            problems.add_whole(block.line, "interval", "", cause)
        elif span != block.readings * length:
            cause = f"{block.readings} values of {length} s without times of their own do not fill it"
            problems.add_whole(block.line, "interval", f"{span} s", cause)
    return (
        place,
        series.channel,
        dumps(series.name, ensure_ascii=False)[1:-1],
        series.currency,
        series.is_register,
        series.power_of_ten,
        length,
        series.quality,
        start,
        _updated_at(block.entry, problems),
    )


def _updated_at(entry: Entry, problems: ProblemList) -> int | None:
    """Microseconds since 1970 of when the entry was updated; None where it does not say."""
    if not entry.updated:
        return None
    try:
        updated = datetime.fromisoformat(entry.updated)
        return (updated - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError):  # no time, or one without offset
        cause = "not a time with its offset, like 2024-01-31T13:45:00Z"
        problems.add_whole(entry.line, "updated", entry.updated, cause)
        return None


def _scaled() -> pl.Expr:
    """`text`: the value times the power of ten, exactly, in digits."""
    value, power = pl.col("value").fill_null(""), pl.col("power_of_ten")
    digits = value.str.strip_prefix("-")
    places = power.abs()
    padded = digits.str.zfill(places + 1)
    moved = pl.concat_str(
        pl.when(value.str.starts_with("-")).then(pl.lit("-")).otherwise(pl.lit("")),
        padded.str.head(-places.cast(pl.Int64)),
        pl.lit("."),
        padded.str.tail(places),
    )
    is_whole = value.str.contains(r"^-?[0-9]{1,20}$")
    return (
        pl.when((power == 0) | (value == ""))
        .then(value)
        .when(is_whole & (power < 0))
        .then(moved)
        .when(is_whole)
        .then(pl.concat_str(value, pl.lit("0").repeat_by(places).list.join("")))
        .otherwise(pl.format("{}e{}", value, power))
        .alias("text")
    )


def _with_ends(values: pl.DataFrame) -> pl.DataFrame:
    """The values, those of a register that are read at an instant in the second that ends there."""
    is_instant = pl.col("is_register") & ~pl.col("seconds").is_in(_LENGTHS).fill_null(value=False)
    ended = pl.col("start") + pl.coalesce("duration", pl.lit(0)) - 1
    return values.with_columns(
        start=pl.when(is_instant).then(ended).otherwise("start"),
        seconds=pl.when(is_instant).then(pl.lit(1, pl.Int64)).otherwise("seconds"),
    )


def _cause_of_time() -> pl.Expr:
    """Why a value has no place in time; null where it has one."""
    seconds = pl.col("seconds")
    known = ", ".join(str(length) for length in _LENGTHS)
    return (
        pl.when(pl.col("start").is_null())
        .then(pl.lit("nothing says when the interval starts"))
        .when(~pl.col("start").is_between(*_TIMES))
        .then(pl.lit("not a time between the years 1900 and 9999"))
        .when(seconds.is_null())
        .then(pl.lit("nothing says how long the interval is: neither timePeriod nor intervalLength"))
        .when(~(seconds.is_in(_LENGTHS) | seconds.is_between(*_DAYS)))
        .then(pl.lit(f"no interval that can be kept: {known} seconds or a day"))
    )


def _quality(text: str) -> int | None:
    """The worst of some codes of quality; None where one is none."""
    codes = [read_whole(code) for code in text.split(",")]
    qualities = [_QUALITIES.get(-1 if code is None else code) for code in codes]
    return None if None in qualities else max(quality for quality in qualities if quality is not None)


def _note() -> pl.Expr:
    """What a value says of itself, as members of a JSON object; null where it says nothing."""
    plain = [str(code) for code in _PLAIN_QUALITIES]
    cost = (pl.col("cost").cast(pl.Decimal(20, 0)) * pl.lit("0.00001").cast(pl.Decimal(20, 5))).cast(pl.Decimal(20, 5))
    told = {
        "quality": pl.when(~pl.col("quality").is_in(plain)).then("quality"),
        "consumption_tier": pl.col("consumption_tier"),
        "tou": pl.col("tou"),
        "cpp": pl.col("cpp"),
    }
    parts = [pl.format(',"{}_cost_{}":"{}"', "name", "currency", cost.cast(pl.String))]
    parts += [pl.format(f',"{{}}_{name}":"{{}}"', "name", text) for name, text in told.items()]
    note = pl.concat_str(parts, ignore_nulls=True)
    return pl.when(note != "").then(note)

"""Instants from written times, a column at a time: zones, clock changes, labels and the interval's grid."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

import polars as pl

import core.periods
from core.errors import PeriodError
from metering.formats.canonical import INTERVAL_SECONDS

_OFFSET: Final = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}(?::[0-5][0-9](?:\.[0-9]{1,6}0*)?)?"
_ISO: Final = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ]{_CLOCK}(?: ?{_OFFSET})?)?$"
_DATE_WIDTH: Final = 10
# Without its offset, an ISO time of this many characters has this layout; a wider one has a fraction.
_LAYOUTS: Final = {10: "%Y-%m-%d", 16: "%Y-%m-%d %H:%M", 19: "%Y-%m-%d %H:%M:%S"}
_FRACTION_LAYOUT: Final = "%Y-%m-%d %H:%M:%S%.f"
_DAY: Final = timedelta(days=1)
_NOON: Final = timedelta(hours=12)
_MICROSECOND: Final = timedelta(microseconds=1)
_WIDEST_OFFSET: Final = timedelta(hours=14)
# A day inside the years that Python and PostgreSQL both know, so that no offset leads out of them.
_FIRST_WALL, _LAST_WALL = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001 - faces of a clock
# Microseconds of one unit, and what a number of such units looks like.
_EPOCHS: Final = {
    "epoch": (10**6, r"^-?[0-9]{1,12}(?:\.[0-9]{1,6}0*)?$"),
    "epoch_ms": (10**3, r"^-?[0-9]{1,15}(?:\.[0-9]{1,3}0*)?$"),
}
_DIRECTIVES: Final = frozenset({"Y", "y", "m", "d", "b", "B", "H", "I", "M", "S", "f", "p", "z"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a source writes the time of a reading.

    `interval` is a name in `INTERVAL_SECONDS`; `label` says which end of the interval the time names;
    `time_zone`, an IANA name or an offset like -07:00, applies to times written without offset and cuts local
    days; `time_format` is a strftime pattern where times are not ISO 8601, or `epoch` or `epoch_ms`: seconds or
    milliseconds since 1970 in UTC.
    """

    interval: str
    label: str
    time_zone: str | None = None
    time_format: str | None = None

    def problems(self) -> list[str]:
        """What is wrong with this declaration, one sentence each."""
        found = []
        if self.interval not in INTERVAL_SECONDS:
            found.append(f"interval {self.interval!r} is unknown: known are {', '.join(INTERVAL_SECONDS)}")
        if self.label not in ("start", "end"):
            found.append(f"label {self.label!r} is unknown: a time names the start or the end of its interval")
        if self.time_zone is not None:
            found += _zone_problems(self.time_zone)
        elif (self.interval, self.label) == ("daily", "end"):
            found.append("daily readings labelled by their end need time_zone: some local days have no 24 hours")
        if self.time_format is not None and self.time_format not in _EPOCHS:
            found += _format_problems(self.time_format)
        return found


def read_times(cells: pl.Series, clock: Clock) -> tuple[pl.Series, pl.Series]:
    """The UTC start of the interval that each cell names, and the cause of each cell that is refused.

    Cells are text, or the dates and times of a typed column. Both series are as long as `cells`; of the two exactly
    one is null in each row.
    """
    zone = _declared(clock.time_zone)
    start = _start_of_day(clock, zone) if clock.interval == "daily" else _start_of_interval(clock, zone)
    return _read(cells, clock, start)


def read_instants(cells: pl.Series, clock: Clock) -> tuple[pl.Series, pl.Series]:
    """The instants that cells name on no grid, written as the clock writes; an empty cell names none, without cause."""
    zone = _declared(clock.time_zone)
    anywhere = replace(clock, interval="sec", label="start")
    instants, causes = _read(
        cells, anywhere, pl.coalesce(pl.col("wall") - pl.col("offset"), _to_utc(pl.col("wall"), zone))
    )
    written = cells.is_not_null() if cells.dtype != pl.String else cells.str.strip_chars() != ""
    return instants, causes.set(~written.fill_null(value=False), None)


def _read(cells: pl.Series, clock: Clock, start: pl.Expr) -> tuple[pl.Series, pl.Series]:
    """What `start` makes of each cell, in UTC, and the cause where it makes nothing."""
    zone = _declared(clock.time_zone)
    if cells.dtype == pl.String:
        times = _written(cells.str.strip_chars().fill_null(""), clock.time_format).with_columns(start=start)
    else:
        times = _typed(cells).with_columns(start=start)
    starts = times["start"].dt.replace_time_zone("UTC")
    if starts.null_count() == 0:
        return starts, pl.repeat(None, len(cells), dtype=pl.String, eager=True)
    return starts, times.select(pl.when(pl.col("start").is_null()).then(_cause(clock, zone))).to_series()


def lengths(starts: pl.Series, clock: Clock) -> pl.Series:
    """The seconds of the interval that begins at each start; a local day has those between its midnights."""
    zone = _declared(clock.time_zone)
    if clock.interval != "daily" or not isinstance(zone, str):
        return pl.repeat(INTERVAL_SECONDS[clock.interval], len(starts), dtype=pl.Int32, eager=True).alias("seconds")
    start = pl.col("start")
    # Where the clocks skip midnight a day starts at one o'clock; the next day is told from the calendar.
    day = start.dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.truncate("1d")
    following = _first_instant(day + _DAY, zone)
    return (
        pl.DataFrame({"start": starts})
        .select((following - start.dt.replace_time_zone(None)).dt.total_seconds().cast(pl.Int32).alias("seconds"))
        .to_series()
    )


def parse_offset(text: str) -> timedelta | None:
    """What Z, +hh, +hhmm or +hh:mm adds to UTC; None where no place on earth has that offset."""
    if not re.fullmatch(_OFFSET, text):
        return None
    digits = text[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if int(digits[2:]) > 59 or size > _WIDEST_OFFSET:
        return None
    return -size if text.startswith("-") else size


# --- what stands in the cells -------------------------------------------------------------------------------


def _written(texts: pl.Series, time_format: str | None) -> pl.DataFrame:
    """Columns `text`; `wall`, the face of the clock, null where it cannot be read; `offset`, null where there
    is none."""
    faces, offsets = _read_iso(texts) if time_format is None else _read_format(texts, time_format)
    known = {text: parse_offset(text) for text in offsets.unique() if text}
    times = pl.DataFrame({"text": texts, "wall": faces, "written": offsets}).with_columns(
        offset=pl.col("written").replace_strict(known, default=None, return_dtype=pl.Duration("us"))
        if known
        else pl.lit(None, pl.Duration("us"))
    )
    # A time whose offset cannot be read is unreadable: it must not fall back to the declared zone. Years are
    # bounded so that no offset leads out of the calendar.
    readable = pl.col("wall").is_between(_FIRST_WALL, _LAST_WALL) & (
        (pl.col("written") == "") | pl.col("offset").is_not_null()
    )
    return times.select("text", "offset", wall=pl.when(readable).then("wall"))


def _typed(cells: pl.Series) -> pl.DataFrame:
    """The same columns for a column of dates or times. What stands beyond the microsecond cannot be read."""
    zone = cells.dtype.time_zone if isinstance(cells.dtype, pl.Datetime) else None
    if zone is not None:
        cells = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    walls = cells.cast(pl.Datetime("us"))
    if isinstance(cells.dtype, pl.Datetime) and cells.dtype.time_unit == "ns":
        walls = walls.set((cells.to_physical() % 1000 != 0).fill_null(value=False), None)
    offset = None if zone is None else timedelta(0)
    readable = walls.is_between(_FIRST_WALL, _LAST_WALL)
    return pl.DataFrame({"text": cells.cast(pl.String).fill_null(""), "wall": walls.set(~readable, None)}).select(
        "text", pl.lit(offset, pl.Duration("us")).alias("offset"), "wall"
    )


def _read_iso(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Faces of the clock and texts of the offsets, "" where none is written."""
    iso = texts.str.contains(_ISO)
    if not iso.all():
        texts = texts.set(~iso, "")
    offset_at = texts.str.slice(_DATE_WIDTH).str.find(r" ?[Z+-]") + _DATE_WIDTH
    frame = pl.DataFrame({"text": texts, "width": offset_at.fill_null(texts.str.len_bytes())}).select(
        "width",
        face=pl.col("text").str.slice(0, pl.col("width")).str.replace("T", " ", literal=True),
        offset=pl.col("text").str.slice(pl.col("width")).str.strip_chars_start(" "),
    )
    faces = [
        pl.when(pl.col("width") == width)
        .then("face")
        .str.to_datetime(_LAYOUTS.get(width, _FRACTION_LAYOUT), time_unit="us", strict=False, cache=False)
        for width in frame["width"].unique().to_list() or [0]
    ]
    return frame.select(pl.coalesce(faces)).to_series(), frame["offset"]


def _read_format(texts: pl.Series, time_format: str) -> tuple[pl.Series, pl.Series]:
    """The same for times written by a strftime pattern, whose %z can only be the last directive, or as epochs."""
    if time_format in _EPOCHS:
        unit, number = _EPOCHS[time_format]
        numbers = texts.set(~texts.str.contains(number), None).cast(pl.Decimal(30, 6))
        return (numbers * unit).cast(pl.Int64).cast(pl.Datetime("us")), pl.repeat("Z", len(texts), eager=True)
    layout = time_format.strip().replace(".%f", "%.f")
    if layout.endswith("%z"):
        layout = layout.removesuffix("%z").rstrip()
        offsets = texts.str.extract(rf"({_OFFSET})$").fill_null("")
        texts = texts.str.replace(rf"\s*{_OFFSET}$", "")
    else:
        offsets = pl.repeat("", len(texts), dtype=pl.String, eager=True)
    return texts.str.to_datetime(layout, time_unit="us", strict=False, cache=False), offsets


# --- from the face of a clock to an instant -----------------------------------------------------------------
# Instants are kept as naive UTC inside this module: zones are converted only where one is declared.


def _start_of_interval(clock: Clock, zone: str | timedelta | None) -> pl.Expr:
    """The start of the interval of less than a day that each row names; null where it is refused."""
    length = timedelta(seconds=INTERVAL_SECONDS[clock.interval])
    instant = pl.coalesce(pl.col("wall") - pl.col("offset"), _to_utc(pl.col("wall"), zone))
    on_grid = _local(zone).to_physical() % (length // _MICROSECOND) == 0
    return pl.when(on_grid).then(instant - length if clock.label == "end" else instant)


def _start_of_day(clock: Clock, zone: str | timedelta | None) -> pl.Expr:
    """The first instant of the local day that each row names; null where it is refused."""
    day = _local(zone).dt.truncate("1d")
    on_grid = (
        pl.when(pl.col("offset").is_null())
        .then(pl.col("wall") == day)
        .otherwise(pl.col("wall") - pl.col("offset") == _first_instant(day, zone))
    )
    return pl.when(on_grid).then(_first_instant(day - _DAY if clock.label == "end" else day, zone))


def _local(zone: str | timedelta | None) -> pl.Expr:
    """What a clock in the declared zone shows; without one, what stands in the file."""
    utc = pl.col("wall") - pl.col("offset")
    if zone is None:
        return pl.col("wall")
    if isinstance(zone, timedelta):
        return pl.coalesce(utc + zone, pl.col("wall"))
    return pl.coalesce(
        utc.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None), pl.col("wall")
    )


def _to_utc(wall: pl.Expr, zone: str | timedelta | None, repeated: Literal["null", "earliest"] = "null") -> pl.Expr:
    """The instant at which a clock in the zone shows `wall`; null where it never does and, by default, where
    it does so twice."""
    if zone is None:
        return pl.lit(None, pl.Datetime("us"))
    if isinstance(zone, timedelta):
        return wall - zone
    zoned = wall.dt.replace_time_zone(zone, ambiguous=repeated, non_existent="null")
    return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _first_instant(day: pl.Expr, zone: str | timedelta | None) -> pl.Expr:
    """The first instant of a local day. Where the clocks skip midnight, that is the end of the skipped hour:
    midnight by the offset of the noon before."""
    if zone is None:
        return day - pl.col("offset")
    return pl.coalesce(_to_utc(day, zone, "earliest"), _to_utc(day - _NOON, zone, "earliest") + _NOON)


def _cause(clock: Clock, zone: str | timedelta | None) -> pl.Expr:
    """Why a row without start is refused."""
    expected = (
        "an ISO 8601 time like 2024-01-31 13:45:00+00:00"
        if clock.time_format is None
        else f"a time written as {clock.time_format}"
    )
    naive = pl.col("offset").is_null()
    cause = (
        pl.when(pl.col("text") == "")
        .then(pl.lit("no time"))
        .when(pl.col("wall").is_null())
        .then(pl.lit(f"not {expected}"))
    )
    if zone is None:
        cause = cause.when(naive).then(pl.lit("no offset is written and no time_zone is declared"))
    elif clock.interval != "daily":
        cause = (
            cause.when(naive & _to_utc(pl.col("wall"), zone, "earliest").is_null())
            .then(pl.lit(f"never happens in {clock.time_zone}, where the clocks skip it: write offsets"))
            .when(naive & _to_utc(pl.col("wall"), zone).is_null())
            .then(pl.lit(f"happens twice in {clock.time_zone}, where the clocks go back: write offsets"))
        )
    return cause.otherwise(pl.lit(f"not on the local {clock.interval} grid"))


# --- the declaration ----------------------------------------------------------------------------------------


def _declared(time_zone: str | None) -> str | timedelta | None:
    """A fixed offset, the name of a zone, or None."""
    if time_zone is None:
        return None
    fixed = parse_offset(time_zone)
    return time_zone if fixed is None else fixed


def _zone_problems(time_zone: str) -> list[str]:
    if parse_offset(time_zone) is not None:
        return []
    try:
        core.periods.zone(time_zone)
        pl.Series([_FIRST_WALL]).dt.replace_time_zone(time_zone)
    except PeriodError as error:
        return [f"time_zone: {error} (or an offset like -07:00)"]
    except pl.exceptions.ComputeError:
        return [f"time_zone {time_zone!r} has no clock: write an IANA name, like America/Denver"]
    return []


def _format_problems(time_format: str) -> list[str]:
    """A pattern must name a whole date, and only what is read the same everywhere."""
    directives = re.findall(r"%(.?)", time_format)
    problems = []
    if unknown := sorted({f"%{found}" for found in directives if found not in _DIRECTIVES}):
        problems.append(f"time_format {time_format!r}: {', '.join(unknown)} cannot be read")
    if len(directives) != len(set(directives)):
        problems.append(f"time_format {time_format!r} names something twice")
    if not all(any(found in directives for found in part) for part in ("Yy", "mbB", "d")):
        problems.append(f"time_format {time_format!r} needs year, month and day")
    if ("I" in directives) != ("p" in directives):
        problems.append(f"time_format {time_format!r}: %I and %p need each other")
    if "z" in directives and not time_format.strip().endswith("%z"):
        problems.append(f"time_format {time_format!r}: %z must come last")
    if "f" in directives and ".%f" not in time_format:
        problems.append(f"time_format {time_format!r}: %f must follow a point")
    return problems

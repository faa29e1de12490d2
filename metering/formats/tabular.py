"""Rows of declared columns to canonical readings: what delimited text, JSON, Parquet and workbooks have in common."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from core.units import Quantity, factor
from metering.formats.canonical import LONGEST_DEVICE_ID, MEASURES, SCHEMA, Block, ProblemList, Rejected, noted
from metering.formats.decimals import read_decimals
from metering.formats.mapping import ColumnMapping
from metering.formats.registers import Registers
from metering.formats.repeats import Seen
from metering.formats.timestamps import lengths, read_instants, read_times


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a file.

    `lines` numbers them as a person would find them: physical lines of text, rows of a sheet, or counted from 1;
    `cells` has the declared columns, as text or as a typed file holds them; `written`, with `line` and `text`, is how
    rows stood in the file, above all those that could not be cut into cells, or None where they were no text.
    """

    lines: pl.Series
    cells: pl.DataFrame
    written: pl.DataFrame | None = None


def read_rows(tables: Iterator[Rows], mapping: ColumnMapping, problems: ProblemList) -> Iterator[Block]:
    """The readings of the rows, as `mapping` declares them; `BadFile` at the end, with every problem found."""
    differenced = mapping.register is not None and mapping.energy is None
    registers = Registers(mapping.wraps_at_wh) if differenced else None
    with Seen(_compared(mapping)) as seen:
        for rows in tables:
            readings = _readings(rows, mapping, problems)
            repeated = 0
            if not readings.is_empty():
                readings, repeated = _without_repeats(readings, seen, mapping, problems)
            rejected = _with_raw(problems, rows)
            if problems:
                continue
            if registers is not None:
                readings = registers.energies(readings)
            if rejected or repeated or not readings.is_empty():
                yield Block(readings, repeated, rejected)
    problems.refuse_if_any()
    rest = SCHEMA.to_frame() if registers is None else registers.rest()
    rejected = _with_raw(problems, None)
    if rejected or not rest.is_empty():
        yield Block(rest, 0, rejected)


def _readings(rows: Rows, mapping: ColumnMapping, problems: ProblemList) -> pl.DataFrame:
    """The readings of the rows without problem, with `SCHEMA`."""
    lines, cells = rows.lines, rows.cells
    good = pl.repeat(value=True, n=len(lines), dtype=pl.Boolean, eager=True)

    def kept(name: str, values: pl.Series, causes: pl.Series) -> pl.Series:
        nonlocal good
        problems.add_all(lines, name, cells[name], causes)
        good &= causes.is_null()
        return values

    starts = kept(mapping.time_column, *read_times(cells[mapping.time_column], mapping.clock))
    columns = {"line": lines, "reading_timestamp": starts, "seconds": lengths(starts, mapping.clock)}
    for quantity, (name, unit) in mapping.measured.items():
        column, kind = MEASURES[quantity]
        columns[column] = kept(name, *read_decimals(as_text(cells[name]), factor(unit, quantity), kind))
    if mapping.register is not None:
        name, unit = mapping.register
        values, causes = read_decimals(
            as_text(cells[name]), factor(unit, Quantity.ENERGY), MEASURES[Quantity.ENERGY][1]
        )
        if mapping.wraps_at_wh is not None:
            causes = _beyond(values, causes, mapping)
        columns["register_wh"] = kept(name, values, causes)
    if (device := mapping.device_column) is not None:
        devices = as_text(cells[device]).str.strip_chars()
        columns["external_device_id"] = kept(device, devices.set(devices == "", None), _too_long(devices))
    if (reported := mapping.reported_column) is not None:
        columns["reported_at"] = kept(reported, *read_instants(cells[reported], mapping.clock))
    if mapping.others:
        columns["other_metrics"] = _as_json(cells.select(mapping.others))
    declared = None
    if (quality := mapping.quality_column) is not None:
        declared = kept(quality, *_qualities(as_text(cells[quality]).str.strip_chars(), mapping))

    absent = [pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items() if name not in columns]
    readings = pl.DataFrame(columns).with_columns(absent)
    readings = readings if declared is None else _judged(readings, declared)
    nothing = pl.col("energy_wh").is_null() & pl.col("power_w").is_null()
    if mapping.register is not None and mapping.energy is None:
        nothing &= pl.col("register_wh").is_null()
    otherwise = pl.lit("measured") if declared is None else pl.col("quality")
    judged = pl.when(nothing).then(pl.lit("missing")).otherwise(otherwise)
    readings = readings.with_columns(quality=judged).select(SCHEMA.names())
    return readings if good.all() else readings.filter(good)


def as_text(cells: pl.Series) -> pl.Series:
    """Cells as text, "" for none; floats in their shortest decimal form."""
    texts = cells if cells.dtype == pl.String else cells.cast(pl.String)
    return texts.fill_null("")


def _beyond(values: pl.Series, causes: pl.Series, mapping: ColumnMapping) -> pl.Series:
    """Refuses what a register that wraps can never show."""
    outside = ((values < 0) | (values >= mapping.wraps_at_wh)).fill_null(value=False)
    cause = pl.lit(f"the register shows 0 to less than {mapping.register_wraps_at}, as declared")
    return pl.select(pl.when(outside).then(cause).otherwise(causes)).to_series()


def _too_long(devices: pl.Series) -> pl.Series:
    cause = pl.lit(f"a device id has at most {LONGEST_DEVICE_ID} characters")
    return pl.select(pl.when(devices.str.len_chars() > LONGEST_DEVICE_ID).then(cause)).to_series()


def _qualities(written: pl.Series, mapping: ColumnMapping) -> tuple[pl.Series, pl.Series]:
    qualities = written.replace_strict(mapping.qualities, default=None, return_dtype=pl.String)
    cause = pl.lit(f"quality not declared: declared are {', '.join(map(repr, mapping.qualities))}")
    return qualities, pl.select(pl.when(qualities.is_null()).then(cause)).to_series()


def _judged(readings: pl.DataFrame, declared: pl.Series) -> pl.DataFrame:
    """The readings with their declared quality. A value that the source calls missing is none: it is only noted."""
    readings = readings.with_columns(declared.alias("quality"))
    missing = pl.col("quality") == "missing"
    if not readings.select(missing.any()).item():
        return readings
    for name in ("energy_wh", "power_w", "register_wh"):
        written = pl.concat_str(pl.lit(f'"{name}":"'), pl.col(name).cast(pl.String), pl.lit('"'))
        readings = readings.with_columns(
            noted(pl.when(missing).then(written)), pl.when(~missing).then(name).alias(name)
        )
    return readings


def _as_json(cells: pl.DataFrame) -> pl.Series:
    """A JSON object of each row's cells as text, empty ones left out; null where all are."""
    entries: list[pl.Series] = []
    for name in cells.columns:
        text = as_text(cells[name]).str.strip_chars()
        entry = pl.DataFrame({name: text}).select(pl.struct(name).struct.json_encode()).to_series()
        # {"name":"value"} without its braces.
        entries.append(entry.str.slice(1).str.head(-1).set(text == "", None).alias(str(len(entries))))
    joined = pl.DataFrame(entries).select(pl.concat_str(pl.all(), separator=",", ignore_nulls=True)).to_series()
    return pl.select(pl.when(joined != "").then(pl.concat_str(pl.lit("{"), joined, pl.lit("}")))).to_series()


def _without_repeats(
    readings: pl.DataFrame, seen: Seen, mapping: ColumnMapping, problems: ProblemList
) -> tuple[pl.DataFrame, int]:
    """The readings that no earlier line gives, and how many it gives alike; one that contradicts is a problem."""
    again = seen.again(readings)
    if again.is_empty():
        return readings, 0
    other = again.filter(~pl.col("same")).sort("line")
    cause = pl.format("line {} has other values for the same device and time", "first_line")
    problems.add_all(
        other["line"],
        mapping.time_column,
        other["reading_timestamp"].dt.to_string("%Y-%m-%d %H:%M:%SZ"),
        other.select(cause).to_series(),
    )
    first = readings.filter(~pl.col("line").is_in(again["line"].implode()))
    return first, again.height - other.height


def _compared(mapping: ColumnMapping) -> list[str]:
    """What makes two readings of one device and time the same or not."""
    columns = [MEASURES[quantity][0] for quantity in mapping.measured]
    columns += ["register_wh"] * (mapping.register is not None)
    columns += ["quality"] * (mapping.quality_column is not None)
    return columns + ["other_metrics"] * bool(mapping.others or mapping.quality_column)


def _with_raw(problems: ProblemList, rows: Rows | None) -> tuple[Rejected, ...]:
    """What was wrong with rows since the last block, beside those rows as they were written."""
    found = problems.take_rejected()
    if not found:
        return ()
    lines = {problem.line for problem in found}
    raw: dict[int, str] = {}
    if rows is not None and rows.written is not None:
        raw.update(rows.written.filter(pl.col("line").is_in(lines)).select("line", "text").iter_rows())
    if rows is not None and not lines <= raw.keys():
        unwritten = rows.lines.is_in(lines - raw.keys())
        cells = rows.cells.filter(unwritten).iter_rows(named=True)
        texts = (json.dumps(row, default=str, ensure_ascii=False) for row in cells)
        raw.update(zip(rows.lines.filter(unwritten), texts, strict=True))
    return tuple(Rejected(problem, raw.get(problem.line, problem.value)) for problem in found)

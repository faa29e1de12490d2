"""From statements of channels to readings: the values of a block are cut, checked and put together by column."""

from decimal import Decimal
from typing import Final

import polars as pl

from metering.formats.canonical import SCHEMA, ProblemList
from metering.formats.decimals import read_decimals
from metering.formats.statements import ESTIMATED, MEASURED, MISSING, QUALITIES, Columns, shown

_ENERGY: Final = SCHEMA["energy_wh"]
_SUM: Final = pl.Decimal(38, 9)  # what no sum of a few channels outgrows
_NOTHING: Final = pl.lit("0").cast(_SUM)
_LARGEST: Final = pl.lit("1000000000000000").cast(pl.Decimal(38, 0))  # the first number that `energy_wh` cannot hold
_PARTS: Final = pl.List(pl.Struct({"count": pl.UInt32, "quality": pl.UInt8, "note": pl.String}))


class Intervals:
    """Reads the values of statements that `read_roles` said the roles of.

    `signed` says that the file may write negative energy.
    """

    def __init__(self, problems: ProblemList, columns: Columns, *, signed: bool) -> None:
        self._problems = problems
        self._columns = columns
        self._signed = signed

    def readings(self, statements: pl.DataFrame) -> pl.DataFrame:
        """One reading for each device and time, with `SCHEMA`. All devices have the same number of channels."""
        at_once = statements.group_by("device", "start", maintain_order=True).agg(
            pl.col("device_name", "seconds", "count", "terms", "head").first(),
            pl.col("reported_at").max(),
            line=pl.coalesce(
                pl.col("line").filter(pl.col("sign").is_not_null() | pl.col("is_power")).min(), pl.col("line").min()
            ),
        )
        channels = []
        for place in range(statements["device_channels"][0]):
            given = statements.filter(pl.col("place") == place).drop("device_name", "seconds", "count", "terms", "head")
            aligned = at_once.select("device", "start", "count").join(
                given, on=["device", "start"], how="left", maintain_order="left"
            )
            # Where a channel says nothing of a time at which others do, its values are missing.
            channels.append(
                self.read(
                    aligned.with_columns(
                        pl.coalesce("values", pl.lit(",").repeat_by(pl.col("count") - 1).list.join("")),
                        pl.col("factor").fill_null(1),
                        pl.col("quality").fill_null(MISSING),
                    )
                ).select(pl.all().name.suffix(f"_{place}"))
            )
        times = at_once.with_columns(place=pl.int_ranges(0, "count")).explode("place")
        return self._joined(pl.concat([times, *channels], how="horizontal"), len(channels))

    def _joined(self, flat: pl.DataFrame, channels: int) -> pl.DataFrame:
        """The readings of a frame that holds each channel's values in columns of their own."""
        every = range(channels)
        known = pl.sum_horizontal(pl.col(f"energy_{place}").is_not_null() for place in every)
        registers = pl.sum_horizontal(pl.col(f"register_{place}").is_not_null() for place in every)
        has_terms = pl.col("terms") > 0
        readings = flat.select(
            "line",
            "seconds",
            "reported_at",
            reading_timestamp=pl.col("start") + pl.duration(seconds=pl.col("place") * pl.col("seconds")),
            # A sum of which a term is missing is missing.
            energy_wh=pl.when(has_terms & (known == pl.col("terms"))).then(_sum("energy", channels)),
            power_w=pl.coalesce(pl.col(f"power_{place}") for place in every),
            register_wh=pl.when(has_terms & (registers == pl.col("terms"))).then(_sum("register", channels)),
            external_device_id="device_name",
            is_estimated=pl.any_horizontal(pl.col(f"is_estimated_{place}") for place in every),
            other_metrics=pl.concat_str(
                "head", *(pl.col(f"metrics_{place}") for place in every), pl.lit("}"), ignore_nulls=True
            ),
        )
        too_large = pl.any_horizontal(pl.col("energy_wh", "register_wh").abs() >= _LARGEST).fill_null(value=False)
        for line, start in readings.filter(too_large).select("line", "reading_timestamp").iter_rows():
            cause = "the channels add up to more digits than can be kept"
            self._problems.add(line, self._columns.time, shown(start), cause)
        quality = (
            pl.when(pl.all_horizontal(pl.col("energy_wh", "power_w", "register_wh").is_null()))
            .then(pl.lit(QUALITIES[MISSING]))
            .when("is_estimated")
            .then(pl.lit(QUALITIES[ESTIMATED]))
            .otherwise(pl.lit(QUALITIES[MEASURED]))
        )
        return readings.with_columns(
            pl.col("energy_wh", "register_wh").cast(_ENERGY, strict=False),
            irradiance_wm2=pl.lit(None, SCHEMA["irradiance_wm2"]),
            temperature_c=pl.lit(None, SCHEMA["temperature_c"]),
            quality=quality,
        ).select(SCHEMA.names())

    def read(self, statements: pl.DataFrame) -> pl.DataFrame:
        """What each interval of the statements adds to a reading. Records a problem for each value that is none."""
        flat = pl.concat([_cut(statements), _qualities(statements)], how="horizontal")
        values, causes = _read_numbers(flat)
        if not self._signed and (values < 0).any():
            cause = pl.lit("energy is never negative here: the channel says its direction")
            is_negative = pl.col("is_energy") & (values < 0)
            causes = flat.select(pl.when(is_negative).then(cause).otherwise(causes)).to_series()
        if causes.null_count() < flat.height:
            refused = flat.select("line", "interval", "text", cause=causes).drop_nulls("cause")
            for line, interval, text, cause in refused.iter_rows():
                self._problems.add(line, self._columns.value.format(interval), text, cause)
        is_known = (flat["quality"] != MISSING) & (flat["text"] != "")
        values = values.set(~is_known, None)
        signs = flat["sign"]
        is_term = signs.is_not_null()
        counts = is_known | flat["register_wh"].is_not_null()
        return flat.select(
            energy=_signed(values, signs),
            power=pl.when("is_power").then(values),
            register=_signed(flat["register_wh"], signs),
            is_estimated=(pl.col("quality") == ESTIMATED) & counts & (is_term | pl.col("is_power")),
            metrics=_metrics(flat, values),
        )


# --- columns of values --------------------------------------------------------------------------------------


def _cut(statements: pl.DataFrame) -> pl.DataFrame:
    """A row for each interval, with its number, from 1, and the text of its value."""
    cells = pl.col("values")
    if statements["values"].str.contains(r"\s").any():
        cells = cells.str.strip_chars().str.replace_all(r"\s*,\s*", ",")
    return statements.select(
        "line",
        "sign",
        "is_energy",
        "is_power",
        "member",
        "factor",
        "register_wh",
        interval=pl.int_ranges(1, pl.col("count").cast(pl.Int32) + 1),
        text=cells.str.split(","),
    ).explode("interval", "text")


def _qualities(statements: pl.DataFrame) -> pl.DataFrame:
    """Quality and note of each interval."""
    runs = statements.select("count", "quality", "note", "parts")
    if runs["parts"].null_count() < runs.height:
        whole = pl.concat_list(pl.struct("count", "quality", "note"))
        runs = (
            runs.select(part=pl.coalesce(pl.col("parts").str.json_decode(_PARTS), whole)).explode("part").unnest("part")
        )
    return runs.select(pl.col("quality", "note").repeat_by("count")).explode("quality", "note")


def _read_numbers(flat: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """The value of each row in Wh, W or its own unit, and the causes of those that are none."""
    assert isinstance(_ENERGY, pl.Decimal)
    factors = flat["factor"].unique().sort().to_list() or [1]
    if len(factors) == 1:
        return read_decimals(flat["text"], Decimal(factors[0]), _ENERGY)
    numbered = flat.select("factor", "text").with_row_index()
    read = []
    for factor in factors:
        rows = numbered.filter(pl.col("factor") == factor)
        values, causes = read_decimals(rows["text"], Decimal(factor), _ENERGY)
        read.append(rows.select("index", value=values, cause=causes))
    ordered = pl.concat(read).sort("index")
    return ordered["value"], ordered["cause"]


def _signed(values: pl.Series, signs: pl.Series) -> pl.Series:
    """The values of terms, with their signs, in the digits of a sum; null for what is no term."""
    if values.null_count() == len(values) or signs.null_count() == len(signs):
        return pl.repeat(None, len(values), dtype=_SUM, eager=True)
    if (signs == 1).all(ignore_nulls=False):
        return values.cast(_SUM)
    value = pl.col("value").cast(_SUM)
    chosen = pl.when(pl.col("sign") < 0).then(-value).when(pl.col("sign") > 0).then(value)
    return pl.DataFrame({"value": values, "sign": signs}).select(chosen).to_series()


def _metrics(flat: pl.DataFrame, values: pl.Series) -> pl.Expr:
    """What goes to `other_metrics`, as members of a JSON object; null where nothing does."""
    has_notes = flat["note"].null_count() < flat.height
    if flat["member"].null_count() == flat.height:
        return pl.col("note") if has_notes else pl.lit(None, pl.String)
    told = pl.col("text")
    in_stored_units = flat["is_energy"] | flat["is_power"]
    if in_stored_units.any():
        # Energy and power are told in Wh and W, everything else as it was written.
        plain = values.cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
        told = pl.when(in_stored_units).then(plain).otherwise(told)
    member = pl.when(values.is_not_null()).then(pl.concat_str(pl.lit(',"'), "member", pl.lit('":"'), told, pl.lit('"')))
    return pl.concat_str(member, "note", ignore_nulls=True) if has_notes else member


def _sum(name: str, channels: int) -> pl.Expr:
    """The sum of a column of all channels, where null counts for nothing."""
    terms = [pl.col(f"{name}_{place}") for place in range(channels)]
    if channels == 1:
        return terms[0]
    total = terms[0].fill_null(_NOTHING)
    for term in terms[1:]:
        total += term.fill_null(_NOTHING)
    return total.cast(_SUM)

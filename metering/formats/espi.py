"""Green Button files (NAESB ESPI, an Atom feed): bytes in, canonical readings out.

Entries name each other by links: a UsagePoint has MeterReadings, each of these has a ReadingType, which says what its
numbers are, and IntervalBlocks, which hold them. Entries come in any order, so that values wait in a temporary file
until the feed has ended. `espi_feed` reads the entries, `espi_series` follows their links, `espi_values` reads the
numbers.

Source: NAESB REQ.21, usage.xsd. Times are seconds since 1970, UTC; the local time of a feed is for display alone.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final

from metering.formats.assembly import Assembly
from metering.formats.canonical import Block, ProblemList
from metering.formats.channels import Channels
from metering.formats.espi_feed import Feed, read_feed
from metering.formats.espi_series import Graph
from metering.formats.espi_values import read_values
from metering.formats.registers import Registers
from metering.formats.statements import Columns

_BLOCK_READINGS: Final = 2**15


def parse(
    stream: BinaryIO, mapping: Channels, file_name: str, *, block_readings: int = _BLOCK_READINGS
) -> Iterator[Block]:
    """The readings of a Green Button file: a device is a UsagePoint, a channel is a MeterReading.

    The device's id is that of its entry. A channel is named by the direction of its flow (delivered, received, net or
    total), and by its MeterReading too where several flow alike. `reported_at` is when its entry was updated: of
    intervals that are there twice the later ones win. Values of a cumulative register become energy as `Registers`
    says. The whole file is read even when something is wrong with it: no block follows the first problem, and
    `BadFile` ends the iteration. Memory grows by some hundred bytes for each entry.
    """
    problems = ProblemList(file_name)
    columns = Columns(channel="flowDirection", time="timePeriod", value="value")
    with Feed() as feed, Assembly(mapping, problems, columns, signed=True) as assembly:
        read_feed(stream, feed, problems, block_readings)
        series = Graph(feed, problems).series(assembly)
        for frame in feed.readings():
            assembly.add(read_values(frame, feed, series, problems))
        if not problems and feed.readings_found == 0:
            problems.add_whole(1, None, "", "the file holds no readings")
        blocks = assembly.blocks(block_readings)
        yield from _with_energies(blocks) if any(one.is_register for one in series.values()) else blocks
    problems.refuse_if_any()


def _with_energies(blocks: Iterator[Block]) -> Iterator[Block]:
    """The blocks with the energies of cumulative registers."""
    registers = Registers(None)
    for block in blocks:
        yield Block(registers.energies(block.readings), block.repeated)
    yield Block(registers.rest(), 0)

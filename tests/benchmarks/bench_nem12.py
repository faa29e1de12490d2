"""How fast NEM12 files are read, and in how much memory, against nemreader.

    python -m tests.benchmarks.bench_nem12 [rounds] [days ...]

Each reads the same made file in a process of its own, one after the other in each round, so that a busy machine slows
all alike; a ratio is the median over the rounds. nemreader gives objects, and from them a frame, which is what ours
gives: objects are the harder peer. `days` is how many days of 48 values a file has: 20,834 are a million values.
Half of the values are energy and half reactive energy of the same meters; every tenth day varies in quality.

Memory is the peak of the whole process, interpreter and libraries included. What the file itself takes is that peak
beyond the one of a process that has read a file of two days.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from metering.formats.channels import Channels
from metering.formats.mdff import parse_nem12

_VALUES = 48
_DAYS_OF_METER = 730


def make_file(path: Path, days: int) -> None:
    """A NEM12 file of about as many days, with a comma and a value of three decimals for each half hour."""
    with path.open("w", encoding="ascii", newline="\r\n") as file:
        file.write("100,NEM12,202401010000,MDP1,Retailer1\n")
        for meter in range(-(-days // (2 * _DAYS_OF_METER))):
            for register, (suffix, unit) in enumerate([("E1", "kWh"), ("Q1", "kVArh")], 1):
                file.write(f"200,6{meter:09},E1Q1,{register},{suffix},N{register},METSER{meter},{unit},30,\n")
                for day in range(min(_DAYS_OF_METER, days // 2 - meter * _DAYS_OF_METER)):
                    values = ",".join(
                        f"{(day * 7 + place * 131 + meter) % 4999 / 1000:.3f}" for place in range(_VALUES)
                    )
                    written = date(2022, 1, 1) + timedelta(days=day)
                    varies = day % 10 == 9
                    file.write(f"300,{written:%Y%m%d},{values},{'V' if varies else 'A'},,,{written:%Y%m%d}235959,\n")
                    if varies:
                        file.write("400,1,40,A,,\n400,41,48,S14,32,\n")
        file.write("900\n")


def read_here(path: Path) -> tuple[int, Decimal]:
    """How many values the file has by our reading, and the energy in kWh."""
    values, energy_wh = 0, Decimal(0)
    with path.open("rb") as stream:
        for block in parse_nem12(stream, Channels(), path.name):
            values += block.readings.height + int(block.readings["other_metrics"].str.contains("Q1_kvarh").sum())
            energy_wh += sum(block.readings["energy_wh"].drop_nulls().to_list(), Decimal(0))
    return values, energy_wh / 1000


def read_with_nemreader(path: Path) -> tuple[int, Decimal]:
    """The same by nemreader's own objects, whose values are floats."""
    from nemreader import NEMFile  # brings pandas, whose memory is its own

    channels = [channel for nmi in NEMFile(str(path)).nem_data().readings.values() for channel in nmi.items()]
    energy_kwh: float = sum(reading.read_value for name, readings in channels if name == "E1" for reading in readings)
    return sum(len(readings) for _, readings in channels), Decimal(f"{energy_kwh:.3f}")


def read_with_nemreader_frame(path: Path) -> tuple[int, Decimal]:
    """The same by nemreader's frame: columns, as ours are."""
    from nemreader import NEMFile  # brings pandas, whose memory is its own

    frame = NEMFile(str(path)).get_data_frame()
    assert frame is not None
    return len(frame), Decimal(f"{frame['value'][frame['suffix'] == 'E1'].sum():.3f}")


_READERS: Final[dict[str, Callable[[Path], tuple[int, Decimal]]]] = {
    "ours": read_here,
    "nemreader": read_with_nemreader,
    "nemreader, frame": read_with_nemreader_frame,
}


def peak_mb() -> float:
    """The most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(reader: str, small: Path, path: Path) -> None:
    """Prints seconds, peak memory in MB before and after, values and kWh of one reading of the file."""
    _READERS[reader](small)
    before = peak_mb()
    started = time.perf_counter()
    values, energy_kwh = _READERS[reader](path)
    seconds = time.perf_counter() - started
    print(seconds, before, peak_mb(), values, f"{energy_kwh:.3f}")  # noqa: T201


@dataclass(frozen=True)
class Taken:
    """What one reading of the file took, and what it found."""

    seconds: float
    before_mb: float
    peak_mb: float
    told: tuple[int, str]

    @property
    def own_mb(self) -> float:
        """What the file took beyond the program."""
        return max(self.peak_mb - self.before_mb, 1)


def measured(reader: str, small: Path, path: Path) -> Taken:
    """What `measure` prints, in a new process."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_nem12", reader, str(small), str(path)]
    seconds, before, peak, values, energy_kwh = subprocess.check_output(command, text=True).split()
    return Taken(float(seconds), float(before), float(peak), (int(values), energy_kwh))


def main(rounds: int, days: int) -> None:
    """Prints rate and peak memory of each, and the ratios of ours to the others."""
    taken: dict[str, list[Taken]] = {reader: [] for reader in _READERS}
    with TemporaryDirectory() as folder:
        small, path = Path(folder) / "small.csv", Path(folder) / "made.csv"
        make_file(small, 2)
        make_file(path, days)
        megabytes = path.stat().st_size / 1e6
        for _ in range(rounds):
            for reader, found in taken.items():
                found.append(measured(reader, small, path))
    told = {each.told for found in taken.values() for each in found}
    if len(told) > 1:
        sys.exit(f"They do not read the same: {sorted(told)}")
    [(values, energy_kwh)] = told
    print(f"{values:,} values, {energy_kwh} kWh, {megabytes:.0f} MB, {rounds} rounds")  # noqa: T201
    ours = taken["ours"]
    for reader, found in taken.items():
        pairs = [*zip(found, ours, strict=True)]
        faster = median(peer.seconds / here.seconds for peer, here in pairs)
        smaller = median(peer.peak_mb / here.peak_mb for peer, here in pairs)
        leaner = median(peer.own_mb / here.own_mb for peer, here in pairs)
        print(  # noqa: T201
            f"{reader:16} {values / median(each.seconds for each in found):9,.0f} values/s "
            f"{median(each.peak_mb for each in found):6,.0f} MB, of them for the file "
            f"{median(each.own_mb for each in found):6,.0f} MB; "
            f"we are {faster:.1f} times as fast in 1/{smaller:.1f}, for the file in 1/{leaner:.1f}"
        )


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] in _READERS:
        measure(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        repeated, *sizes = (int(given) for given in sys.argv[1:] or ["3"])
        for size in sizes or [20_834, 41_668]:
            main(repeated, size)

"""How often a soak repeats something: a sample, or in full where FRONTIER_SOAK is set."""

import os

FULL = bool(os.environ.get("FRONTIER_SOAK"))


def rounds(full: int, sample: int) -> int:
    """The number of repetitions of this run."""
    return full if FULL else sample

"""The Australian meter data file format (MDFF): interval data in NEM12 files, register reads in NEM13 files."""

from metering.formats.nem12 import parse as parse_nem12
from metering.formats.nem13 import parse as parse_nem13

__all__ = ["parse_nem12", "parse_nem13"]

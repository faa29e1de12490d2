"""The face of `database.seeds` for development: reference data, then invented rows."""

from database import seeds
from database.management.commands import load_reference_data


class Command(load_reference_data.Command):
    help = "Loads reference data and test fixtures; refused in production, and safe to run again."
    kinds = (seeds.Kind.REFERENCE, seeds.Kind.FIXTURES)

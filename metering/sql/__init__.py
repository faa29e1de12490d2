"""Set-based statements that are too long for a string; each file says what it computes."""

from functools import cache
from pathlib import Path


@cache
def statement(name: str) -> str:
    """The text of `name`.sql beside this module. Values travel as named parameters, never in the text."""
    return (Path(__file__).parent / f"{name}.sql").read_text()

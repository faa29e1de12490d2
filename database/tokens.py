"""SQL text taken apart as far as a schema file needs it: statements, without comments and literals."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What hides semicolons and keywords. Block comments nest in PostgreSQL; one level is what files here may use.
HIDDEN = re.compile(
    r"""
      --[^\n]*                                    # comment to the end of the line
    | /\*.*?\*/                                   # block comment
    | [eE]'(?:[^'\\]|\\.|'')*'                    # string with escapes
    | '(?:[^']|'')*'                              # string
    | "(?:[^"]|"")*"                              # quoted name
    | \$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$ # dollar-quoted body
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Statement:
    """One statement: its text with comments and literals blanked, and the line on which it begins."""

    text: str
    line: int


def blank(sql: str) -> str:
    """The same text with every comment and literal replaced by blanks; line breaks stay where they were."""
    return HIDDEN.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), sql)


def statements(sql: str) -> Iterator[Statement]:
    """The statements of `sql` in order, empty ones left out."""
    visible = blank(sql)
    start = 0
    for match in re.finditer(r";|\Z", visible):
        piece = visible[start : match.start()]
        text = piece.strip()
        if text:
            begins = start + len(piece) - len(piece.lstrip())
            yield Statement(text, visible.count("\n", 0, begins) + 1)
        start = match.end()

"""SQL text taken apart as PostgreSQL's scanner does it: tokens, statements, and a checksum of what they say.

Knows the lexical rules alone (nested comments, quotes, dollar quotes, where an operator ends), not the grammar.
"""

import hashlib
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

BYTE_ORDER_MARK = "\ufeff"
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Kind(Enum):
    """What a token is; only the first two mean nothing to PostgreSQL."""

    SPACE = auto()
    COMMENT = auto()
    STRING = auto()
    BODY = auto()
    QUOTED_NAME = auto()
    WORD = auto()
    NUMBER = auto()
    SIGN = auto()


TOKEN = re.compile(
    r"""
      (?P<SPACE>       [ \t\n\r\f\v]+ )
    | (?P<COMMENT>     --[^\n\r]* | (?P<nests>/\*) )
    | (?P<STRING>      [eE]'(?:[^'\\]|\\.|'')*' | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*' )
    | (?P<BODY>        \$(?P<tag>(?:[^\W\d]\w*)?)\$ .*? \$(?P=tag)\$ )
    | (?P<QUOTED_NAME> (?:[uU]&)?"(?:[^"]|"")*" )
    | (?P<WORD>        [^\W\d][\w$]* )
    | (?P<NUMBER>      0[xXoObB][\da-fA-F_]+ | (?:\d[\d_]*(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)? | \$\d+ )
    | (?P<SIGN>        :: | := | \.\. | (?P<operator>[~!@\#^&|`?+\-*/%<>=]+) | . )
    """,
    re.VERBOSE | re.DOTALL,
)
COMMENT_BEGINS = re.compile(r"--|/\*")
COMMENT_EDGE = re.compile(r"/\*|\*/")
NOT_A_LINE_BREAK = re.compile(r"[^\n]")
# An operator may end in + or - only when it has one of these; otherwise that sign belongs to what follows it.
UNMISTAKABLE = frozenset("~!@#^&|`?%")


@dataclass(frozen=True)
class Token:
    """One token as it stands in the text, and where."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @cached_property
    def folded(self) -> str:
        """The spelling that PostgreSQL reads: words, numbers and prefixes of strings in lower case."""
        if self.kind in (Kind.STRING, Kind.QUOTED_NAME):
            opening = min(at for at in map(self.text.find, "'\"") if at >= 0)
            return self.text[:opening].translate(LOWER) + self.text[opening:]
        return self.text if self.kind == Kind.BODY else self.text.translate(LOWER)


def scan(sql: str) -> Iterator[Token]:
    """Every token of the text, white space and comments too: joined again they are the text."""
    at = 0
    while match := TOKEN.match(sql, at):
        text = match[0]
        if match["nests"]:
            text = sql[at : _comment_end(sql, at)]
        elif match["operator"]:
            text = _operator(text)
        yield Token(Kind[match.lastgroup or "SIGN"] if not match["operator"] else Kind.SIGN, text, at)
        at += len(text)


def meaningful(sql: str) -> Iterator[Token]:
    """The tokens that PostgreSQL acts on."""
    return (token for token in scan(sql) if token.kind not in (Kind.SPACE, Kind.COMMENT))


def fingerprint(sql: str) -> str:
    """SHA-256 of what the text says to PostgreSQL; two texts with the same one differ in their looks alone.

    Comments, white space, line ends, a byte order mark and the case of unquoted words do not count. Literals, quoted
    names and dollar-quoted bodies count as they stand, save for their line ends.
    """
    text = sql.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n")
    digest = hashlib.sha256()
    before: Token | None = None
    for token in meaningful(text):
        # 'a' and 'b' on two lines are one literal, on one line they are an error.
        if before and before.kind == token.kind == Kind.STRING and "\n" in text[before.end : token.start]:
            digest.update(b"+")
        said = token.folded.encode(errors="surrogatepass")
        digest.update(b"%s %d:%s" % (token.kind.name.encode(), len(said), said))
        before = token
    return digest.hexdigest()


def _comment_end(sql: str, at: int) -> int:
    """Where the block comment that begins at `at` ends, those within it included."""
    depth = 0
    for edge in COMMENT_EDGE.finditer(sql, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)


def _operator(text: str) -> str:
    """The one operator with which the run of operator characters begins."""
    if comment := COMMENT_BEGINS.search(text):
        text = text[: comment.start()]
    while len(text) > 1 and text[-1] in "+-" and not UNMISTAKABLE & set(text):
        text = text[:-1]
    return text


@dataclass(frozen=True)
class Statement:
    """One statement: what PostgreSQL reads of it, its text with comments and literals blanked, and where it begins."""

    tokens: tuple[Token, ...]
    text: str
    line: int


def blank(sql: str) -> str:
    """The same text with every comment and literal replaced by blanks; line breaks stay where they were."""
    return "".join(_blanked(token) for token in scan(sql))


def statements(sql: str) -> Iterator[Statement]:
    """The statements of `sql` in order, empty ones left out.

    A semicolon within parentheses or in a function body of the form BEGIN ATOMIC ... END does not end one.
    """
    everything = list(scan(sql))
    visible = "".join(map(_blanked, everything))
    held: list[Token] = []
    line, counted, parentheses, bodies = 1, 0, 0, 0
    for token in everything:
        if token.kind in (Kind.SPACE, Kind.COMMENT):
            continue
        if token.text == ";" and parentheses <= 0 and not bodies:
            if held:
                line, counted = line + sql.count("\n", counted, held[0].start), held[0].start
                yield Statement(tuple(held), visible[held[0].start : held[-1].end], line)
            held, parentheses = [], 0
            continue
        if token.kind == Kind.SIGN:
            parentheses += (token.text == "(") - (token.text == ")")
        elif token.kind == Kind.WORD:
            opens = token.folded == "atomic" and bool(held) and held[-1].folded == "begin"
            bodies += opens or (bodies > 0 and token.folded == "case")
            bodies -= bodies > 0 and token.folded == "end"
        held.append(token)
    if held:
        line += sql.count("\n", counted, held[0].start)
        yield Statement(tuple(held), visible[held[0].start : held[-1].end], line)


def _blanked(token: Token) -> str:
    hidden = (Kind.COMMENT, Kind.STRING, Kind.BODY, Kind.QUOTED_NAME)
    return NOT_A_LINE_BREAK.sub(" ", token.text) if token.kind in hidden else token.text

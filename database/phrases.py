"""Statements of schema files in a spelling that patterns can be written against, and what they make.

A reading for rules, not a parser: it knows how the statements of these files are built, and leaves the rest alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property, partial

from database.history import SchemaFile
from database.tokens import Kind, Token, scan, statements

EXCEPTION = re.compile(r"--\s*lint:(?:\s*allow\s+(?P<code>[a-z-]+)\s+because\s+\S.*)?")


@dataclass(frozen=True)
class Column:
    """A column as a statement defines it: `definition` begins with its type."""

    table: str
    name: str
    definition: str
    place: int


@dataclass(frozen=True)
class Action:
    """One of the things that an ALTER TABLE does, `add column if not exists a text`."""

    table: str
    text: str
    place: int


CREATE_TABLE = re.compile(
    r"create (?P<temporary>(?:global |local )?temp(?:orary)? )?(?:unlogged )?table (?:if not exists )?(?P<table>\S+)"
)
ALTER_TABLE = re.compile(r"alter table (?:if exists )?(?:only )?(?P<table>\S+) (?:\* )?(?P<actions>.+)")
CREATE_INDEX = re.compile(
    r"create (?P<unique>unique )?index (?P<concurrently>concurrently )?(?:if not exists )?(?P<name>\S+) on (?:only )?"
    r"(?P<table>\S+) (?:using \S+ )?\( (?P<column>\S+)"
)
NEW_COLUMN = re.compile(r"add (?:column )?(?:if not exists )?(?P<name>\S+) (?P<definition>.+)")
NOT_A_COLUMN = re.compile(r"(?:constraint|check|unique|primary key|foreign key|exclude|like)\b")
CONSTRAINT = re.compile(r"(?:constraint|check|unique|primary key|foreign key|exclude)\b")
FOREIGN_KEY = re.compile(r"foreign key \( (?P<column>\S+)")
REFERENCES = re.compile(
    r"\breferences (?P<target>\S+)(?: \( [^()]* \))?(?P<rest>(?: (?:set \w+ \( [^()]* \)|[^,() ]+))*)"
)
NOT_NULL_CHECK = re.compile(r"check \( (?:\( )?(?P<column>\S+) is not null (?:\) )?\)")
INSERT = re.compile(r"insert into (?P<table>\S+)(?: as \S+)?(?: \( [^()]* \))?(?: overriding \w+ value)? (?P<rest>.+)")
CHANGES_ROWS = re.compile(r"(?:insert into|update(?: only)?|delete from(?: only)?|merge into) (?P<table>\S+)")
FIRST_COLUMN = re.compile(r"(?:unique|primary key)(?: nulls (?:not )?distinct)? \( (?P<column>\S+)")


def pieces(text: str, place: int = 0) -> Iterator[tuple[int, str]]:
    """What the commas outside parentheses divide, each with its place."""
    depth = start = 0
    for match in re.finditer(r"[(),\[\]]|\Z", text):
        depth += (match[0] in ("(", "[")) - (match[0] in (")", "]"))
        if not match[0] or (match[0] == "," and depth == 0):
            piece = text[start : match.start()]
            yield place + start + len(piece) - len(piece.lstrip()), piece.strip()
            start = match.end()


def enclosed(text: str, opening: int) -> str:
    """What stands between the parenthesis at `opening` and its partner."""
    depth = 0
    for match in re.finditer(r"[()]", text[opening:]):
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return text[opening + 1 : opening + match.start()]
    return text[opening + 1 :]


class Phrase:
    """One statement in a spelling that patterns can be written against.

    One space stands between words; words are in lower case, dotted names are one word, `public.` and the quotes of
    plain names are gone, literals are numbered ('0', '1', ...) and a dollar-quoted body is `$body$`.
    """

    def __init__(self, tokens: Iterable[Token], line_of: Callable[[int], int], index: int, *, guarded: bool) -> None:
        self.tokens = tuple(tokens)
        self.index = index
        # Within a DO block, whose condition decides whether it runs at all.
        self.guarded = guarded
        self.literals: list[str] = []
        self._line_of = line_of
        words: list[str] = []
        starts: list[int] = []
        glued = False
        for token in self.tokens:
            word = self._spelling(token)
            if words and (glued or word == "."):
                words[-1] += word
            else:
                words.append(word)
                starts.append(token.start)
            glued = word == "."
        words = [word.removeprefix("public.") for word in words]
        self.text = " ".join(words)
        self._places: list[tuple[int, int]] = []
        place = 0
        for word, start in zip(words, starts, strict=True):
            self._places.append((place, start))
            place += len(word) + 1

    def _spelling(self, token: Token) -> str:
        match token.kind:
            case Kind.STRING:
                self.literals.append(token.text[token.text.index("'") + 1 : -1])
                return f"'{len(self.literals) - 1}'"
            case Kind.BODY:
                return "$body$"
            case Kind.QUOTED_NAME:
                plain = re.fullmatch(r'"([a-z_][a-z0-9_$]*)"', token.text)
                return plain[1] if plain else token.text.replace(" ", "_")
        return token.folded

    def line(self, place: int) -> int:
        """The line of the file on which the text at this place stands."""
        return self._line_of(max((start for at, start in self._places if at <= place), default=0))

    @cached_property
    def definitions(self) -> tuple[tuple[int, str], ...]:
        """The columns and constraints between the parentheses of a CREATE TABLE, with their places."""
        found = CREATE_TABLE.match(self.text)
        if not found or not self.text[found.end() :].startswith(" ("):
            return ()
        opening = found.end() + 1
        return tuple(pieces(enclosed(self.text, opening), opening + 1))

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """What an ALTER TABLE does, one by one."""
        found = ALTER_TABLE.match(self.text)
        if not found:
            return ()
        return tuple(
            Action(found["table"], text, place) for place, text in pieces(found["actions"], found.start("actions"))
        )

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns that a CREATE TABLE or an ALTER TABLE adds."""
        return tuple(self._columns())

    def _columns(self) -> Iterator[Column]:
        if created := CREATE_TABLE.match(self.text):
            for place, text in self.definitions:
                name, _, definition = text.partition(" ")
                if definition and not NOT_A_COLUMN.match(text):
                    yield Column(created["table"], name, definition, place)
        for action in self.actions:
            found = NEW_COLUMN.fullmatch(action.text)
            if found and not NOT_A_COLUMN.match(action.text.removeprefix("add ")):
                yield Column(action.table, found["name"], found["definition"], action.place)

    @cached_property
    def constraints(self) -> tuple[Action, ...]:
        """The table constraints that a CREATE TABLE or an ALTER TABLE adds, from `constraint` on."""
        return tuple(self._constraints())

    def _constraints(self) -> Iterator[Action]:
        if created := CREATE_TABLE.match(self.text):
            for place, text in self.definitions:
                if CONSTRAINT.match(text):
                    yield Action(created["table"], text, place)
        for action in self.actions:
            if action.text.startswith("add ") and CONSTRAINT.match(action.text, len("add ")):
                yield Action(action.table, action.text.removeprefix("add "), action.place)


class Text:
    """A schema file as the rules see it."""

    def __init__(self, file: SchemaFile) -> None:
        self.file = file
        self.phrases = list(_phrases(file))
        self.said = [phrase.text for phrase in self.phrases]

    def says(self, pattern: str, before: Phrase | None = None) -> bool:
        """Whether a statement, or one before that of `before`, begins like this."""
        end = len(self.phrases) if before is None else self.phrases.index(before)
        return any(re.match(pattern, said) for said in self.said[:end])

    def allowed(self) -> Iterator[tuple[int, str, int]]:
        """The exceptions that comments ask for: line, code (empty when none is given well), index of the statement."""
        ends = [statement.tokens[-1].end for statement in self.file.statements]
        for token in scan(self.file.sql):
            if token.kind == Kind.COMMENT and (found := EXCEPTION.match(token.text)):
                index = sum(end <= token.start for end in ends)
                yield _line(self.file.sql, token.start), found["code"] or "", index


def _line(sql: str, place: int) -> int:
    return sql.count("\n", 0, place) + 1


def _phrases(file: SchemaFile) -> Iterator[Phrase]:
    """Every statement of the file; those within a DO block follow it."""
    line_of = partial(_line, file.sql)
    for index, statement in enumerate(file.statements):
        yield Phrase(statement.tokens, line_of, index, guarded=False)
        if statement.tokens[0].folded == "do":
            for token in statement.tokens:
                if token.kind == Kind.BODY:
                    yield from _guarded(token, line_of, index)


VERBS = frozenset({"alter", "create", "drop", "insert", "update", "delete", "truncate", "comment", "set"})
INTRODUCING = frozenset({"begin", "then", "else", "loop"})


def _guarded(body: Token, line_of: Callable[[int], int], index: int) -> Iterator[Phrase]:
    """The statements in the body of a DO block that say what they do; text that is put together is not read."""
    opening = body.text.index("$", 1) + 1
    for statement in statements(body.text[opening:-opening]):
        words = [token.folded for token in statement.tokens]
        for at, word in enumerate(words):
            if word in VERBS and (at == 0 or words[at - 1] in INTRODUCING):
                moved = [
                    Token(token.kind, token.text, token.start + body.start + opening) for token in statement.tokens[at:]
                ]
                yield Phrase(moved, line_of, index, guarded=True)
                break


@dataclass
class Schema:
    """What the files so far made, as far as the rules ask."""

    tables: set[str] = field(default_factory=set)
    lookups: set[str] = field(default_factory=set)
    partitioned: set[str] = field(default_factory=set)
    partitioned_indexes: set[str] = field(default_factory=set)
    secured: set[str] = field(default_factory=set)
    forced: set[str] = field(default_factory=set)
    indexed: set[tuple[str, str]] = field(default_factory=set)
    checked_not_null: dict[tuple[str, str], str] = field(default_factory=dict)
    proved_not_null: set[tuple[str, str]] = field(default_factory=set)

    def after(self, text: Text) -> "Schema":
        """The schema that a file makes of this one."""
        later = deepcopy(self)
        for phrase in text.phrases:
            later._learn_tables(phrase)
            later._learn_constraints(phrase)
        return later

    def _learn_tables(self, phrase: Phrase) -> None:
        if (created := CREATE_TABLE.match(phrase.text)) and not created["temporary"]:
            self.tables.add(created["table"])
            if re.search(r"\) partition by ", phrase.text):
                self.partitioned.add(created["table"])
            self.indexed |= {
                (column.table, column.name)
                for column in phrase.columns
                if re.search(r"\b(?:primary key|unique)\b", column.definition)
            }
        elif dropped := re.match(r"drop table (?:if exists )?(\S+)", phrase.text):
            self.tables.discard(dropped[1])
        elif commented := re.match(r"comment on table (\S+) is '0'", phrase.text):
            if phrase.literals[0].startswith("Lookup:"):
                self.lookups.add(commented[1])
        elif index := CREATE_INDEX.match(phrase.text):
            self.indexed.add((index["table"], index["column"]))
            if index["table"] in self.partitioned:
                self.partitioned_indexes.add(index["name"])
        for action in phrase.actions:
            if action.text == "enable row level security":
                self.secured.add(action.table)
            elif action.text == "force row level security":
                self.forced.add(action.table)
            elif renamed := re.fullmatch(r"rename to (\S+)", action.text):
                self.tables.discard(action.table)
                self.tables.add(renamed[1])

    def _learn_constraints(self, phrase: Phrase) -> None:
        for constraint in phrase.constraints:
            if first := FIRST_COLUMN.search(constraint.text):
                self.indexed.add((constraint.table, first["column"]))
            named = re.match(r"constraint (\S+) (.*)", constraint.text)
            if named and (found := NOT_NULL_CHECK.match(named[2])):
                self.checked_not_null[constraint.table, named[1]] = found["column"]
                if not constraint.text.endswith("not valid"):
                    self.proved_not_null.add((constraint.table, found["column"]))
        for action in phrase.actions:
            if validated := re.fullmatch(r"validate constraint (\S+)", action.text):
                column = self.checked_not_null.get((action.table, validated[1]))
                if column:
                    self.proved_not_null.add((action.table, column))

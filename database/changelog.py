"""What changed between two schemas, in words, and the file that keeps these accounts: SCHEMA_CHANGES.md.

Works on catalogs and text alone; asks no database.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from database.catalog import Catalog, Difference, compare
from database.history import SchemaFile

CHANGELOG = "SCHEMA_CHANGES.md"
INTRODUCTION = """\
# Schema changes

What each version of the schema changed, the newest first. `create_phase_snapshot` writes an entry between its two
marks from the catalogs of both versions; what is written by hand around the entries stays.
"""

# What each group is called, in the order in which it is told.
GROUPS = {
    "tables": ("table",),
    "columns": ("column",),
    "constraints": ("primary key", "unique", "check", "foreign key", "exclusion"),
    "indexes": ("index",),
    "enums": ("enum",),
    "domains": ("domain",),
    "functions": ("function", "procedure"),
    "triggers": ("trigger",),
    "row security": ("row security",),
    "policies": ("policy",),
    "views": ("view", "materialized view"),
    "sequences": ("sequence",),
    "statistics": ("statistics",),
    "grants": ("grant",),
    "comments": ("comment",),
}
KINDS = sorted(("schema", *(kind for kinds in GROUPS.values() for kind in kinds)), key=len, reverse=True)
# Told with a table that is new or gone, not beside it. Policies, triggers and grants stand for themselves.
PARTS = ("column", *GROUPS["constraints"], "index", "row security")
# Too long to be told; their comments say what they do.
WITH_BODIES = (*GROUPS["functions"], *GROUPS["views"])
# Every function and type has these from birth.
GRANTED_FROM_BIRTH = {"EXECUTE", "USAGE"}

SPELLINGS = {
    "public.": "",
    "character varying": "varchar",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}
# What a definition says that stands beside it already, or in every one of its kind.
OBVIOUS = {
    "check": (r"\((\(.*\))\)$", r"\1"),
    "index": (r"CREATE (UNIQUE )?INDEX ON \S+ (?:USING btree )?", r"\1"),
    "trigger": (r"CREATE TRIGGER \S+ (.*) ON \S+ FOR EACH", r"\1 FOR EACH"),
}
QUOTED = re.compile(r"'(?:[^']|'')*'")
LISTED = re.compile(r"\((\w+)\)::text = ANY \(ARRAY\[([^]]*)\]\)")


@dataclass(frozen=True)
class Section:
    """Changes of one sort: `New columns` and a sentence for each."""

    title: str
    items: tuple[str, ...]


def changes(before: Catalog, after: Catalog) -> Iterator[Section]:
    """What is new, changed and removed, by kind of object; what belongs to a new table is told with it."""
    differences = compare(before, after)
    made = {(d.kind, d.identity) for d in differences if d.expected is None}
    gone = {(d.kind, d.identity) for d in differences if d.found is None}
    told = [
        difference
        for difference in differences
        if not any(
            _is_told_with(difference, others, catalog)
            for others, catalog, is_meant in (
                (made, after, difference.expected is None),
                (gone, before, difference.found is None),
            )
            if is_meant
        )
    ]
    for group, kinds in GROUPS.items():
        mine = [difference for difference in told if difference.kind in kinds]
        for title, sentences in (
            (f"New {group}", [_new(d, after) for d in mine if d.expected is None]),
            (f"Changed {group}", [_changed(d) for d in mine if d.expected is not None and d.found is not None]),
            (f"Removed {group}", [_name(d) for d in mine if d.found is None]),
        ):
            if sentences:
                yield Section(title, tuple(sentences))


def _is_told_with(difference: Difference, others: set[tuple[str, str]], catalog: Catalog) -> bool:
    """Whether another object that came or went along already speaks of this one."""
    kind, identity = difference.kind, difference.identity
    if kind == "comment":
        return _commented(identity) in others
    if kind == "grant":
        subject = _commented(identity.removesuffix(" to PUBLIC"))
        privileges = difference.found or difference.expected
        return identity.endswith(" to PUBLIC") and privileges in GRANTED_FROM_BIRTH and subject in others
    if kind == "sequence":
        owner = re.search(r" OWNED BY public\.(\S+)", catalog[kind, identity])
        return owner is not None and ("column", owner[1]) in others
    return kind in PARTS and ("table", identity.partition(".")[0]) in others


def _commented(identity: str) -> tuple[str, str]:
    """The kind and identity of the object that a comment or a grant is on."""
    kind = next(kind for kind in KINDS if identity.startswith(f"{kind} "))
    return kind, identity.removeprefix(f"{kind} ")


def _new(difference: Difference, after: Catalog) -> str:
    kind, name = difference.kind, _name(difference)
    if kind == "comment":
        return f"{name}: {_one_line(difference.found)}"
    comment = _one_line(after.get(("comment", f"{kind} {difference.identity}")))
    if kind == "table":
        return f"{name}: " + " ".join(filter(None, [comment, *_parts(difference.identity, after)]))
    if kind in WITH_BODIES:
        return ": ".join(filter(None, [name, comment]))
    # The comment of a trigger is a checksum for the program that wrote it.
    told = [f"{name}: `{_plain(difference.found, kind)}`", "" if kind == "trigger" else comment]
    return ", ".join(filter(None, told))


def _changed(difference: Difference) -> str:
    name = _name(difference)
    if difference.kind == "comment":
        return f"{name}: {_one_line(difference.found)}"
    if difference.kind in WITH_BODIES:
        return f"{name}: has a new definition"
    was, now = (_plain(definition, difference.kind) for definition in (difference.expected, difference.found))
    return f"{name}: was `{was}`, is `{now}`"


def _name(difference: Difference) -> str:
    if difference.kind == "comment":
        kind, identity = _commented(difference.identity)
        return f"{kind} `{_spelled(identity)}`"
    return f"`{_spelled(difference.identity)}`"


def _parts(table: str, catalog: Catalog) -> Iterator[str]:
    """What a new table consists of, a sentence for each sort of part."""
    mine = {
        (kind, identity): definition
        for (kind, identity), definition in catalog.items()
        if kind in PARTS and identity.partition(".")[0] == table
    }
    if how := catalog["table", table].removeprefix("TABLE").strip():
        yield f"`{_plain(how, 'table')}`."
    yield f"Columns {_words(identity.partition('.')[2] for kind, identity in mine if kind == 'column')}."
    targets = {
        found[1]
        for (kind, _), definition in mine.items()
        if kind == "foreign key" and (found := re.search(r"REFERENCES (?:public\.)?(\S+?)\(", definition))
    }
    if targets:
        yield f"Refers to {_words(sorted(targets))}."
    if mine.get(("row security", table), "").startswith("ENABLED"):
        yield "Row security is on."


def _words(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _plain(definition: str | None, kind: str) -> str:
    """A definition as people write it: short names of types, lists of values as lists, nothing said twice."""
    text = _one_line(definition)
    if kind in OBVIOUS:
        text = re.sub(*OBVIOUS[kind], text)
    text = LISTED.sub(lambda found: f"{found[1]} IN ({', '.join(QUOTED.findall(found[2]))})", text)
    return re.sub(r"('(?:[^']|'')*')::varchar", r"\1", _spelled(text))


def _spelled(text: str) -> str:
    for long, short in SPELLINGS.items():
        text = text.replace(long, short)
    return text


# The file

ENTRY = re.compile(
    r"^<!-- (?P<version>v[\d.]+): written by create_phase_snapshot -->\n.*?^<!-- end of (?P=version) -->\n",
    re.MULTILINE | re.DOTALL,
)


def entry(
    version: str, description: str, dated: str, files: Sequence[SchemaFile], link: str, sections: Iterable[Section]
) -> str:
    """One version's account between its marks."""
    opening, closing = _marks(version)
    numbers = (
        f"files {files[0].number:03d} to {files[-1].number:03d}" if len(files) > 1 else f"file {files[0].number:03d}"
    )
    lines = [opening, f"## {version}: {description}", "", f"{dated}, {numbers}, snapshot [{link}]({link})", ""]
    lines += ["- " + ": ".join(filter(None, [f"`{file.name}`", _purpose(file)])) for file in files]
    told = list(sections)
    for section in told:
        lines += ["", f"### {section.title}", "", *(f"- {item}" for item in section.items)]
    if not told:
        lines += ["", "The schema itself is the same as before."]
    return "\n".join([*lines, "", closing]) + "\n"


def with_entry(text: str, version: str, written: str) -> str:
    """The file's text with an entry: in the place of the one of this version, else above all others.

    Everything that is outside of the marks stays as it is.
    """
    for present in ENTRY.finditer(text):
        if present["version"] == version:
            return text[: present.start()] + written + text[present.end() :]
    text = text or INTRODUCTION
    below = ENTRY.search(text) or re.search(r"^## ", text, re.MULTILINE)
    if below:
        return f"{text[: below.start()]}{written}\n{text[below.start() :]}"
    return f"{text.rstrip()}\n\n{written}"


def without_entries(text: str, known: Collection[str]) -> str:
    """The file's text without the entries of other versions than these."""
    for found in reversed(list(ENTRY.finditer(text))):
        if found["version"] not in known:
            text = text[: found.start()] + text[found.end() :].removeprefix("\n")
    return text


def _marks(version: str) -> tuple[str, str]:
    return f"<!-- {version}: written by create_phase_snapshot -->", f"<!-- end of {version} -->"


def _purpose(file: SchemaFile) -> str:
    """The first sentence of the comment that the file begins with."""
    comment = re.match(r"(?:--.*\n)*", file.sql)
    text = _one_line(re.sub(r"^--", "", comment[0] if comment else "", flags=re.MULTILINE))
    return re.split(r"(?<=\.)\s", text)[0]

"""What is wrong with the SQL of a schema file beyond what its runner refuses. Reads text, asks no database.

A rule looks at one statement, at what its file says elsewhere and at what earlier files made. A file that has a reason
to break a rule gives it above the statement: `-- lint: allow drops-data because the column was never filled`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from database.history import SchemaFile
from database.phrases import (
    ALTER_TABLE,
    CHANGES_ROWS,
    CREATE_INDEX,
    CREATE_TABLE,
    FOREIGN_KEY,
    INSERT,
    REFERENCES,
    Action,
    Column,
    Phrase,
    Schema,
    Text,
    enclosed,
)
from database.tokens import Kind, scan

# The newest file that every database has. What locks or loses much is only said of later ones.
SETTLED = 29
# Tables that grow with contracts, not with time; like lookups they are read and written anew in a moment.
FEW_ROWS = frozenset(
    {
        *("organization", "role", "counterparty", "project", "contract", "contract_pii_mapping", "contractor_report"),
        *("clause", "clause_tariff", "asset", "meter", "integration_credential", "integration_site"),
    }
)
# The frozen files cannot be given a comment; each exception has its reason.
NOT_FORCED = "binds the roles of clients only: the owner of the tables runs ingestion and invoicing"
EXCEPTIONS = {
    ("002_add_contract_pii_mapping.sql", "row-security-not-forced"): NOT_FORCED,
    ("009_integration_credential.sql", "row-security-not-forced"): NOT_FORCED,
    ("010_integration_site.sql", "row-security-not-forced"): NOT_FORCED,
    ("011_ingestion_log.sql", "row-security-not-forced"): NOT_FORCED,
}
NAME_BYTES = 63


@dataclass(frozen=True)
class Finding:
    """One place in a file that breaks a rule; `id` is that of the system check, an error's begins with E."""

    id: str
    code: str
    file: str
    line: int
    text: str
    hint: str

    @property
    def is_error(self) -> bool:
        return self.id.startswith("database.E")

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.text} ({self.code})"


@dataclass(frozen=True)
class View:
    """What a rule looks at: a statement, its file, what is before the file and what is after it."""

    phrase: Phrase
    text: Text
    before: Schema
    after: Schema


Found = Iterator[tuple[int, str]]
Part = TypeVar("Part", Action, Column)
Rule = Callable[[View], Found]


@dataclass(frozen=True)
class Registered:
    """A rule with the words for it."""

    id: str
    code: str
    hint: str
    find: Rule
    only_new: bool


RULES: list[Registered] = []
EMPTY = Schema()


def rule(number: str, code: str, hint: str, *, only_new: bool = False) -> Callable[[Rule], Rule]:
    """Registers a rule: places and texts of what it finds in a statement. `only_new` spares the settled files."""

    def register(find: Rule) -> Rule:
        RULES.append(Registered(f"database.{number}", code, hint, find, only_new))
        return find

    return register


def lint(files: Iterable[SchemaFile], before: Schema = EMPTY) -> list[Finding]:
    """Everything the rules find in the files, which follow upon `before`; exceptions are left out."""
    found: list[Finding] = []
    for file in files:
        text = Text(file)
        after = before.after(text)
        found += _lint(text, before, after)
        before = after
    return found


def _lint(text: Text, before: Schema, after: Schema) -> Iterator[Finding]:
    name = text.file.name
    asked = list(text.allowed())
    used: set[tuple[int, str]] = set()
    spared = {known.code for known in RULES if known.only_new} if text.file.number <= SETTLED else set()
    for phrase in text.phrases:
        view = View(phrase, text, before, after)
        for known in RULES:
            if known.code in spared:
                continue
            for place, said in known.find(view):
                if any(code == known.code and index == phrase.index for _, code, index in asked):
                    used.add((phrase.index, known.code))
                elif (name, known.code) not in EXCEPTIONS:
                    yield Finding(known.id, known.code, name, phrase.line(place), said, known.hint)
    for line, code, index in asked:
        if (index, code) not in used and code not in spared:
            said = f"The exception for {code} is not needed." if code else "An exception needs a rule and a reason."
            yield Finding("database.E010", "exception", name, line, said, HOW_TO_ALLOW)


HOW_TO_ALLOW = "Write it above the statement it is for: -- lint: allow drops-data because nothing was ever in it"


# The schema as it shall be


@rule("E011", "policy-without-row-security", "Add ALTER TABLE ... ENABLE ROW LEVEL SECURITY to the file.")
def policy_without_row_security(view: View) -> Found:
    found = re.match(r"create policy \S+ on (\S+)", view.phrase.text)
    if found and found[1] not in view.after.secured:
        yield 0, f"The policy has no effect: row security of {found[1]} is not enabled."


@rule(
    "E012", "row-security-not-forced", "Add ALTER TABLE ... FORCE ROW LEVEL SECURITY, or say why the owner is exempt."
)
def row_security_not_forced(view: View) -> Found:
    for action in view.phrase.actions:
        if action.text == "enable row level security" and action.table not in view.after.forced:
            yield action.place, f"Row security of {action.table} does not bind the owner of the table."


BOUND = re.compile(r"for values (?:from \( (?P<low>[^()]*) \) to \( (?P<high>[^()]*) \)|in \( (?P<list>[^()]*) \))")
INSTANT = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d(?::?\d\d){0,2}(?:\.\d+)?)?")


@rule("E013", "partition-bound-without-zone", "Write the bound with its zone: '2026-01-01 00:00:00+00'.")
def partition_bound_without_zone(view: View) -> Found:
    for bound in BOUND.finditer(view.phrase.text):
        for number in re.findall(r"'(\d+)'", bound[0]):
            literal = view.phrase.literals[int(number)]
            if INSTANT.fullmatch(literal.strip()):
                yield bound.start(), f"'{literal}' is another instant in every session's time zone."


@rule(
    "E014",
    "partition-if-not-exists",
    "Make the table apart, then ALTER TABLE ... ATTACH PARTITION if it is not attached.",
)
def partition_if_not_exists(view: View) -> Found:
    if re.match(r"create table if not exists \S+ partition of ", view.phrase.text):
        yield 0, "A table of this name that is no partition, or has other bounds, would be taken for it."


@rule("E015", "partition-of-live-parent", "Make the table with LIKE ... INCLUDING ALL, then ATTACH PARTITION.")
def partition_of_live_parent(view: View) -> Found:
    found = re.match(r"create table (?:if not exists )?\S+ partition of (\S+)", view.phrase.text)
    if found and found[1] in view.before.tables:
        yield 0, f"PARTITION OF waits for everybody who uses {found[1]}, and holds up all who come after."


@rule(
    "E016",
    "concurrently-on-partitioned",
    "Make the index CONCURRENTLY on each partition, then one ON ONLY the parent, and attach.",
)
def concurrently_on_partitioned(view: View) -> Found:
    index = CREATE_INDEX.match(view.phrase.text)
    if index and index["concurrently"] and index["table"] in view.after.partitioned:
        yield 0, f"{index['table']} is partitioned: PostgreSQL cannot index it CONCURRENTLY."
    for dropped in re.finditer(r"drop index concurrently (?:if exists )?(\S+)", view.phrase.text):
        if dropped[1] in view.after.partitioned_indexes:
            yield 0, f"{dropped[1]} belongs to a partitioned table: PostgreSQL cannot drop it CONCURRENTLY."


@rule(
    "E017", "not-valid-on-partitioned", "Add the key NOT VALID to each partition, validate, then add it to the parent."
)
def not_valid_on_partitioned(view: View) -> Found:
    for constraint in view.phrase.constraints:
        is_foreign = FOREIGN_KEY.search(constraint.text) and constraint.text.endswith("not valid")
        if is_foreign and constraint.table in view.after.partitioned:
            yield constraint.place, f"{constraint.table} is partitioned: it takes no foreign key that is NOT VALID."


@rule("E018", "security-definer-without-search-path", "Add SET search_path = pg_catalog, public to the function.")
def security_definer_without_search_path(view: View) -> Found:
    text = view.phrase.text
    is_routine = re.match(r"(?:create (?:or replace )?|alter )(?:function|procedure|routine) ", text)
    if is_routine and (found := re.search(r"\bsecurity definer\b", text)) and " set search_path " not in text:
        yield found.start(), "A caller's search_path decides what the function calls with its owner's rights."


NULL_IN_LIST = re.compile(
    r"\bin \( (?:[^()]*, )?(?P<null>null)(?: :: [^,()]+)? [,)]|array \[ (?:[^\[\]]*, )?null(?: :: \S+)? [,\]]"
)
EQUALS_NULL = re.compile(r"(?:[^ ]+ )(?:=|<>|!=) null\b")


@rule("E019", "check-with-null", "Take NULL out of the list; a column that may be null passes the check anyway.")
def check_with_null(view: View) -> Found:
    if not re.match(
        r"create (?:\S+ )*?(?:table|policy|index|domain)\b|alter (?:table|policy|domain)\b", view.phrase.text
    ):
        return
    for found in re.finditer(r"\b(?:check|using|where) \(", view.phrase.text):
        condition = enclosed(view.phrase.text, found.end() - 1) + " "
        if NULL_IN_LIST.search(condition) or EQUALS_NULL.search(condition):
            yield found.start(), "A comparison with NULL is never false, so that the condition refuses nothing."


@rule(
    "E020", "tenant-rows", "Put rows into database/seed; a schema file changes rows that are there, or fills a lookup."
)
def tenant_rows(view: View) -> Found:
    if (found := INSERT.match(view.phrase.text)) and found["table"] not in view.after.lookups:
        literal = re.match(r"(?:values|default values)\b", found["rest"]) or " from " not in f" {found['rest']} "
        if literal:
            yield 0, f"Rows of {found['table']} would appear in every database."
    if found := re.match(r"copy (\S+)(?: \( [^()]* \))? from\b", view.phrase.text):
        yield 0, f"Rows of {found[1]} would come from a file that other machines do not have."


@rule(
    "E021",
    "foreign-key-not-deferrable",
    "Add DEFERRABLE INITIALLY DEFERRED: Django writes rows that refer to each other in any order.",
)
def foreign_key_not_deferrable(view: View) -> Found:
    if re.match(r"(?:create|alter)\b.*?\btable\b", view.phrase.text):
        for found in REFERENCES.finditer(view.phrase.text):
            if "deferrable initially deferred" not in found["rest"]:
                yield found.start(), f"The foreign key to {found['target']} is checked row by row."


@rule("E022", "table-without-comment", "Add COMMENT ON TABLE ... IS 'Fact: ...', 'Lookup: ...' or 'Derived: ...'.")
def table_without_comment(view: View) -> Found:
    created = CREATE_TABLE.match(view.phrase.text)
    if not created or created["temporary"] or " partition of " in view.phrase.text:
        return
    table = created["table"]
    if table not in view.before.tables and not view.text.says(rf"comment on table {re.escape(table)} is "):
        yield 0, f"{table} does not say what its rows are."


DROPPED = re.compile(
    r"drop (?:table|view|materialized view|index|sequence|function|procedure|aggregate|type|domain|trigger|policy"
    r"|schema|rule|extension|role) (?!(?:concurrently )?if exists )"
)


@rule("E023", "drop-without-if-exists", "Add IF EXISTS, so that the file may run a second time.")
def drop_without_if_exists(view: View) -> Found:
    if view.phrase.guarded:
        return
    if DROPPED.match(view.phrase.text):
        yield 0, "The statement fails when the file runs a second time."
    for action in view.phrase.actions:
        if re.match(r"drop (?!if exists |(?:column|constraint) if exists )", action.text):
            yield action.place, f"The drop on {action.table} fails when the file runs a second time."


REPEATABLE = {
    r"create (?:unlogged )?table (?!if not exists )": "IF NOT EXISTS",
    r"create (?:unique )?index (?:concurrently )?(?!concurrently |if not exists )": "IF NOT EXISTS",
    r"create (?:sequence|schema|extension|materialized view) (?!if not exists )": "IF NOT EXISTS",
    r"create (?:recursive )?(?:function|procedure|view|aggregate|rule) ": "OR REPLACE",
    r"create (?:type|domain|role|user|cast|operator|publication|server) ": "a DO block that looks first",
    r"alter type \S+ add value (?!if not exists )": "IF NOT EXISTS",
    r"alter (?:index|sequence|type|function|view|trigger|policy|schema) .*\brename\b": "a DO block that looks first",
}
REPEATABLE_ACTION = {
    r"add column (?!if not exists )": "IF NOT EXISTS",
    r"add (?!column |constraint |check |unique |primary |foreign |exclude |if not exists )": "IF NOT EXISTS",
    r"rename\b": "a DO block that looks first",
    r"(?:attach|detach) partition\b": "a DO block that looks first",
}


@rule("E024", "not-repeatable", "Write every statement so that the file may run a second time and change nothing.")
def not_repeatable(view: View) -> Found:
    if view.phrase.guarded:
        return
    text = view.phrase.text
    for pattern, wanted in REPEATABLE.items():
        if re.match(pattern, text):
            yield 0, f"The statement fails when the file runs a second time: it needs {wanted}."
    for kind, on in (("policy", r"on (\S+)"), ("trigger", r".*? on (\S+)")):
        found = re.match(rf"create (?:constraint )?{kind} (?P<name>\S+) {on}", text)
        if found and not view.text.says(
            rf"drop {kind} if exists {re.escape(found['name'])} on {re.escape(found[2])}", before=view.phrase
        ):
            yield (
                0,
                f"The {kind} exists when the file runs again: it needs DROP {kind.upper()} IF EXISTS before it.",
            )
    for action in view.phrase.actions:
        for pattern, wanted in REPEATABLE_ACTION.items():
            if re.match(pattern, action.text):
                yield action.place, f"The change to {action.table} fails a second time: it needs {wanted}."
    for constraint in view.phrase.constraints:
        named = re.match(r"constraint (\S+) ", constraint.text)
        if text.startswith("alter table") and named and not _dropped_before(view, constraint.table, named[1]):
            yield constraint.place, f"{named[1]} exists the second time: it needs DROP CONSTRAINT IF EXISTS before it."
    if text.startswith("insert into") and not re.search(r"\bon conflict\b|\bnot exists \(", text):
        yield 0, "The rows come twice when the file runs a second time: it needs ON CONFLICT or WHERE NOT EXISTS."


def _dropped_before(view: View, table: str, name: str) -> bool:
    for phrase in view.text.phrases:
        for action in phrase.actions:
            if action.table == table and re.match(rf"drop constraint if exists {re.escape(name)}(?: |$)", action.text):
                return True
        if phrase is view.phrase:
            return False
    return False


@rule("E025", "cascade", "Name every object that shall go in a DROP of its own.")
def cascade(view: View) -> Found:
    if re.match(r"(?:drop|truncate) .*\bcascade$", view.phrase.text):
        yield 0, "CASCADE takes along whatever hangs on it in this database, known or not."
    for action in view.phrase.actions:
        if re.match(r"drop .*\bcascade$", action.text):
            yield action.place, "CASCADE takes along whatever hangs on it in this database, known or not."


@rule("E026", "enum-value-used", "Use the new value in the next file: PostgreSQL knows it only after the commit.")
def enum_value_used(view: View) -> Found:
    found = re.match(r"alter type (\S+) add value (?:if not exists )?'0'", view.phrase.text)
    if found and view.text.file.transactional:
        value = view.phrase.literals[0]
        later = view.text.phrases[view.text.phrases.index(view.phrase) + 1 :]
        if any(value in phrase.literals for phrase in later if not phrase.text.startswith("comment on ")):
            yield 0, f"'{value}' is used in the file that adds it."


@rule("E027", "pending-constraints", "Begin the file with SET CONSTRAINTS ALL IMMEDIATE.")
def pending_constraints(view: View) -> Found:
    found = CHANGES_ROWS.match(view.phrase.text)
    if not found or view.text.says(r"set constraints all immediate", before=view.phrase):
        return
    table = re.escape(found["table"])
    later = view.text.said[view.text.phrases.index(view.phrase) + 1 :]
    if any(
        re.match(rf"alter table (?:if exists )?(?:only )?{table} |create .*index .* on {table} ", said)
        for said in later
    ):
        yield (
            0,
            f"PostgreSQL will not alter {found['table']} while changed rows wait for the check of their foreign keys.",
        )


@rule(
    "E028",
    "django-table",
    "Django's tables lie in another schema, out of sight of these files: change them by a migration of core.",
)
def django_table(view: View) -> Found:
    if found := re.search(
        r"(?:^| )(?P<name>core_user\w*|django_\w+|auth_(?:user|group|permission)\w*|django\.\S+)(?= |$)",
        view.phrase.text,
    ):
        yield found.start("name"), f"{found['name']} is not part of the schema that these files make."


UNFIT_TYPES = {
    r"(?:real|float[48]?|double precision)\b": "is not exact; write numeric",
    r"money\b": "depends on the session's locale; write numeric(20,4) and a currency",
    r"(?:small|big)?serial[248]?\b": "leaves its sequence to chance; write bigint GENERATED BY DEFAULT AS IDENTITY",
    r"timestamp\b(?:(?: \( \d+ \))? with time zone\b)?(?<!with time zone)": "is no instant; write timestamptz",
    r"(?:timetz|time(?: \( \d+ \))? with time zone)\b": "has no day to tell its offset; write timestamptz",
    r"json\b(?! \[)": "keeps text; write jsonb",
    r"(?:char|character|bpchar)(?! varying)\b": "is padded with blanks; write varchar",
}


@rule("E029", "column-type", "Numbers are exact, instants have a zone, text has no padding.")
def column_type(view: View) -> Found:
    typed = [(column.name, column.definition, column.place) for column in view.phrase.columns]
    typed += [
        (changed[1], changed[2], action.place)
        for action in view.phrase.actions
        if (changed := re.match(r"alter (?:column )?(\S+) (?:set data )?type (.*)", action.text))
    ]
    for name, definition, place in typed:
        for pattern, reason in UNFIT_TYPES.items():
            if found := re.match(pattern, definition):
                yield place, f"{name}: {found[0]} {reason}."


@rule("E030", "unnamed-constraint", "Write CONSTRAINT name before it: models and later files find it by its name.")
def unnamed_constraint(view: View) -> Found:
    for constraint in view.phrase.constraints:
        if not constraint.text.startswith("constraint "):
            yield constraint.place, f"A constraint of {constraint.table} has no name of ours."
    for column in view.phrase.columns:
        if re.search(
            r"(?<!constraint) (?!constraint)\S+ (?:check \(|unique\b|references )", f" {column.definition}"
        ) and (" constraint " not in f" {column.definition} "):
            yield column.place, f"A constraint of {column.table}.{column.name} has no name of ours."


@rule("E031", "unindexed-foreign-key", "Add CREATE INDEX IF NOT EXISTS idx_<table>_<column> ON <table> (<column>).")
def unindexed_foreign_key(view: View) -> Found:
    keys = [
        (constraint.table, found["column"], constraint.place)
        for constraint in view.phrase.constraints
        if (found := FOREIGN_KEY.search(constraint.text))
    ]
    keys += [
        (column.table, column.name, column.place)
        for column in view.phrase.columns
        if " references " in column.definition
    ]
    for table, column, place in keys:
        if (table, column) not in view.after.indexed:
            yield place, f"Every delete in the table that {table}.{column} refers to reads the whole of {table}."


@rule("E032", "view-without-security-invoker", "Add WITH (security_invoker = true).")
def view_without_security_invoker(view: View) -> Found:
    if re.match(r"create (?:or replace )?(?:recursive )?view ", view.phrase.text) and not re.search(
        r"security_invoker (?:= (?:true|on|1) )?[,)]", view.phrase.text
    ):
        yield 0, "The view shows its owner's rows to everybody: row security of its tables is not asked."


@rule("E033", "grant-to-everyone", "Grant to authenticated or service_role.")
def grant_to_everyone(view: View) -> Found:
    if re.match(r"grant .* to (?:.*, )?(?:public|anon)\b", view.phrase.text):
        yield 0, "Whoever can reach the database gets this right."


@rule("E034", "name-too-long", f"Names end after {NAME_BYTES} bytes; shorten it.")
def name_too_long(view: View) -> Found:
    for token in view.phrase.tokens:
        if token.kind in (Kind.WORD, Kind.QUOTED_NAME) and len(token.text.strip('"').encode()) > NAME_BYTES:
            yield 0, f"PostgreSQL would cut {token.text} without a word."


@rule("E035", "no-purpose", "Begin the file with a comment that says what it changes, and why.")
def no_purpose(view: View) -> Found:
    if view.phrase is view.text.phrases[0]:
        first = next(scan(view.text.file.sql))
        if first.kind != Kind.COMMENT or len(first.text) < 20:
            yield 0, "The file does not say what it is for."


MOMENT = re.compile(r"\bdefault (?:\( )?(?P<name>statement_timestamp|clock_timestamp|timeofday) \(")


@rule("E036", "default-of-statement", "Write now(), in the model TransactionNow(), which a transaction's rows share.")
def default_of_statement(view: View) -> Found:
    for column in view.phrase.columns:
        if found := MOMENT.search(column.definition):
            yield (
                column.place,
                f"{column.name}: {found['name']}() differs between the rows that one transaction writes.",
            )


# What locks, rewrites or loses much


def _is_large(before: Schema, table: str) -> bool:
    """Whether the table was there before the file and may have very many rows."""
    return table in before.tables and table not in FEW_ROWS | before.lookups


def _large(view: View, made: Iterable[Part]) -> Iterator[Part]:
    """Those parts of an ALTER TABLE that are of a large table."""
    if ALTER_TABLE.match(view.phrase.text):
        yield from (part for part in made if _is_large(view.before, part.table))


REWRITING = re.compile(r"alter (?:column )?\S+ (?:set data )?type\b|set (?:logged|unlogged|tablespace|access method)\b")


@rule("W011", "rewrites-table", "Add a new column, fill it in batches, and swap names in a later file.", only_new=True)
def rewrites_table(view: View) -> Found:
    for action in _large(view, view.phrase.actions):
        if REWRITING.match(action.text):
            yield action.place, f"{action.table} may be written anew while nobody can read it."
    for column in _large(view, view.phrase.columns):
        if reason := _fills_each_row(column.definition):
            yield column.place, f"{column.table} is written anew while nobody can read it: {column.name} {reason}."
    found = re.match(r"(?:cluster|vacuum (?:\( )?full(?: \))?) (\S+)", view.phrase.text)
    if found and _is_large(view.before, found[1]):
        yield 0, f"{found[1]} is written anew while nobody can read it."


# Functions that give every row of a statement the same value.
STABLE = frozenset({"now", "transaction_timestamp", "current_setting", "make_interval", "coalesce"})
DEFAULT = re.compile(r"\bdefault (?P<value>.*?)(?= (?:constraint|check|references|unique|primary|generated) |$)")
CAST = re.compile(r":: [\w.]+(?: varying| precision)?(?: \( [\d ,]+ \))?")


def _fills_each_row(definition: str) -> str:
    """Why a column of this definition cannot be added without writing every row; empty when it can."""
    if re.search(r"\bgenerated (?:always|by default) as identity\b|^(?:small|big)?serial\b", definition):
        return "is numbered row by row"
    if re.search(r"\bgenerated always as \(.*\) stored\b", definition):
        return "is computed row by row"
    if default := DEFAULT.search(definition):
        for called in re.findall(r"\b([a-z_][\w.]*) \(", CAST.sub("", default["value"])):
            if called.removeprefix("pg_catalog.") not in STABLE:
                return f"has a default that {called} gives row by row"
    return ""


@rule("W012", "scans-under-lock", "Add it NOT VALID here and VALIDATE it in the next file.", only_new=True)
def scans_under_lock(view: View) -> Found:
    for constraint in _large(view, view.phrase.constraints):
        if re.search(r"\bcheck \(|\bforeign key\b", constraint.text) and not constraint.text.endswith("not valid"):
            yield constraint.place, f"{constraint.table} is read whole while nobody can write to it."
    for column in _large(view, view.phrase.columns):
        if re.search(r"\bcheck \(|\breferences\b", column.definition):
            yield column.place, f"{column.table} is read whole while nobody can write to it."
    for action in _large(view, view.phrase.actions):
        name = action.text.split()[-1]
        is_validated = action.text == f"validate constraint {name}"
        if is_validated and view.text.file.transactional and _added_here(view, action.table, name):
            yield action.place, f"{name} is validated under the lock that adding it took."


@rule(
    "W017",
    "not-null-under-lock",
    "Add a CHECK (... IS NOT NULL) NOT VALID, validate it in the next file: PostgreSQL then takes its word.",
    only_new=True,
)
def not_null_under_lock(view: View) -> Found:
    for action in _large(view, view.phrase.actions):
        found = re.fullmatch(r"alter (?:column )?(\S+) set not null", action.text)
        if found and (action.table, found[1]) not in view.before.proved_not_null:
            yield action.place, f"{action.table} is read whole for nulls in {found[1]} while nobody can use it."


def _added_here(view: View, table: str, name: str) -> bool:
    return any(
        constraint.table == table and constraint.text.startswith(f"constraint {name} ")
        for phrase in view.text.phrases
        for constraint in phrase.constraints
    )


@rule(
    "W013",
    "index-blocks-writes",
    "Use CREATE INDEX CONCURRENTLY in a file without a transaction; for a constraint, then USING INDEX.",
    only_new=True,
)
def index_blocks_writes(view: View) -> Found:
    index = CREATE_INDEX.match(view.phrase.text)
    if index and not index["concurrently"] and _is_large(view.before, index["table"]):
        yield 0, f"Nobody can write to {index['table']} while it is indexed."
    for constraint in _large(view, view.phrase.constraints):
        if re.search(r"\b(?:unique|primary key|exclude)\b", constraint.text) and "using index" not in constraint.text:
            yield constraint.place, f"Nobody can use {constraint.table} while it is indexed."
    found = re.match(r"reindex (?:\( [^()]* \) )?(?P<kind>table|index) (?!concurrently)(?P<name>\S+)", view.phrase.text)
    if found and (found["kind"] == "index" or _is_large(view.before, found["name"])):
        yield 0, f"Nobody can write while {found['name']} is built anew."


@rule(
    "W014",
    "changes-many-rows",
    "Change rows in batches by a command; the file only makes room for them.",
    only_new=True,
)
def changes_many_rows(view: View) -> Found:
    found = re.match(r"(?:update|delete from) (?:only )?(\S+)", view.phrase.text)
    if found and _is_large(view.before, found[1]):
        yield 0, f"Every changed row of {found[1]} stays locked until the whole file is done."


@rule(
    "W015",
    "breaks-running-code",
    "Add the new name, let the program use it, and drop the old one in a later file.",
    only_new=True,
)
def breaks_running_code(view: View) -> Found:
    for action in view.phrase.actions:
        if action.table in view.before.tables and re.match(r"rename (?:to|column|(?!constraint)\S+ to)\b", action.text):
            yield action.place, f"A program that runs meanwhile asks {action.table} by its old name."


@rule("W016", "drops-data", "Let the program stop using it first; say what became of the rows.", only_new=True)
def drops_data(view: View) -> Found:
    for action in view.phrase.actions:
        if action.table in view.before.tables and re.match(r"drop (?!constraint|expression|identity)", action.text):
            yield action.place, f"What {action.table} holds there is lost."
    for dropped in re.finditer(
        r"^(?:drop table (?:if exists )?|truncate (?:table )?(?:only )?)(\S+)", view.phrase.text
    ):
        if dropped[1] in view.before.tables:
            yield 0, f"All rows of {dropped[1]} are lost."

"""SQL taken apart: every token, every statement, and which edits change what a file says.

PostgreSQL's own parser, by way of pglast, is the judge of every mutation.
"""

import random
import re
from collections.abc import Callable, Iterator

import pglast
import pytest

from database.history import read_history
from database.tokens import BYTE_ORDER_MARK, Kind, Token, blank, fingerprint, meaningful, scan, statements
from tests.soak import rounds

HISTORY = {file.name: file.sql for file in read_history()}
POSITION = re.compile(r',?"(?:[a-z_]*location|stmt_len|\w+_list_(?:start|end))":-?\d+')


@pytest.mark.parametrize(
    "sql, expected",
    [
        ("a --b\n+c", "WORD a, SIGN +, WORD c"),
        ("a--b\rc", "WORD a, WORD c"),
        ("a /* b /* c */ ; */ d", "WORD a, WORD d"),
        ("a*/*x*/-1", "WORD a, SIGN *, SIGN -, NUMBER 1"),
        ("a<-1", "WORD a, SIGN <, SIGN -, NUMBER 1"),
        ("a @- 1", "WORD a, SIGN @-, NUMBER 1"),
        ("a->>'b'", "WORD a, SIGN ->>, STRING 'b'"),
        ("A::Text", "WORD a, SIGN ::, WORD text"),
        (
            "f(x => 1.5e3, y := .5)",
            "WORD f, SIGN (, WORD x, SIGN =>, NUMBER 1.5e3, SIGN ,, WORD y, SIGN :=, NUMBER .5, SIGN )",
        ),
        ("1..10", "NUMBER 1, SIGN .., NUMBER 10"),
        ("$1 x$1 $a$ 'b $a$", "NUMBER $1, WORD x$1, BODY $a$ 'b $a$"),
        ("$$ $a$ ; $a$ $$", "BODY $$ $a$ ; $a$ $$"),
        ("'it''s; --' E'a\\'; B'", "STRING 'it''s; --', STRING e'a\\'; B'"),
        ('"A ""b"";" U&"C" x\'1F\'', 'QUOTED_NAME "A ""b"";", QUOTED_NAME u&"C", STRING x\'1F\''),
        ("Größe straße_1", "WORD größe, WORD straße_1"),
    ],
)
def test_tokens_are_those_of_postgresql(sql: str, expected: str) -> None:
    assert ", ".join(f"{token.kind.name} {token.folded}" for token in meaningful(sql)) == expected


@pytest.mark.parametrize("name", HISTORY)
def test_no_character_of_a_file_is_lost(name: str) -> None:
    assert "".join(token.text for token in scan(HISTORY[name])) == HISTORY[name]
    assert [len(line) for line in blank(HISTORY[name]).split("\n")] == [len(line) for line in HISTORY[name].split("\n")]


@pytest.mark.parametrize("name", HISTORY)
def test_statements_are_those_of_postgresql(name: str) -> None:
    assert len(list(statements(HISTORY[name]))) == len(pglast.parse_sql(HISTORY[name]))


def test_a_body_of_statements_is_one_statement() -> None:
    sql = (
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;\n"
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);\nSELECT 3;"
    )
    assert [(one.line, one.text.split()[0], one.text.split()[-1]) for one in statements(sql)] == [
        (1, "CREATE", "END"),
        (2, "CREATE", "2)"),
        (3, "SELECT", "3"),
    ]
    assert len(pglast.parse_sql(sql)) == 3


@pytest.mark.parametrize(
    "one, other",
    [
        ("SELECT 1;", "select\t1 ;\r\n-- done"),
        ("SELECT 'a'\n'b'", "SELECT 'a' -- more\r\n   'b'"),
        ('SELECT "a" FROM B', BYTE_ORDER_MARK + 'select"a"from b'),
        ("SELECT e'x' , 1E5", "SELECT E'x',1e5"),
        ("DO $$\nBEGIN\nEND $$", "do $$\r\nBEGIN\r\nEND $$"),
    ],
)
def test_looks_do_not_count(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    "one, other",
    [
        ("SELECT 'a'", "SELECT 'A'"),
        ("SELECT 'a  b'", "SELECT 'a b'"),
        ("SELECT 'a'\n'b'", "SELECT 'a' 'b'"),
        ("SELECT 'ab'", "SELECT 'a' 'b'"),
        ('SELECT "a"', 'SELECT "A"'),
        ("SELECT a", "SELECT 'a'"),
        ("SELECT a b", "SELECT ab"),
        ("SELECT 1.5", "SELECT 1 .5"),
        ("SELECT a - -1", "SELECT a --1"),
        ("SELECT a < -1", "SELECT a <-1 + 0"),
        ("DO $$ BEGIN END $$", "DO $$ begin END $$"),
        ("DO $$ BEGIN END $$", "DO $$ BEGIN END  $$"),
        ("DO $$ BEGIN /* a */ END $$", "DO $$ BEGIN /* b */ END $$"),
        ("SELECT É", "SELECT é"),
        ("a;b", "a b"),
        ("SELECT /* 1 */ 2", "SELECT /* /* 1 */ 2"),
    ],
)
def test_what_is_said_counts(one: str, other: str) -> None:
    assert fingerprint(one) != fingerprint(other)


Mutation = Callable[[random.Random, str], str]


def each(change: Callable[[random.Random, Token], str]) -> Mutation:
    """A mutation that offers every token to `change`."""
    return lambda chance, sql: "".join(change(chance, token) for token in scan(sql))


def indented(chance: random.Random, token: Token) -> str:
    """Lines further in or out, with blanks at the end of the line before and empty lines between."""
    if token.kind != Kind.SPACE or "\n" not in token.text or chance.random() < 0.5:
        return token.text
    return chance.choice(["", " ", "\t "]) + "\n" * chance.randint(1, 3) + " " * chance.randint(0, 9)


def cased(chance: random.Random, token: Token) -> str:
    if token.kind != Kind.WORD:
        return token.text
    return chance.choice([token.text.upper(), token.text.lower(), token.text.title()])


def recommented(chance: random.Random, token: Token) -> str:
    if token.kind != Kind.COMMENT:
        return token.text
    return chance.choice(['-- O\'Hara says $$ "otherwise"; /*', "/* DROP TABLE meter; /* ' */ */", ""])


def spaced(chance: random.Random, token: Token) -> str:
    """More space, or a comment, after one token in twenty."""
    if token.kind == Kind.COMMENT or chance.random() < 0.95:
        return token.text
    return token.text + chance.choice([" ", "\t", "\f", "\n", " /* ; */ ", " -- '\n"])


COSMETIC: dict[str, Mutation] = {
    "line ends": lambda chance, sql: sql.replace("\n", "\r\n"),
    "byte order mark": lambda chance, sql: BYTE_ORDER_MARK + sql,
    "header": lambda chance, sql: f"-- Seen by {chance.randint(0, 999)}; it's fine.\n\n{sql}",
    "end": lambda chance, sql: sql.rstrip() + chance.choice(["", "\n\n", "\n-- vim: ts=4", " /**/"]),
    "indentation": each(indented),
    "case": each(cased),
    "comments": each(recommented),
    "space": each(spaced),
}


def in_sentence(chance: random.Random, sql: str) -> str:
    """One token changed, dropped or written twice; in a literal or a body one character."""
    token = chance.choice([one for one in meaningful(sql) if one.text not in (";", ",")])
    inside = token.text
    if token.kind in (Kind.STRING, Kind.QUOTED_NAME, Kind.BODY) and len(inside) > 4:
        place = chance.randrange(2, len(inside) - 2)
        wrong = chance.choice([one for one in "aZ0 _-\n" if one != inside[place]])
        text = inside[:place] + wrong + inside[place + chance.randint(0, 1) :]
    elif token.kind == Kind.NUMBER:
        text = str(chance.randint(100, 999))
    elif token.kind == Kind.WORD:
        text = chance.choice([inside + "x", inside[:-1], "", "integer", f"{inside} {inside}"])
    else:
        text = chance.choice(["", inside * 2, "=", "<="])
    return sql[: token.start] + text + sql[token.end :]


def nullable(chance: random.Random, sql: str) -> str:
    found = list(re.finditer(r" NOT NULL", sql))
    if not found:
        return sql
    one = chance.choice(found)
    return sql[: one.start()] + sql[one.end() :]


def in_a_body(chance: random.Random, sql: str) -> str:
    """A word, a comment or the white space in a function changed."""
    bodies = [token for token in scan(sql) if token.kind == Kind.BODY]
    if not bodies:
        return sql
    body = chance.choice(bodies)
    one = chance.choice([token for token in scan(body.text[2:-2]) if token.text.strip(";")])
    start = body.start + 2 + one.start
    text = one.text.swapcase() if one.text.swapcase() != one.text else one.text + " "
    return sql[:start] + text + sql[start + len(one.text) :]


SEMANTIC: dict[str, Mutation] = {"one token": in_sentence, "not null": nullable, "body": in_a_body}


def parsed(sql: str) -> str:
    """What PostgreSQL's parser makes of it, without positions; what it says where it refuses."""
    try:
        return POSITION.sub("", pglast.parser.parse_sql_json(sql.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n")))
    except pglast.parser.ParseError as error:
        return f"refused: {error}"


def mutations(kinds: dict[str, Mutation], same: bool) -> Iterator[tuple[str, str, str]]:
    """Name of the file, kind of mutation and mutated text, of which the parser thinks as `same` says."""
    chance = random.Random(20260101)
    originals = {name: parsed(sql) for name, sql in HISTORY.items()}
    made = 0
    while made < rounds(500, 40):
        name, kind = chance.choice(list(HISTORY)), list(kinds)[made % len(kinds)]
        mutated = kinds[kind](chance, HISTORY[name])
        if mutated != HISTORY[name] and (parsed(mutated) == originals[name]) == same:
            yield name, kind, mutated
            made += 1


@pytest.mark.soak
def test_every_cosmetic_mutation_is_called_cosmetic() -> None:
    wrong = [
        (name, kind)
        for name, kind, mutated in mutations(COSMETIC, same=True)
        if fingerprint(mutated) != fingerprint(HISTORY[name])
    ]
    assert wrong == []


@pytest.mark.soak
def test_every_semantic_mutation_is_called_changed() -> None:
    wrong = [
        (name, kind, mutated)
        for name, kind, mutated in mutations(SEMANTIC, same=False)
        if fingerprint(mutated) == fingerprint(HISTORY[name])
    ]
    assert wrong == []


def test_a_cosmetic_mutation_of_every_kind_is_one_to_the_parser() -> None:
    """So that none of the kinds is left out because the parser thinks otherwise of it."""
    chance = random.Random(7)
    for kind, mutate in COSMETIC.items():
        for name, sql in HISTORY.items():
            assert parsed(mutate(chance, sql)) == parsed(sql), (kind, name)

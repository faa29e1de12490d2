"""What the statements of a schema file say they do, read with PostgreSQL's own grammar, as a forecast of the catalog.

Needs pglast, a development dependency. An outline is a catalog reduced to what grammar alone can tell: every object
by kind and identity; of columns the type and NOT NULL, of keys their columns, of enums the labels. What a statement
does by running code (a DO block, a function it calls) no grammar can tell: such a statement is opaque.
"""

# pglast types every field of every node as optional; the grammar says which are there.
# mypy: disable-error-code="arg-type,attr-defined,index,operator,union-attr"

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

from pglast import ast, parse_sql
from pglast.enums import AlterTableType, ConstrType, DropBehavior, FunctionParameterMode, GrantTargetType, ObjectType
from pglast.keywords import COL_NAME_KEYWORDS, RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS
from pglast.parser import ParseError

from database.catalog import Catalog, Key
from database.errors import HistoryError

Outline = dict[Key, str]

QUOTED_KEYWORDS = COL_NAME_KEYWORDS | RESERVED_KEYWORDS | TYPE_FUNC_NAME_KEYWORDS
LONGEST_NAME = 63
CONSTRAINTS = {
    ConstrType.CONSTR_PRIMARY: "primary key",
    ConstrType.CONSTR_UNIQUE: "unique",
    ConstrType.CONSTR_FOREIGN: "foreign key",
    ConstrType.CONSTR_CHECK: "check",
    ConstrType.CONSTR_EXCLUSION: "exclusion",
}
DEFERRABLE = frozenset({ConstrType.CONSTR_ATTR_DEFERRABLE, ConstrType.CONSTR_ATTR_DEFERRED})
TIMING = DEFERRABLE | {ConstrType.CONSTR_ATTR_NOT_DEFERRABLE, ConstrType.CONSTR_ATTR_IMMEDIATE}
KINDS = {
    ObjectType.OBJECT_TABLE: ("table",),
    ObjectType.OBJECT_VIEW: ("view",),
    ObjectType.OBJECT_MATVIEW: ("materialized view",),
    ObjectType.OBJECT_SEQUENCE: ("sequence",),
    ObjectType.OBJECT_TYPE: ("enum", "domain"),
    ObjectType.OBJECT_DOMAIN: ("domain",),
    ObjectType.OBJECT_FUNCTION: ("function",),
    ObjectType.OBJECT_PROCEDURE: ("procedure",),
    ObjectType.OBJECT_ROUTINE: ("function", "procedure"),
    ObjectType.OBJECT_INDEX: ("index",),
    ObjectType.OBJECT_POLICY: ("policy",),
    ObjectType.OBJECT_TRIGGER: ("trigger",),
    ObjectType.OBJECT_TABCONSTRAINT: tuple(CONSTRAINTS.values()),
    ObjectType.OBJECT_COLUMN: ("column",),
    ObjectType.OBJECT_STATISTIC_EXT: ("statistics",),
    ObjectType.OBJECT_SCHEMA: ("schema",),
}
SERIAL = {"serial": "int4", "bigserial": "int8", "smallserial": "int2"}
ROW_SECURITY = {
    AlterTableType.AT_EnableRowSecurity: ("DISABLED", "ENABLED"),
    AlterTableType.AT_DisableRowSecurity: ("ENABLED", "DISABLED"),
    AlterTableType.AT_ForceRowSecurity: ("", ", FORCED"),
    AlterTableType.AT_NoForceRowSecurity: (", FORCED", ""),
}
COLUMN_DETAILS = frozenset(
    {AlterTableType.AT_ColumnDefault, AlterTableType.AT_SetIdentity, AlterTableType.AT_DropIdentity}
)
ALTERATIONS = {
    AlterTableType.AT_AddColumn,
    AlterTableType.AT_DropColumn,
    AlterTableType.AT_AddConstraint,
    AlterTableType.AT_DropConstraint,
    AlterTableType.AT_ValidateConstraint,
    AlterTableType.AT_SetNotNull,
    AlterTableType.AT_DropNotNull,
    AlterTableType.AT_AlterColumnType,
    AlterTableType.AT_ChangeOwner,
    *COLUMN_DETAILS,
    *ROW_SECURITY,
}
VERBS = {
    ast.InsertStmt: "INSERT",
    ast.UpdateStmt: "UPDATE",
    ast.DeleteStmt: "DELETE",
    ast.MergeStmt: "MERGE",
    ast.CopyStmt: "COPY",
}
# Change no object of the catalog.
SETTINGS = (ast.VariableSetStmt, ast.ConstraintsSetStmt, ast.CreateExtensionStmt, ast.LockStmt)


class Statement:
    """One statement as the grammar reads it."""

    def __init__(self, text: str, line: int, node: ast.Node) -> None:
        self.text, self.line, self.node = text, line, node

    @property
    def opaque(self) -> bool:
        """Whether only the catalog can tell what it does."""
        node = self.node
        if isinstance(node, ast.CreateStmt):
            like = any(isinstance(part, ast.TableLikeClause) for part in node.tableElts or ())
            return like or bool(node.inhRelations or node.partbound or node.ofTypename)
        if isinstance(node, ast.AlterTableStmt):
            on_table = node.objtype == ObjectType.OBJECT_TABLE
            return not (on_table and all(command.subtype in ALTERATIONS for command in node.cmds)) or any(
                isinstance(command.def_, ast.Constraint) and command.def_.indexname for command in node.cmds
            )
        if isinstance(node, ast.GrantStmt):
            return node.targtype != GrantTargetType.ACL_TARGET_OBJECT or node.objtype not in KINDS
        if isinstance(node, ast.DropStmt):
            return node.removeType not in KINDS
        if isinstance(node, ast.CommentStmt):
            return node.objtype not in KINDS
        return not isinstance(node, (*SETTINGS, *VERBS, ast.TruncateStmt, ast.RenameStmt)) and not hasattr(
            Forecast, method_name(node)
        )

    @property
    def far_reaching(self) -> bool:
        """Whether what depends on its object goes or changes with it."""
        if isinstance(self.node, ast.AlterTableStmt):
            far = (AlterTableType.AT_DropColumn, AlterTableType.AT_AlterColumnType)
            return any(
                command.subtype in far or command.behavior == DropBehavior.DROP_CASCADE for command in self.node.cmds
            )
        return isinstance(self.node, (ast.DropStmt, ast.RenameStmt))

    @property
    def alone(self) -> bool:
        """Whether the catalog is to be read right before and right after it."""
        return self.opaque or self.far_reaching

    @property
    def concurrent(self) -> bool:
        """Whether it refuses to run in a transaction."""
        return bool(getattr(self.node, "concurrent", False))


def read_statements(sql: str, name: str) -> list[Statement]:
    """The statements of a file in order; HistoryError with the line where it is not PostgreSQL's SQL."""
    try:
        parsed = parse_sql(sql)
    except ParseError as error:
        said, place = error.args
        raise HistoryError(f"{name}, line {sql.count(chr(10), 0, place) + 1}: {said}.") from error
    found = []
    for raw in parsed:
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(sql)
        found.append(Statement(sql[raw.stmt_location : end], sql.count("\n", 0, raw.stmt_location) + 1, raw.stmt))
    return found


@dataclass(frozen=True, order=True)
class Write:
    """A statement in plain sight that writes rows of a table of the schema `public`."""

    table: str
    verb: str
    line: int


class Forecast:
    """The catalog that statements lead to, from the catalog before them."""

    def __init__(self, before: Catalog) -> None:
        self.before = {reduce_key(key): definition for key, definition in before.items()}
        self.outline = outline(before)
        self.touched: set[Key] = set()  # may have another definition than before
        self.moved: set[Key] = set()  # made or removed: default grants come and go with them
        self.uncertain: set[Key] = set()  # grants: whether one remains depends on what was granted before
        self.dropped: list[tuple[str, str]] = []  # (table or other object, column or "")
        self.renamed: list[tuple[str, str]] = []
        self.writes: list[Write] = []

    def read(self, statement: Statement) -> None:
        """Adds what the statement says it does; an opaque one says nothing."""
        if statement.opaque:
            return
        for node in walk(statement.node):
            if isinstance(node, tuple(VERBS)) and (table := ours(node.relation)):
                self.writes.append(Write(table, VERBS[type(node)], statement.line))
        if isinstance(statement.node, ast.TruncateStmt):
            tables = [table for relation in statement.node.relations if (table := ours(relation))]
            self.writes += [Write(table, "TRUNCATE", statement.line) for table in tables]
        elif not isinstance(statement.node, (*SETTINGS, *VERBS)):
            getattr(self, method_name(statement.node))(statement.node)

    def disagreements(self, after: Catalog) -> Iterator[str]:
        """Where the catalog after the statements is not what they say; none when the two agree."""
        expected, found = self._rename(self.outline), self._rename(outline(after))
        was = self._rename(self.before)
        now = self._rename({reduce_key(key): definition for key, definition in after.items()})
        touched = self._rename(dict.fromkeys(self.touched, ""))
        for key in sorted(expected.keys() | found.keys()):
            name = " ".join(key)
            if self._follows(key):
                continue
            if key not in found:
                if not self._fell(key):
                    yield f"{name} should be there by the statements; the catalog has none"
            elif key not in expected:
                yield f"{name} is in the catalog, and no statement makes it"
            elif expected[key] != found[key]:
                yield f"{name} should be {expected[key]} by the statements; the catalog has {found[key]}"
            elif key in was and was[key] != now[key] and key not in touched and not self._adapted(key, was[key]):
                yield f"{name} changed in the catalog, and no statement says so"

    def _rename(self, mapping: dict[Key, str]) -> dict[Key, str]:
        for old, new in self.renamed:
            word = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)")
            mapping = {
                (kind, word.sub(new, identity)): word.sub(new, text) for (kind, identity), text in mapping.items()
            }
        return mapping

    def _follows(self, key: Key) -> bool:
        """Whether a grant came or went with its object, or depends on earlier grants."""
        kind, identity = key
        owner = identity.rpartition(" to ")[0]
        return key in self.uncertain or (kind == "grant" and any(owner == " ".join(moved) for moved in self.moved))

    def _fell(self, key: Key) -> bool:
        """Whether an object went, or changed, with something that was dropped or altered under it."""
        text = f"{key[1]} {self.before.get(key, '')}"
        if key[0] == "comment":
            # It goes with what it is about, whose definition tells what that rests on.
            text += "".join(f" {definition}" for about, definition in self.before.items() if " ".join(about) == key[1])
        return any(
            re.search(rf"(?<!\w){re.escape(whole)}(?!\w)", text)
            and (not part or re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text))
            for whole, part in self.dropped
        )

    def _adapted(self, key: Key, definition: str) -> bool:
        """Whether an object changed with what lies under it; a view shows a renamed column by the name it had."""
        shows_renamed = key[0] in ("view", "materialized view") and any(
            re.search(rf"(?<!\w){re.escape(new)}(?!\w)", definition) for _, new in self.renamed
        )
        return shows_renamed or self._fell(key)

    # Single objects

    def _make(self, kind: str, identity: str, essence: str = "") -> None:
        key = (kind, identity)
        if key not in self.outline:
            self.moved.add(key)
        self.outline[key] = essence
        self.touched.add(key)

    def _remove(self, kind: str, identity: str) -> None:
        if self.outline.pop((kind, identity), None) is not None:
            self.moved.add((kind, identity))
            self.touched.add((kind, identity))
            self.outline.pop(("comment", f"{kind} {identity}"), None)

    def _find(self, kinds: Iterable[str], identity: str) -> list[Key]:
        """The objects of these kinds with this identity, or with this last part where it has no table."""
        return [
            key
            for key in self.outline
            if key[0] in kinds and (key[1] == identity or (key[0] == "index" and key[1].rpartition(".")[2] == identity))
        ]

    def _column(self, table: str, column: str, kind: str, not_null: bool) -> None:
        self._make("column", f"{table}.{column}", kind + " NOT NULL" * not_null)

    # Statements, by the name of their node

    def on_create_stmt(self, node: ast.CreateStmt) -> None:
        table = ours(node.relation)
        if not table or (node.if_not_exists and ("table", table) in self.outline):
            return
        self._make("table", table)
        self._make("row security", table, "DISABLED")
        parts = node.tableElts or ()
        for part in parts:
            if isinstance(part, ast.ColumnDef):
                self._add_column(table, part)
        for part in parts:
            if isinstance(part, ast.Constraint):
                self._add_constraint(table, part, [])

    def _add_column(self, table: str, part: ast.ColumnDef) -> None:
        column, kind = quote(part.colname), type_name(part.typeName)
        constraints = part.constraints or ()
        types = {constraint.contype for constraint in constraints}
        serial = kind in SERIAL
        if serial or ConstrType.CONSTR_IDENTITY in types:
            self._make("sequence", quote(chosen_name(unquote(table), part.colname, "seq")))
        not_null = serial or bool(
            types & {ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_PRIMARY, ConstrType.CONSTR_IDENTITY}
        )
        self._column(table, column, SERIAL.get(kind, kind), not_null)
        for place, constraint in enumerate(constraints):
            # What follows a key of a column is a part of it: [NOT] DEFERRABLE, INITIALLY DEFERRED.
            following = [
                after.contype for after in takewhile(lambda after: after.contype in TIMING, constraints[place + 1 :])
            ]
            constraint.deferrable |= not DEFERRABLE.isdisjoint(following)
            constraint.initdeferred |= ConstrType.CONSTR_ATTR_DEFERRED in following
            self._add_constraint(table, constraint, [column])

    def _add_constraint(self, table: str, constraint: ast.Constraint, columns: list[str]) -> None:
        kind = CONSTRAINTS.get(constraint.contype)
        if kind is None:
            return
        columns = columns or names_in(constraint.fk_attrs or constraint.keys)
        columns = columns or [quote(element.name or "expr") for element, _ in constraint.exclusions or ()]
        label = {"primary key": "pkey", "unique": "key", "foreign key": "fkey", "check": "check"}.get(kind, "excl")
        if constraint.conname:
            name = quote(constraint.conname)
        else:
            if kind == "check" and not columns:
                mentioned = {node.fields[-1].sval for node in walk(constraint) if isinstance(node, ast.ColumnRef)}
                columns = sorted(mentioned) if len(mentioned) == 1 else []
            middle = "" if kind == "primary key" else "_".join(unquote(column) for column in columns)
            name = quote(chosen_name(unquote(table), middle, label))
        self._make(kind, f"{table}.{name}", self._key_essence(kind, constraint, columns))
        if kind == "primary key":
            for column in columns:
                essence = self.outline[("column", f"{table}.{column}")]
                self._make("column", f"{table}.{column}", essence.removesuffix(" NOT NULL") + " NOT NULL")

    def _key_essence(self, kind: str, constraint: ast.Constraint, columns: list[str]) -> str:
        if kind == "foreign key" and not constraint.pk_attrs:
            target = relation_name(constraint.pktable)
            keys = [
                essence
                for key, essence in self.outline.items()
                if key[0] == "primary key" and key[1].startswith(f"{target}.")
            ]
            return key_essence(kind, constraint, columns, keys[0] if keys else "()")
        return key_essence(kind, constraint, columns)

    def on_alter_table_stmt(self, node: ast.AlterTableStmt) -> None:
        table = ours(node.relation)
        if not table or ("table", table) not in self.outline:
            return
        # As PostgreSQL does it: what is dropped goes first, whatever the order of writing.
        drops = (AlterTableType.AT_DropColumn, AlterTableType.AT_DropConstraint)
        for command in sorted(node.cmds, key=lambda command: command.subtype not in drops):
            self._alter(table, command)

    def _alter(self, table: str, command: ast.AlterTableCmd) -> None:
        name = quote(command.name) if command.name else ""
        key = ("column", f"{table}.{name}")
        match command.subtype:
            case AlterTableType.AT_AddColumn:
                column = ("column", f"{table}.{quote(command.def_.colname)}")
                if not (command.missing_ok and column in self.outline):
                    self._add_column(table, command.def_)
            case AlterTableType.AT_DropColumn:
                self._remove(*key)
                self.dropped.append((table, name))
            case AlterTableType.AT_AddConstraint:
                self._add_constraint(table, command.def_, [])
            case AlterTableType.AT_DropConstraint:
                for found in self._find(CONSTRAINTS.values(), f"{table}.{name}"):
                    self._remove(*found)
                if command.behavior == DropBehavior.DROP_CASCADE:
                    self.dropped.append((table, ""))
            case AlterTableType.AT_ValidateConstraint:
                self.touched.update(self._find(CONSTRAINTS.values(), f"{table}.{name}"))
            case AlterTableType.AT_SetNotNull | AlterTableType.AT_DropNotNull if key in self.outline:
                not_null = command.subtype == AlterTableType.AT_SetNotNull
                self._column(table, name, self.outline[key].removesuffix(" NOT NULL"), not_null)
            case AlterTableType.AT_AlterColumnType if key in self.outline:
                self._column(table, name, type_name(command.def_.typeName), self.outline[key].endswith(" NOT NULL"))
                self.dropped.append((table, name))
            case subtype if subtype in COLUMN_DETAILS:
                self.touched.add(key)
                if subtype == AlterTableType.AT_DropIdentity:
                    self._remove("sequence", quote(chosen_name(unquote(table), command.name, "seq")))
            case subtype if subtype in ROW_SECURITY:
                old, new = ROW_SECURITY[subtype]
                state = self.outline[("row security", table)]
                self._make("row security", table, state.replace(old, new) if old else state.removesuffix(new) + new)

    def on_index_stmt(self, node: ast.IndexStmt) -> None:
        table = ours(node.relation)
        if not table:
            return
        if node.idxname:
            name = quote(node.idxname)
        else:
            columns = "_".join(part.name or "expr" for part in node.indexParams)
            name = quote(chosen_name(unquote(table), columns, "idx"))
        if not (node.if_not_exists and self._find(["index"], name)):
            self._make("index", f"{table}.{name}")

    def on_create_enum_stmt(self, node: ast.CreateEnumStmt) -> None:
        if name := our_name(node.typeName):
            self._make("enum", name, ", ".join(literal(label.sval) for label in node.vals or ()))

    def on_alter_enum_stmt(self, node: ast.AlterEnumStmt) -> None:
        name = our_name(node.typeName)
        if name is None or ("enum", name) not in self.outline:
            return
        labels = re.findall(r"'(?:[^']|'')*'", self.outline[("enum", name)])
        new = literal(node.newVal)
        if node.oldVal:
            labels = [new if label == literal(node.oldVal) else label for label in labels]
        elif new not in labels:
            neighbour = labels.index(literal(node.newValNeighbor)) + node.newValIsAfter if node.newValNeighbor else None
            labels.insert(len(labels) if neighbour is None else neighbour, new)
        self._make("enum", name, ", ".join(labels))

    def on_create_function_stmt(self, node: ast.CreateFunctionStmt) -> None:
        if name := our_name(node.funcname):
            self._make("procedure" if node.is_procedure else "function", signature(name, node.parameters))

    def on_create_policy_stmt(self, node: ast.CreatePolicyStmt) -> None:
        if table := ours(node.table):
            self._make("policy", f"{table}.{quote(node.policy_name)}")

    on_alter_policy_stmt = on_create_policy_stmt

    def on_create_trig_stmt(self, node: ast.CreateTrigStmt) -> None:
        if table := ours(node.relation):
            self._make("trigger", f"{table}.{quote(node.trigname)}")

    def on_create_seq_stmt(self, node: ast.CreateSeqStmt) -> None:
        name = ours(node.sequence)
        if name and not (node.if_not_exists and ("sequence", name) in self.outline):
            self._make("sequence", name)

    def on_alter_seq_stmt(self, node: ast.AlterSeqStmt) -> None:
        if name := ours(node.sequence):
            self.touched.add(("sequence", name))

    def on_view_stmt(self, node: ast.ViewStmt) -> None:
        if name := ours(node.view):
            self._make("view", name)

    def on_create_domain_stmt(self, node: ast.CreateDomainStmt) -> None:
        if name := our_name(node.domainname):
            self._make("domain", name)

    def on_create_stats_stmt(self, node: ast.CreateStatsStmt) -> None:
        if node.defnames and (name := our_name(node.defnames)):
            self._make("statistics", name)

    def on_comment_stmt(self, node: ast.CommentStmt) -> None:
        if node.objtype == ObjectType.OBJECT_SCHEMA:
            return  # a catalog does not tell it
        for kind, identity in self._named(node.objtype, node.object):
            self._remove("comment", f"{kind} {identity}")
            if node.comment is not None:
                self._make("comment", f"{kind} {identity}")

    def on_grant_stmt(self, node: ast.GrantStmt) -> None:
        roles = ["PUBLIC" if role.rolename is None else quote(role.rolename) for role in node.grantees]
        for target in node.objects:
            for kind, identity in self._named(node.objtype, target):
                of_columns = [
                    f"column {identity}.{quote(column.sval)}"
                    for privilege in node.privileges or ()
                    for column in privilege.cols or ()
                ]
                for role in roles:
                    self.uncertain |= {("grant", f"{name} to {role}") for name in [f"{kind} {identity}", *of_columns]}
        self.touched |= self.uncertain

    def on_drop_stmt(self, node: ast.DropStmt) -> None:
        for target in node.objects:
            for kind, identity in self._named(node.removeType, target):
                if kind == "table":
                    for key in [key for key in self.outline if key[1] == identity or key[1].startswith(f"{identity}.")]:
                        self._remove(*key)
                self._remove(kind, identity)
                whole, _, part = identity.partition("(")[0].partition(".")
                self.dropped.append((whole, part))

    def on_rename_stmt(self, node: ast.RenameStmt) -> None:
        old = node.subname or (node.relation.relname if node.relation else names_in(node.object)[-1])
        self.renamed.append((quote(unquote(old)), quote(node.newname)))

    def _named(self, objtype: ObjectType, target: object) -> list[Key]:
        """The objects that a statement names, as they are known by now; unknown ones are left out."""
        kinds = KINDS[objtype]
        if isinstance(target, ast.ObjectWithArgs):
            name = our_name(target.objname)
            if name is None:
                return []
            if target.args_unspecified:
                return [key for key in self.outline if key[0] in kinds and key[1].startswith(f"{name}(")]
            return self._find(kinds, signature(name, target.objfuncargs))
        if isinstance(target, ast.RangeVar):
            return self._find(kinds, ours(target) or "")
        if isinstance(target, ast.String):
            return self._find(kinds, quote(target.sval))
        parts = target.names if isinstance(target, ast.TypeName) else target
        names = [quote(part.sval) for part in parts if isinstance(part, ast.String)] if isinstance(parts, tuple) else []
        if names[:1] == ["public"] and len(names) > 1:
            names = names[1:]
        return self._find(kinds, ".".join(names))


def outline(catalog: Catalog) -> Outline:
    """The catalog reduced to what grammar alone can tell."""
    return {reduce_key(key): essence(key[0], definition) for key, definition in catalog.items()}


@cache
def essence(kind: str, definition: str) -> str:
    """What of a definition can be known before the server has read the statement."""
    if kind == "column":
        found = re.match(r"(.+?)(?: COLLATE \S+)?( NOT NULL)?(?: (?:GENERATED|DEFAULT) .*)?$", definition, re.DOTALL)
        return parsed_type(found[1]) + (found[2] or "") if found else definition
    if kind in ("primary key", "unique", "foreign key"):
        constraint = parse_sql(f"ALTER TABLE x ADD {definition}")[0].stmt.cmds[0].def_
        return key_essence(kind, constraint, names_in(constraint.fk_attrs or constraint.keys))
    return definition if kind in ("enum", "row security") else ""


def key_essence(kind: str, constraint: ast.Constraint, columns: list[str], target_columns: str = "") -> str:
    """The columns of a key, and of a foreign key whom it names and what follows a delete."""
    own = f"({', '.join(columns)})"
    if kind not in ("primary key", "unique"):
        if kind != "foreign key":
            return ""
        target_columns = target_columns or f"({', '.join(names_in(constraint.pk_attrs))})"
        own += f" REFERENCES {relation_name(constraint.pktable)} {target_columns}"
        own += f" ON UPDATE {constraint.fk_upd_action} ON DELETE {constraint.fk_del_action}"
    return own + " DEFERRABLE" * constraint.deferrable + " INITIALLY DEFERRED" * constraint.initdeferred


@cache
def reduce_key(key: Key) -> Key:
    """The key with the arguments of functions as their types alone, as statements may name them."""
    kind, identity = key
    found = re.match(
        r"(?P<head>(?:(?:function|procedure) )?)(?P<name>[^\s(]+)\((?P<arguments>.*)\)(?P<rest>.*)$", identity
    )
    if kind in ("function", "procedure") or (kind in ("comment", "grant") and found and found["head"]):
        if found is None:
            return key
        made = parse_sql(f"CREATE FUNCTION x({found['arguments']}) RETURNS void LANGUAGE sql AS ''")[0].stmt
        return kind, found["head"] + signature(found["name"], made.parameters) + found["rest"]
    return key


def signature(name: str, parameters: Iterable[ast.FunctionParameter] | None) -> str:
    """A function's name and the types by which it is told from others of its name."""
    result = (FunctionParameterMode.FUNC_PARAM_OUT, FunctionParameterMode.FUNC_PARAM_TABLE)
    inputs = [parameter for parameter in parameters or () if parameter.mode not in result]
    return f"{name}({', '.join(type_name(parameter.argType).partition('(')[0] for parameter in inputs)})"


@cache
def parsed_type(text: str) -> str:
    """The one spelling of a type that the catalog names."""
    return type_name(parse_sql(f"SELECT NULL::{text}")[0].stmt.targetList[0].val.typeName)


def type_name(node: ast.TypeName) -> str:
    """The one spelling of a type, without the schemas that go without saying."""
    names = [part.sval for part in node.names]
    if len(names) > 1 and names[0] in ("pg_catalog", "public"):
        names = names[1:]
    sizes = [
        str(size.val.ival)
        for size in node.typmods or ()
        if isinstance(size, ast.A_Const) and isinstance(size.val, ast.Integer)
    ]
    return ".".join(names) + (f"({','.join(sizes)})" if sizes else "") + "[]" * len(node.arrayBounds or ())


def chosen_name(table: str, column: str, label: str) -> str:
    """The name that PostgreSQL chooses for a constraint, an index or a sequence; the longer part gives way."""
    first, second = table, column
    while len("_".join(filter(None, (first, second, label))).encode()) > LONGEST_NAME:
        if len(first.encode()) > len(second.encode()):
            first = first[:-1]
        else:
            second = second[:-1]
    return "_".join(filter(None, (first, second, label)))


def quote(name: str) -> str:
    """The name as PostgreSQL's format('%I') writes it."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in QUOTED_KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def unquote(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def names_in(parts: Iterable[ast.String] | None) -> list[str]:
    return [quote(part.sval) for part in parts or ()]


def ours(relation: ast.RangeVar | None) -> str | None:
    """The name of a relation of the schema `public`; None for any other."""
    return quote(relation.relname) if relation is not None and relation.schemaname in (None, "public") else None


def our_name(parts: Iterable[ast.String]) -> str | None:
    names = names_in(parts)
    return names[-1] if names[:-1] in ([], ["public"]) else None


def relation_name(relation: ast.RangeVar) -> str:
    return ours(relation) or f"{quote(relation.schemaname)}.{quote(relation.relname)}"


def method_name(node: ast.Node) -> str:
    """Which method of a forecast reads this kind of statement: CreateStmt is read by on_create_stmt."""
    return "on" + re.sub(r"([A-Z])", r"_\1", type(node).__name__).lower()


def walk(node: object) -> Iterator[ast.Node]:
    """The node and everything below it."""
    if isinstance(node, ast.Node):
        yield node
        for attribute in node:
            yield from walk(getattr(node, attribute))
    elif isinstance(node, tuple):
        for part in node:
            yield from walk(part)

"""Entity diagrams for draw.io, drawn from the catalog of a scratch database.

One page for each domain and one shape for each table: partitions are folded into their parent, and a lock stands where
row security is on. A foreign key to a table of another page ends in a small label that names it. What people moved,
sized or coloured by hand in draw.io stays when the diagram is drawn anew; so do their own notes and pages.
"""

import base64
import hashlib
import re
import urllib.parse
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psycopg

from database.catalog import Catalog, read_catalog
from database.diagram_image import as_png, as_svg, checksum, source_of
from database.diagram_layout import GRID, Box, Connector, Link, Point, Size, arrange, find_room, route, snap
from database.documents import FOREIGN_KEY, SHORT_TYPES, read_places
from database.errors import SchemaError
from database.history import ROOT, SchemaFile, read_history
from database.reports import heading
from database.scratch import Database, apply_with_psql, scratch_database
from database.snapshots import FIRST, Version, newest_snapshot, read_snapshots

FOLDER = ROOT / "diagrams"
MARGIN, TITLE = 40, 70
HEADER, PARTITIONED_HEADER, ROW = 30, 50, 20
NARROWEST = 180
LABEL_HEIGHT, LABEL_DISTANCE = 16, 40
# Lines to one table have one colour, so that they can be followed.
LINES = ("#475569", "#1D6FA5", "#9A4D1B", "#2E7D4F", "#7B4397", "#A33A5B", "#8A7414", "#0E7C86")

# A page for each domain, with its colour. A table that no domain names joins the one it refers to most.
DOMAINS: dict[str, tuple[str, str]] = {
    "Agreements": (
        "#3B5BA9",
        "organization role project counterparty_type counterparty contract_type contract_status contract"
        " contract_pii_mapping contractor_report clause_type clause_category clause_responsibleparty clause",
    ),
    "Compliance": (
        "#B4532A",
        "event_type event default_event_type default_event cure_step rule_output_type rule_output damages_ledger"
        " notification_type notification notification_mail invoice_notice",
    ),
    "Metering": (
        "#0F766E",
        "vendor asset_type asset meter_type meter meter_reading meter_aggregate reading_change reading_archive"
        " reading_archive_file",
    ),
    "Ingestion": (
        "#4D7C0F",
        "data_source integration_credential integration_site ingestion_log file_mapping rejected_reading",
    ),
    "Surroundings": (
        "#7A6A16",
        "grid_operator grid_event_type grid_event weather_data_type weather_data fault_type fault",
    ),
    "Prices": (
        "#7C3A8C",
        "tariff_type clause_tariff market_price_type market_price regulatory_fee_type regulatory_fee currency"
        " billing_period price_index price_index_value exchange_rate holiday_calendar holiday",
    ),
    "Invoicing": (
        "#A23B5A",
        "invoice_line_item_type expected_invoice_header expected_invoice_line_item invoice_header invoice_line_item"
        " invoice_series tax_rule invoice_tax invoice_status_change month_close"
        " received_invoice_header received_invoice_line_item invoice_comparison invoice_comparison_line_item"
        " comparison_tolerance",
    ),
}
ELSEWHERE = ("Elsewhere", "#64748B")  # tables of other schemas, such as Supabase's users

OURS = ("title", "table:", "column:", "key:", "label:")
TABLE_STYLE = (
    "swimlane;html=1;fontStyle=1;fontSize=13;fontColor=#FFFFFF;align=center;verticalAlign=middle;childLayout=stackLayout;"
    "horizontal=1;startSize={header};horizontalStack=0;resizeParent=1;resizeParentMax=0;resizeLast=0;collapsible=1;"
    "marginBottom=0;rounded=1;arcSize=6;fillColor={colour};strokeColor={colour};swimlaneFillColor=#FFFFFF;"
)
COLUMN_STYLE = (
    "text;html=1;overflow=fill;strokeColor=none;fillColor=none;align=left;verticalAlign=middle;fontSize=12;"
    "points=[[0,0.5],[1,0.5]];portConstraint=eastwest;rotatable=0;"
)
LABEL_STYLE = (
    "rounded=1;arcSize=50;html=1;fontSize=10;align=center;verticalAlign=middle;fillColor={tint};"
    "strokeColor={colour};fontColor={colour};"
)
KEY_STYLE = "edgeStyle=orthogonalEdgeStyle;rounded=1;html=1;strokeColor={colour};startSize=10;endSize=10;"
TITLE_STYLE = (
    "text;html=1;align=left;verticalAlign=middle;fontSize=24;fontStyle=1;fontColor={colour};strokeColor=none;"
    "fillColor=none;"
)


class DiagramError(SchemaError):
    """A diagram that is there cannot be read; the message names the file."""


class UnknownVersionError(SchemaError):
    """No snapshot has this version, and it is not the next one."""


class State(StrEnum):
    """What became of a file, or would."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    STALE = "stale"


# The schema


@dataclass(frozen=True)
class Column:
    """One column, its type as people write it."""

    name: str
    type: str
    required: bool
    marks: tuple[str, ...]  # PK, FK


@dataclass(frozen=True)
class Table:
    """One table; `partitioning` is empty where it has no partitions."""

    name: str
    columns: tuple[Column, ...]
    comment: str
    guarded: bool
    partitioning: str

    @property
    def header(self) -> int:
        """The height of what stands above the columns."""
        return PARTITIONED_HEADER if self.partitioning else HEADER

    @property
    def height(self) -> int:
        return self.header + ROW * len(self.columns)

    @property
    def width(self) -> int:
        title = text_width(self.name, 13) * 1.1 + (50 if self.guarded else 24)
        note = text_width(self.partitioning, 10) + 24
        rows = [text_width(column.name, 12) * 1.06 + text_width(column.type, 11) + 74 for column in self.columns]
        return snap(max([NARROWEST, title, note, *rows]))

    def row(self, column: str) -> int:
        """How far below the top of the shape the middle of a column's line is."""
        place = [other.name for other in self.columns].index(column)
        return self.header + ROW * place + ROW // 2


@dataclass(frozen=True)
class Relationship:
    """One foreign key; `single` where a referenced row has one referring row at most, `required` where none is null."""

    name: str
    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    single: bool
    required: bool

    @property
    def identity(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Schema:
    """The tables by name and the foreign keys between them."""

    tables: Mapping[str, Table]
    relationships: tuple[Relationship, ...]


def read_schema(session: psycopg.Connection) -> Schema:
    """The tables of the schema `public`, their columns in order; a partition is a part of its parent."""
    return schema_of(read_catalog(session), read_places(session))


def schema_of(catalog: Catalog, places: Mapping[str, int]) -> Schema:
    """The schema that a catalog tells, given the place of each column in its table."""
    keys: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
    primary: dict[str, tuple[str, ...]] = {}
    for (kind, identity), definition in catalog.items():
        found = re.search(r"\((.+?)\)", definition)
        if kind in ("primary key", "unique") and found:
            columns = tuple(found[1].split(", "))
            keys[_table(identity)].append(columns)
            if kind == "primary key":
                primary[_table(identity)] = columns
    required = {
        identity for (kind, identity), definition in catalog.items() if kind == "column" and " NOT NULL" in definition
    }

    relationships = []
    for (kind, identity), definition in catalog.items():
        if kind == "foreign key" and (match := FOREIGN_KEY.match(definition)):
            table, _, name = identity.partition(".")
            own = tuple(match["own"].split(", "))
            relationships.append(
                Relationship(
                    name=name,
                    table=table,
                    columns=own,
                    target=match["table"].removeprefix("public."),
                    target_columns=tuple(match["target"].split(", ")),
                    single=any(set(key) <= set(own) for key in keys[table]),
                    required=all(f"{table}.{column}" in required for column in own),
                )
            )

    referring = {f"{key.table}.{column}" for key in relationships for column in key.columns}
    columns_of: defaultdict[str, list[Column]] = defaultdict(list)
    every = [(identity, definition) for (kind, identity), definition in catalog.items() if kind == "column"]
    for identity, definition in sorted(every, key=lambda column: (_table(column[0]), places[column[0]])):
        table, _, name = identity.partition(".")
        marks = ("PK",) * (name in primary.get(table, ())) + ("FK",) * (identity in referring)
        columns_of[table].append(Column(name, short_type(definition), identity in required, marks))
    tables = {
        name: Table(
            name=name,
            columns=tuple(columns_of[name]),
            comment=catalog.get(("comment", f"table {name}"), ""),
            guarded=catalog.get(("row security", name), "").startswith("ENABLED"),
            partitioning=_partitioning(definition),
        )
        for (kind, name), definition in sorted(catalog.items())
        if kind == "table"
    }
    return Schema(tables, tuple(sorted(relationships, key=_identity)))


def _table(identity: str) -> str:
    return identity.partition(".")[0]


def _partitioning(definition: str) -> str:
    found = re.search(r"PARTITION BY (\w+) (\(.*?\))", definition)
    return f"partitioned by {found[1].lower()} {found[2]}" if found else ""


def short_type(definition: str) -> str:
    """The type of a column as people write it, from its definition in a catalog."""
    kind = re.split(r" (?:COLLATE|NOT NULL|GENERATED|DEFAULT)\b", definition, maxsplit=1)[0].removeprefix("public.")
    for long, short in SHORT_TYPES.items():
        kind = kind.replace(long, short)
    return kind


def text_width(text: str, size: int) -> float:
    """About how wide a text is in a sans-serif face, in pixels."""
    return sum(0.28 if c in "ijl.,:;|'()[] t f" else 0.86 if c in "mwMW" else 0.57 for c in text) * size


def domains(schema: Schema) -> dict[str, str]:
    """The domain of every table."""
    named = {table: domain for domain, (_, tables) in DOMAINS.items() for table in tables.split()}
    found = {table: named[table] for table in schema.tables if table in named}
    while waiting := [table for table in schema.tables if table not in found]:
        votes = {
            table: Counter(
                found[other]
                for key in schema.relationships
                for own, other in ((key.table, key.target), (key.target, key.table))
                if own == table and other in found
            )
            for table in waiting
        }
        decided = {table: max(sorted(votes[table]), key=votes[table].__getitem__) for table in waiting if votes[table]}
        found |= decided or dict.fromkeys(waiting, next(iter(DOMAINS)))
    return found


# The drawing


@dataclass(frozen=True)
class Cell:
    """One element of a draw.io page as its file tells it."""

    style: str
    box: Box | None
    points: tuple[Point, ...]


Known = Mapping[str, Cell]


@dataclass(frozen=True)
class Shape:
    """A table on a page."""

    table: Table
    box: Box
    style: str


@dataclass(frozen=True)
class Label:
    """The name of a table that lies elsewhere, beside the column that refers to it."""

    relationship: Relationship
    box: Box
    style: str


@dataclass(frozen=True)
class Line:
    """A relationship: its corners with both ends, and those that its file keeps."""

    relationship: Relationship
    corners: tuple[Point, ...]
    style: str
    bends: tuple[Point, ...]
    leaves_page: bool = False


@dataclass(frozen=True)
class Page:
    """One domain, drawn."""

    name: str
    colour: str
    title: Box
    title_style: str
    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]
    lines: tuple[Line, ...]
    column_styles: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        return self.name.lower()

    @property
    def boxes(self) -> list[Box]:
        """Everything that takes room."""
        return [self.title, *(shape.box for shape in self.shapes), *(label.box for label in self.labels)]


@dataclass(frozen=True)
class Diagram:
    """All pages of one version, and what people added: their own cells by page and their own pages, as ElementTree."""

    version: str
    pages: tuple[Page, ...]
    notes: Mapping[str, tuple[str, ...]]
    further: tuple[str, ...]


def draw(schema: Schema, version: str, existing: str | None = None) -> Diagram:
    """The diagram of a schema; what an existing file of it shows by hand stays as it is."""
    known, notes, further = read_existing(existing) if existing else ({}, {}, ())
    domain_of = domains(schema)
    pages = []
    for domain in DOMAINS:
        tables = {name: schema.tables[name] for name in sorted(schema.tables) if domain_of[name] == domain}
        if tables:
            keys = [key for key in schema.relationships if key.table in tables]
            pages.append(
                _draw_page(domain, tables, sorted(keys, key=_identity), domain_of, known.get(domain.lower(), {}))
            )
    return Diagram(version, tuple(pages), notes, further)


def _identity(key: Relationship) -> str:
    return key.identity


def _colour(domain: str) -> str:
    return DOMAINS[domain][0] if domain in DOMAINS else ELSEWHERE[1]


def _tint(colour: str) -> str:
    """The colour mixed with much white."""
    return "#" + "".join(f"{(int(colour[at : at + 2], 16) + 7 * 255) // 8:02X}" for at in (1, 3, 5))


def _label_width(key: Relationship) -> int:
    return snap(text_width(key.target, 10) + 14)


def _draw_page(
    domain: str, tables: Mapping[str, Table], keys: Sequence[Relationship], domain_of: Mapping[str, str], known: Known
) -> Page:
    inner = [key for key in keys if key.target in tables]
    outer = [key for key in keys if key.target not in tables]
    boxes = _place(tables, inner, outer, known)

    labels = []
    for key in outer:
        table, width = boxes[key.table], _label_width(key)
        middle = table.y + tables[key.table].row(key.columns[0])
        box = Box(table.x - LABEL_DISTANCE - width, middle - LABEL_HEIGHT // 2, width, LABEL_HEIGHT)
        colour = _colour(domain_of.get(key.target, ""))
        style = LABEL_STYLE.format(colour=colour, tint=_tint(colour))
        cell = known.get(f"label:{key.identity}")
        if cell and cell.box and _mark(cell.box) != _token(cell.style, "place"):  # moved by hand
            labels.append(Label(key, cell.box, cell.style))
        else:
            labels.append(Label(key, box, _with(cell.style if cell else style, place=_mark(box))))

    lines = [_short_line(label, tables, boxes, known) for label in labels]
    lines += _long_lines(inner, tables, boxes, [label.box for label in labels], outer, known)
    title = known.get("title")
    return Page(
        name=domain,
        colour=_colour(domain),
        title=(title and title.box) or Box(MARGIN, MARGIN - 10, 400, 40),
        title_style=title.style if title else TITLE_STYLE.format(colour=_colour(domain)),
        shapes=tuple(
            Shape(
                table,
                boxes[name],
                known[f"table:{name}"].style
                if f"table:{name}" in known
                else TABLE_STYLE.format(colour=_colour(domain), header=table.header),
            )
            for name, table in tables.items()
        ),
        labels=tuple(labels),
        lines=tuple(sorted(lines, key=lambda line: line.relationship.identity)),
        column_styles={
            name: cell.style
            for name, cell in known.items()
            if name.startswith("column:") and cell.style != COLUMN_STYLE
        },
    )


def _place(
    tables: Mapping[str, Table], inner: Sequence[Relationship], outer: Sequence[Relationship], known: Known
) -> dict[str, Box]:
    """The boxes of the tables: known ones where they are, new ones where the layout wants them and room is."""
    lead = {
        name: max((_label_width(key) + LABEL_DISTANCE for key in outer if key.table == name), default=0)
        for name in tables
    }
    sizes = {
        name: Size(snap(table.width + lead[name]), table.height, snap(lead[name])) for name, table in tables.items()
    }
    links = [
        Link(
            key.table, key.target, tables[key.table].row(key.columns[0]), tables[key.target].row(key.target_columns[0])
        )
        for key in inner
    ]
    corners = arrange(sizes, links)
    boxes: dict[str, Box] = {}
    for name, table in tables.items():
        cell = known.get(f"table:{name}")
        if cell and cell.box:
            # As high as people made it; one that was as high as its columns grows and shrinks with them.
            rows = sum(identity.startswith(f"column:{name}.") for identity in known)
            fitted = cell.box.height == table.header + ROW * rows
            height = table.height if fitted else max(cell.box.height, table.height)
            boxes[name] = replace(cell.box, height=height)
    for name, table in tables.items():
        if name not in boxes:
            x, y = corners[name]
            wanted = Box(x + MARGIN - sizes[name].lead, y + MARGIN + TITLE, sizes[name].width, table.height)
            taken = [
                Box(box.x - sizes[other].lead, box.y, box.width + sizes[other].lead, box.height)
                for other, box in boxes.items()
            ]
            found = find_room(wanted, taken) if known else wanted
            boxes[name] = Box(found.x + sizes[name].lead, found.y, table.width, table.height)
    return {name: boxes[name] for name in tables}


def _short_line(label: Label, tables: Mapping[str, Table], boxes: Mapping[str, Box], known: Known) -> Line:
    """The line from a column to the label beside it."""
    key, box = label.relationship, boxes[label.relationship.table]
    y = box.y + tables[key.table].row(key.columns[0])
    if label.box.right <= box.x:
        ends, exit_x, entry_x = ((box.x, y), (label.box.right, label.box.y + label.box.height // 2)), 0, 1
    else:
        ends, exit_x, entry_x = ((box.right, y), (label.box.x, label.box.y + label.box.height // 2)), 1, 0
    cell = known.get(f"key:{key.identity}")
    style = cell.style if cell else KEY_STYLE.format(colour=LINES[0])
    bends = cell.points if cell else ()
    return Line(key, (ends[0], *bends, ends[1]), _ends(style, key, exit_x, entry_x, 0.5), bends, leaves_page=True)


def _long_lines(
    keys: Sequence[Relationship],
    tables: Mapping[str, Table],
    boxes: Mapping[str, Box],
    hanging: Sequence[Box],
    outer: Sequence[Relationship],
    known: Known,
) -> Iterator[Line]:
    """The lines between tables of the page, those that people bent as they bent them."""
    connectors = [
        Connector(
            key.identity,
            key.table,
            key.target,
            boxes[key.table].y + tables[key.table].row(key.columns[0]),
            boxes[key.target].y + tables[key.target].row(key.target_columns[0]),
        )
        for key in keys
    ]
    reserved = {
        (key.table, (boxes[key.table].y + tables[key.table].row(key.columns[0])) // GRID) for key in (*keys, *outer)
    }
    routes = route(boxes, hanging, connectors, reserved)
    targets = sorted({key.target for key in keys})
    for key in keys:
        corners = tuple(routes[key.identity])
        bends = corners[1:-1]
        source, target = boxes[key.table], boxes[key.target]
        exit_x, entry_x = int(corners[0][0] == source.right), int(corners[-1][0] == target.right)
        style = KEY_STYLE.format(colour=LINES[targets.index(key.target) % len(LINES)])
        style = _ends(style, key, exit_x, entry_x, (corners[-1][1] - target.y) / target.height)
        if cell := known.get(f"key:{key.identity}"):
            if _hash(cell.points) != _token(cell.style, "route"):
                ends = [
                    _end(source, cell.style, "exit", corners[0]),
                    _end(target, cell.style, "entry", corners[-1]),
                ]
                yield Line(key, (ends[0], *(cell.points or bends), ends[1]), _arrows(cell.style, key), cell.points)
                continue
            style = _ends(cell.style, key, exit_x, entry_x, (corners[-1][1] - target.y) / target.height)
        yield Line(key, corners, _with(style, route=_hash(bends)), bends)


def _end(box: Box, style: str, side: str, otherwise: Point) -> Point:
    """Where a line that people bent meets a shape."""
    x = _token(style, f"{side}X")
    if not x:
        return otherwise
    y = box.y + round(float(_token(style, "entryY") or "0.5") * box.height) if side == "entry" else otherwise[1]
    return box.x + round(float(x) * box.width), y


def _arrows(style: str, key: Relationship) -> str:
    """Crow's feet as the catalog has them: how many rows may refer, and whether each must."""
    many = "ERzeroToOne" if key.single else "ERzeroToMany"
    return _with(style, startArrow=many, endArrow="ERmandOne" if key.required else "ERzeroToOne")


def _ends(style: str, key: Relationship, exit_x: int, entry_x: int, entry_y: float) -> str:
    return _with(_arrows(style, key), exitX=str(exit_x), exitY="0.5", entryX=str(entry_x), entryY=f"{entry_y:.4f}")


def _with(style: str, **tokens: str) -> str:
    """The style with these tokens, in the places where they were or at the end; an empty one is left out."""
    parts = [part for part in style.split(";") if part]
    for name, value in tokens.items():
        token = f"{name}={value}"
        place = next((at for at, part in enumerate(parts) if part.startswith(f"{name}=")), None)
        if place is None:
            parts += [token] * bool(value)
        else:
            parts[place : place + 1] = [token] * bool(value)
    return ";".join(parts) + ";"


def _token(style: str, name: str) -> str:
    return next((part.partition("=")[2] for part in style.split(";") if part.startswith(f"{name}=")), "")


def _mark(box: Box) -> str:
    return f"{box.x},{box.y},{box.width},{box.height}"


def _hash(points: Iterable[Point]) -> str:
    return hashlib.sha256(repr(list(points)).encode()).hexdigest()[:8]


# The file


def read_existing(text: str) -> tuple[dict[str, dict[str, Cell]], dict[str, tuple[str, ...]], tuple[str, ...]]:
    """What a file of draw.io holds: our cells by page and id, people's own cells by page, and their own pages."""
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 -- a file of this repository
        known: dict[str, dict[str, Cell]] = {}
        notes: dict[str, tuple[str, ...]] = {}
        further = []
        ours = {domain.lower() for domain in DOMAINS}
        for page in root.iter("diagram"):
            name = page.get("id", "")
            if name not in ours:
                page.tail = None
                further.append(ElementTree.tostring(page, encoding="unicode"))
                continue
            model = page.find("mxGraphModel")
            if model is None:  # draw.io may compress what it saves
                packed = base64.b64decode(page.text or "")
                model = ElementTree.fromstring(urllib.parse.unquote(zlib.decompress(packed, -15).decode()))  # noqa: S314
            known[name], own = {}, []
            for element in model.findall("./root/*"):
                identity = element.get("id", "")
                cell = element if element.tag == "mxCell" else element.find("mxCell")
                if identity.startswith(OURS) and cell is not None:
                    known[name][identity] = _read_cell(cell)
                elif identity not in ("0", "1"):
                    own.append(_as_text(element))
            notes[name] = tuple(own)
    except (ElementTree.ParseError, ValueError, zlib.error) as error:
        raise DiagramError(
            f"The diagram is not a file of draw.io: {error}. Restore it from version control."
        ) from error
    return known, notes, tuple(further)


def _read_cell(cell: ElementTree.Element) -> Cell:
    geometry = cell.find("mxGeometry")
    box, points = None, tuple[Point, ...]()
    if geometry is not None:
        x, y, width, height = (round(float(geometry.get(side, "0"))) for side in ("x", "y", "width", "height"))
        box = Box(x, y, width, height) if width else None
        bends = geometry.findall("./Array[@as='points']/mxPoint")
        points = tuple((round(float(bend.get("x", "0"))), round(float(bend.get("y", "0")))) for bend in bends)
    return Cell(cell.get("style", ""), box, points)


def _as_text(element: ElementTree.Element) -> str:
    """The element on one line, as it will be read and written again."""
    for part in element.iter():
        part.tail = None
        if part.text is not None and not part.text.strip():
            part.text = None
    return ElementTree.tostring(element, encoding="unicode")


def as_xml(diagram: Diagram) -> str:
    """The file of draw.io, not compressed; the same diagram is always the same text."""
    lines = [f'<mxfile host="frontier" compressed="false" pages="{len(diagram.pages) + len(diagram.further)}">']
    for page in diagram.pages:
        right = max(box.right for box in page.boxes) + MARGIN
        bottom = max(box.bottom for box in page.boxes) + MARGIN
        lines += [
            f'  <diagram id="{page.identity}" name="{escape(page.name)}">',
            '    <mxGraphModel grid="1" gridSize="10" guides="1" tooltips="1" connect="1" arrows="1" fold="1" page="1"'
            f' pageScale="1" pageWidth="{snap(right)}" pageHeight="{snap(bottom)}" math="0" shadow="0">',
            "      <root>",
            '        <mxCell id="0"/>',
            '        <mxCell id="1" parent="0"/>',
            *(f"        {cell}" for cell in _cells(page, diagram.version)),
            *(f"        {note}" for note in diagram.notes.get(page.identity, ())),
            "      </root>",
            "    </mxGraphModel>",
            "  </diagram>",
        ]
    return "\n".join([*lines, *(f"  {page}" for page in diagram.further), "</mxfile>", ""])


def _cells(page: Page, version: str) -> Iterator[str]:
    yield _vertex("title", f"{page.name} {version}", page.title_style, page.title)
    for shape in page.shapes:
        table = shape.table
        yield _vertex(f"table:{table.name}", _heading(table), shape.style, shape.box)
        for place, column in enumerate(table.columns):
            box = Box(0, table.header + ROW * place, shape.box.width, ROW)
            identity = f"column:{table.name}.{column.name}"
            style = page.column_styles.get(identity, COLUMN_STYLE)
            yield _vertex(identity, _row(column), style, box, parent=f"table:{table.name}")
    for label in page.labels:
        yield _vertex(f"label:{label.relationship.identity}", escape(label.relationship.target), label.style, label.box)
    for line in page.lines:
        key = line.relationship
        target = f"table:{key.target}" if not line.leaves_page else f"label:{key.identity}"
        bends = "".join(f'<mxPoint x="{x}" y="{y}"/>' for x, y in line.bends)
        inside = f'<Array as="points">{bends}</Array>' if bends else ""
        yield (
            f'<mxCell id="{escape(f"key:{key.identity}")}" style="{escape(line.style)}" edge="1" parent="1"'
            f' source="{escape(f"column:{key.table}.{key.columns[0]}")}" target="{escape(target)}">'
            f'<mxGeometry relative="1" as="geometry">{inside}</mxGeometry></mxCell>'
        )


def _vertex(identity: str, value: str, style: str, box: Box, parent: str = "1") -> str:
    return (
        f'<mxCell id="{escape(identity)}" value="{escape(value)}" style="{escape(style)}" vertex="1"'
        f' parent="{escape(parent)}"><mxGeometry x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'
        ' as="geometry"/></mxCell>'
    )


def _heading(table: Table) -> str:
    """The head of a shape in HTML: name, lock, and how it is partitioned."""
    note = f'<br><font style="font-size:10px;font-weight:normal">{escape(table.partitioning)}</font>'
    return "🔒 " * table.guarded + escape(table.name) + note * bool(table.partitioning)


def _row(column: Column) -> str:
    """The line of a column in HTML: marks, name (bold where it may not be null) and type."""
    name = f"<b>{escape(column.name)}</b>" if column.required else escape(column.name)
    return (
        '<table cellpadding="0" cellspacing="0" style="width:100%;height:100%"><tr>'
        f'<td style="width:38px;padding-left:8px;font-size:9px;color:#64748B">{" ".join(column.marks)}</td>'
        f'<td style="color:#1E293B">{name}</td>'
        f'<td align="right" style="padding:0 8px;font-size:11px;color:#64748B">{escape(column.type)}</td></tr></table>'
    )


# One version


@dataclass(frozen=True)
class Drawn:
    """What became of the diagram of one version, or would: draw.io file and image."""

    version: str
    file: Path
    state: State
    image: Path
    image_state: State
    tables: int
    relationships: int
    pages: tuple[str, ...]


def newest_version(root: Path = ROOT) -> Version:
    """The version that all files together make: the newest snapshot's, or the next where files came after it."""
    snapshot = newest_snapshot(root)
    version, included = (snapshot.version, len(snapshot.names)) if snapshot else (FIRST, 1)
    return version if included == len(read_history(root)) else version.followers[0]


def files_of(version: Version, root: Path = ROOT) -> tuple[SchemaFile, ...]:
    """The schema files that a version is made of; UnknownVersionError where there is no such version."""
    history = read_history(root)
    included = {FIRST: 1} | {snapshot.version: len(snapshot.names) for snapshot in read_snapshots(root)}
    included.setdefault(newest_version(root), len(history))
    if version not in included:
        raise UnknownVersionError(f"There is no {version}. There are: {', '.join(map(str, sorted(included)))}.")
    return history[: included[version]]


def build_schema(server: Database, files: Iterable[SchemaFile]) -> Schema:
    """The schema that the files make, read from a scratch database on the server."""
    with scratch_database(server) as scratch:
        apply_with_psql(scratch, files)
        with scratch.connect() as session:
            return read_schema(session)


def update(schema: Schema, version: str, folder: Path = FOLDER, *, check: bool = False) -> Drawn:
    """Brings the files of a version up to date with a schema; with `check` only says whether they are.

    DiagramError where the file that is there cannot be read, BrowserMissingError where an image is to be made and
    nothing can; the draw.io file is written all the same.
    """
    file, image = folder / f"entity_diagram_{version}.drawio", folder / "exports" / f"entity_diagram_{version}.png"
    existing = file.read_text() if file.is_file() else None
    diagram = draw(schema, version, existing)
    text, picture = as_xml(diagram), as_svg(diagram)
    fresh, fresh_image = text == existing, image.is_file() and source_of(image.read_bytes()) == checksum(picture)
    if not check and not fresh:
        folder.mkdir(exist_ok=True)
        file.write_text(text)
    if not check and not fresh_image:
        image.parent.mkdir(exist_ok=True)
        image.write_bytes(as_png(picture))
    done = State.STALE if check else State.WRITTEN
    return Drawn(
        version=version,
        file=file,
        state=State.UNCHANGED if fresh else done,
        image=image,
        image_state=State.UNCHANGED if fresh_image else done,
        tables=len(schema.tables),
        relationships=len(schema.relationships),
        pages=tuple(page.name for page in diagram.pages),
    )


def report(drawn: Iterable[Drawn]) -> dict[str, Any]:
    """What a machine reads and the sentences are drawn from: plain values."""
    items: list[dict[str, object]] = []
    findings: list[dict[str, str]] = []
    for one in drawn:
        items.append(
            {
                "version": one.version,
                "file": one.file.name,
                "state": one.state,
                "image": one.image.name,
                "image_state": one.image_state,
                "tables": one.tables,
                "relationships": one.relationships,
                "pages": list(one.pages),
            }
        )
        for name, state in ((one.file.name, one.state), (one.image.name, one.image_state)):
            if state == State.STALE:
                fix = f"Run schema_diagram --version {one.version}."
                findings.append({"code": "STALE", "object": name, "fix": fix})
    return {
        **heading("schema_diagram"),
        "items": items,
        "findings": findings,
        "summary": f"{len(findings)} stale" if findings else "up to date",
    }

"""A diagram as a picture: one poster with all its pages, as SVG, and as PNG by a headless Chromium.

A PNG carries the checksum of the SVG that it was made of, so that a stale one is told without drawing it again.
"""

import hashlib
import re
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from html import escape
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from database.errors import SchemaError

if TYPE_CHECKING:
    from database.diagram_layout import Point
    from database.diagrams import Diagram, Label, Line, Page, Shape

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DRAWING_SECONDS = 120
KEYWORD = b"Frontier-Source"
SIGNATURE = b"\x89PNG\r\n\x1a\n"

EDGE, BETWEEN, HEAD, FOOT = 60, 40, 130, 40
FACE = "Liberation Sans, Arial, Helvetica, sans-serif"
INK, QUIET, PAPER, GROUND, RULE = "#1E293B", "#64748B", "#FFFFFF", "#EEF2F6", "#E2E8F0"
CORNER = 7
ASPECT, MOST_COLUMNS = 1.5, 3
LOCK = (
    '<g transform="translate({x} {y})"><path d="M2.5 5V3.5a2.5 2.5 0 0 1 5 0V5" fill="none" stroke="{colour}"'
    ' stroke-width="1.5"/><rect x="1" y="5" width="8" height="6.5" rx="1.2" fill="{colour}"/></g>'
)
PARTS = (
    '<g transform="translate({x} {y})" fill="none" stroke="{colour}" stroke-width="1.2">'
    '<path d="M3 3V.8H10.2V8H8"/><rect x=".8" y="3" width="7.2" height="7.2"/></g>'
)


class BrowserMissingError(SchemaError):
    """No program is at hand that turns a drawing into an image."""


def as_svg(diagram: "Diagram") -> str:
    """The poster: the same diagram is always the same text."""
    places, width, height = _hang(diagram.pages)
    tables = sum(len(page.shapes) for page in diagram.pages)
    lines = sum(len(page.lines) for page in diagram.pages)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="{FACE}">',
        f'<rect width="{width}" height="{height}" fill="{GROUND}"/>',
        _text(EDGE, 78, f"Frontier schema {diagram.version}", 44, INK, weight=700),
        _text(EDGE, 108, f"{tables} tables, {lines} relationships", 18, QUIET),
        *_legend(width - EDGE),
    ]
    for page, (x, y, left, top, page_width, page_height) in zip(diagram.pages, places, strict=True):
        parts += [
            _rect(x, y, page_width, page_height, 14, f'fill="{PAPER}" stroke="{RULE}"'),
            _rect(x, y + 28, 6, 34, 2, f'fill="{page.colour}"'),
            _text(x + 24, y + 54, page.name, 26, page.colour, weight=700),
            f'<g transform="translate({x - left} {y - top})">',
            *_page(page),
            "</g>",
        ]
    return "\n".join([*parts, "</svg>", ""])


def _hang(pages: "Sequence[Page]") -> tuple[list[tuple[int, int, int, int, int, int]], int, int]:
    """Where each page hangs (x, y, its own left and top, width, height), and the size of the wall."""
    sizes = []
    for page in pages:
        boxes = [shape.box for shape in page.shapes] + [label.box for label in page.labels]
        corners = [corner for line in page.lines for corner in line.corners]
        left = min([*(box.x for box in boxes), *(x for x, _ in corners)]) - 36
        top = min([*(box.y for box in boxes), *(y for _, y in corners)]) - 84
        right = max([*(box.right for box in boxes), *(x for x, _ in corners)]) + 36
        bottom = max([*(box.bottom for box in boxes), *(y for _, y in corners)]) + 36
        sizes.append((left, top, max(right - left, 420), bottom - top))
    # A wall is wider than high, and empty space counts against it.
    hung = [
        _in_columns(sizes, columns)
        for number in range(1, min(MOST_COLUMNS, len(sizes)) + 1)
        for columns in product(range(number), repeat=len(sizes))
        if set(columns) == set(range(number))
    ]
    return min(hung, key=lambda wall: wall[1] * wall[2] * (1 + abs(wall[1] / wall[2] - ASPECT) / 3), default=([], 0, 0))


def _in_columns(
    sizes: "Sequence[tuple[int, int, int, int]]", columns: "Sequence[int]"
) -> tuple[list[tuple[int, int, int, int, int, int]], int, int]:
    """The pages, each in its column; all of one column are as wide as the widest."""
    places: dict[int, tuple[int, int, int, int, int, int]] = {}
    x, lowest = EDGE, HEAD
    for column in range(max(columns) + 1):
        members = [page for page, own in enumerate(columns) if own == column]
        wide, y = max(sizes[page][2] for page in members), HEAD
        for page in members:
            left, top, _, height = sizes[page]
            places[page] = (x, y, left, top, wide, height)
            y += height + BETWEEN
        x, lowest = x + wide + BETWEEN, max(lowest, y)
    return [places[page] for page in range(len(sizes))], x - BETWEEN + EDGE, lowest - BETWEEN + FOOT


def _legend(right: int) -> Iterator[str]:
    """What the signs mean, in one line that ends at `right`."""
    signs = (
        ("bold", "may not be null"),
        ("lock", "row security"),
        ("ERzeroToMany", "any number"),
        ("ERmandOne", "exactly one"),
        ("ERzeroToOne", "one or none"),
        ("label", "table of another domain"),
    )
    x = right
    for sign, meaning in reversed(signs):
        x -= round(len(meaning) * 7.4)
        yield _text(x, 104, meaning, 14, QUIET)
        x -= 46
        match sign:
            case "bold":
                yield _text(x + 4, 104, "name", 13, INK, weight=700)
            case "lock":
                yield LOCK.format(x=x + 22, y=91, colour=QUIET)
            case "label":
                yield _rect(x + 4, 92, 32, 14, 7, f'fill="{RULE}" stroke="{QUIET}"')
            case _:
                yield f'<path d="M{x} 99H{x + 38}" stroke="{QUIET}" stroke-width="1.5"/>'
                yield from _foot((x, 99), 1, sign, QUIET, PAPER)
                yield f'<path d="M{x} 91v16" stroke="{QUIET}" stroke-width="3"/>'
        x -= 26


def _page(page: "Page") -> Iterator[str]:
    for line in page.lines:
        yield from _line(line)
    for label in page.labels:
        yield from _label(label)
    for shape in page.shapes:
        yield from _shape(shape, page)


def _style(style: str, name: str, otherwise: str) -> str:
    found = re.search(rf"(?:^|;){name}=(#[0-9A-Fa-f]{{6}})", style)
    return found[1] if found else otherwise


def _shape(shape: "Shape", page: "Page") -> Iterator[str]:
    table, box = shape.table, shape.box
    colour = _style(shape.style, "fillColor", page.colour)
    outline, ink = _style(shape.style, "strokeColor", colour), _style(shape.style, "fontColor", PAPER)
    x, y, right = box.x, box.y, box.right
    paper = _style(shape.style, "swimlaneFillColor", PAPER)
    yield _rect(x, y + 2, box.width, box.height, 6, 'fill="#0F172A" fill-opacity="0.10"')
    yield _rect(x, y, box.width, box.height, 6, f'fill="{paper}"')
    below = y + table.header
    yield (f'<path d="M{x} {below}V{y + 6}a6 6 0 0 1 6 -6H{right - 6}a6 6 0 0 1 6 6V{below}z" fill="{colour}"/>')
    yield _text(x + 10, y + 20, table.name, 14, ink, weight=700)
    if table.partitioning:
        yield PARTS.format(x=x + 10, y=y + 30, colour=ink)
        yield _text(x + 26, y + 40, table.partitioning, 11, ink)
    if table.guarded:
        yield LOCK.format(x=right - 20, y=y + 9, colour=ink)
    for place, column in enumerate(table.columns):
        middle = y + table.row(column.name)
        if place:
            yield f'<path d="M{x + 1} {middle - 10}H{right - 1}" stroke="{RULE}" stroke-opacity="0.7"/>'
        for offset, mark in zip((0, 17), column.marks, strict=False):
            yield _text(x + 9 + offset, middle + 3, mark, 9, colour if mark == "PK" else QUIET, weight=700)
        yield _text(x + 46, middle + 4, column.name, 12, INK, weight=700 if column.required else 400)
        yield _text(right - 9, middle + 4, column.type, 11, QUIET, anchor="end")
    yield _rect(x, y, box.width, box.height, 6, f'fill="none" stroke="{outline}" stroke-width="1.2"')


def _label(label: "Label") -> Iterator[str]:
    box = label.box
    fill, colour = _style(label.style, "fillColor", RULE), _style(label.style, "strokeColor", QUIET)
    yield _rect(box.x, box.y, box.width, box.height, box.height // 2, f'fill="{fill}" stroke="{colour}"')
    ink = _style(label.style, "fontColor", QUIET)
    yield _text(box.x + box.width // 2, box.y + 12, label.relationship.target, 11, ink, anchor="middle")


def _line(line: "Line") -> Iterator[str]:
    colour = _style(line.style, "strokeColor", QUIET)
    corners = line.corners
    yield f'<path d="{_rounded(corners)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    for name, point, further in (
        ("startArrow", corners[0], corners[1]),
        ("endArrow", corners[-1], corners[-2]),
    ):
        found = re.search(rf"{name}=(\w+)", line.style)
        if not (line.leaves_page and name == "endArrow"):
            yield from _foot(point, 1 if further[0] >= point[0] else -1, found[1] if found else "", colour, PAPER)


def _rounded(corners: "Sequence[Point]") -> str:
    """The path through the corners, each of them rounded."""
    path = [f"M{corners[0][0]} {corners[0][1]}"]
    for before, here, after in zip(corners, corners[1:], corners[2:], strict=False):
        radius = min(
            CORNER, *(max(abs(a[0] - b[0]), abs(a[1] - b[1])) // 2 for a, b in ((before, here), (here, after)))
        )
        start, end = _towards(here, before, radius), _towards(here, after, radius)
        path.append(f"L{start[0]} {start[1]}Q{here[0]} {here[1]} {end[0]} {end[1]}")
    return "".join([*path, f"L{corners[-1][0]} {corners[-1][1]}"])


def _towards(point: "Point", other: "Point", distance: int) -> "Point":
    """The point so far from the first on the upright or level way to the other."""
    dx, dy = other[0] - point[0], other[1] - point[1]
    if abs(dx) >= abs(dy):
        return point[0] + (distance if dx > 0 else -distance if dx else 0), point[1]
    return point[0], point[1] + (distance if dy > 0 else -distance)


def _foot(point: "Point", step: int, name: str, colour: str, paper: str) -> Iterator[str]:
    """The sign at the end of a line that leaves a shape to the right (1) or to the left (-1)."""
    x, y = point
    stroke = f'stroke="{colour}" stroke-width="1.5" fill="none"'
    circle = f'<circle cx="{{}}" cy="{y}" r="3.5" stroke="{colour}" stroke-width="1.5" fill="{paper}"/>'
    if name.endswith("Many"):
        yield f'<path d="M{x} {y - 6}L{x + 11 * step} {y}L{x} {y + 6}" {stroke}/>'
        if name == "ERzeroToMany":
            yield circle.format(x + 15 * step)
    elif name in ("ERzeroToOne", "ERmandOne"):
        yield f'<path d="M{x + 6 * step} {y - 5}v10" {stroke}/>'
        yield (
            circle.format(x + 13 * step)
            if name == "ERzeroToOne"
            else f'<path d="M{x + 10 * step} {y - 5}v10" {stroke}/>'
        )


def _rect(x: int, y: int, width: int, height: int, radius: int, paint: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" {paint}/>'


def _text(x: int, y: int, text: str, size: int, colour: str, *, weight: int = 400, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}"'
        + f' font-weight="{weight}"' * (weight != 400)
        + f' text-anchor="{anchor}"' * (anchor != "start")
        + f">{escape(text)}</text>"
    )


# PNG


def checksum(svg: str) -> str:
    return hashlib.sha256(svg.encode()).hexdigest()


def as_png(svg: str) -> bytes:
    """The drawing as PNG, which carries the drawing's checksum; BrowserMissingError where nothing can draw it."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise BrowserMissingError(
            "The draw.io file is up to date, its image is not: drawing one takes Chromium. Install it with:"
            " apt-get install chromium"
        )
    size = re.search(r'width="(\d+)" height="(\d+)"', svg)
    width, height = (size[1], size[2]) if size else ("800", "600")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "diagram.svg", Path(folder) / "diagram.png"
        source.write_text(svg)
        done = subprocess.run(
            [
                *(program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--force-device-scale-factor=1", "--disable-lcd-text", f"--user-data-dir={folder}/profile"),
                *(f"--window-size={width},{height}", f"--screenshot={target}", source.as_uri()),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=DRAWING_SECONDS,
        )
        if not target.is_file():
            raise BrowserMissingError(f"{program} drew no image: {done.stderr.strip()[-500:]}")
        png = target.read_bytes()
    return _with_source(png, checksum(svg))


def source_of(png: bytes) -> str:
    """The checksum of the drawing that an image was made of; empty where it does not say."""
    found = re.search(re.escape(KEYWORD) + rb"\x00([0-9a-f]{64})", png)
    return found[1].decode() if found else ""


def _with_source(png: bytes, source: str) -> bytes:
    """The image with the checksum in a text chunk behind its header."""
    header = len(SIGNATURE) + 4 + 4 + 13 + 4  # length, type, content and checksum of the first chunk
    content = b"tEXt" + KEYWORD + b"\x00" + source.encode()
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return png[:header] + chunk + png[header:]

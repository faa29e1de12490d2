"""`schema_diagram`: everything is drawn, nothing lies on anything else, and what people did by hand stays."""

import base64
import json
import re
import shutil
import urllib.parse
import zlib
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import psycopg
import pytest

from database import diagrams
from database.diagram_image import BROWSERS, BrowserMissingError, as_png, as_svg, checksum, source_of
from database.diagram_layout import Box, Connector, Link, Size, arrange, find_room, route
from database.diagrams import (
    DOMAINS,
    Column,
    Diagram,
    DiagramError,
    Relationship,
    Schema,
    State,
    Table,
    UnknownVersionError,
    as_xml,
    draw,
    files_of,
    newest_version,
    read_schema,
    report,
    update,
)
from database.history import read_history
from database.scratch import Database
from database.snapshots import Version
from tests.database.conftest import run

pytestmark = pytest.mark.any_server

CHROMIUM = any(map(shutil.which, BROWSERS))


@pytest.fixture(scope="module")
def schema(from_files: Database) -> Schema:
    with from_files.connect() as session:
        return read_schema(session)


@pytest.fixture(scope="module")
def diagram(schema: Schema) -> Diagram:
    return draw(schema, "v9.9")


@pytest.fixture(scope="module")
def text(diagram: Diagram) -> str:
    return as_xml(diagram)


@pytest.fixture(scope="module")
def grown_diagram(schema: Schema, text: str) -> Diagram:
    """The diagram after ten tables came."""
    return draw(grown(schema), "v9.9", text)


def grown(schema: Schema, number: int = 10) -> Schema:
    """The schema with so many tables more, each of which refers to two that are there."""
    tables, keys = dict(schema.tables), list(schema.relationships)
    for place in range(number):
        name = f"added_{place}"
        tables[name] = Table(
            name,
            (
                Column("id", "bigint", True, ("PK",)),
                Column("contract_id", "bigint", True, ("FK",)),
                Column("clause_id", "bigint", False, ("FK",)),
            ),
            "",
            False,
            "",
        )
        keys.append(Relationship("to_contract", name, ("contract_id",), "contract", ("id",), False, True))
        keys.append(Relationship("to_clause", name, ("clause_id",), "clause", ("id",), True, False))
    return Schema(dict(sorted(tables.items())), tuple(sorted(keys, key=lambda key: key.identity)))


def cells(text: str) -> dict[str, ElementTree.Element]:
    """Every cell of a file by page and id."""
    found = {}
    for page in ElementTree.fromstring(text).iter("diagram"):
        for cell in page.findall("./mxGraphModel/root/*"):
            found[f"{page.get('id')}/{cell.get('id')}"] = cell
    return found


def geometry(cell: ElementTree.Element) -> dict[str, str]:
    found = cell.find("mxGeometry")
    assert found is not None
    return found.attrib


def edited(text: str, change: Callable[[str, ElementTree.Element], None]) -> str:
    """The file after somebody changed its cells in draw.io."""
    root = ElementTree.fromstring(text)
    for page in root.iter("diagram"):
        for cell in page.findall("./mxGraphModel/root/mxCell"):
            change(cell.get("id", ""), cell)
    return ElementTree.tostring(root, encoding="unicode")


def test_every_table_and_column_is_drawn_once(text: str, session: psycopg.Connection) -> None:
    rows = session.execute(
        "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    ).fetchall()
    drawn = [name.partition("/")[2] for name in cells(text)]
    assert sorted(name for name in drawn if name.startswith("table:")) == sorted(
        {f"table:{table}" for table, _ in rows}
    )
    assert sorted(name for name in drawn if name.startswith("column:")) == sorted(f"column:{t}.{c}" for t, c in rows)


def test_every_foreign_key_is_drawn_from_its_column_to_its_target(text: str, session: psycopg.Connection) -> None:
    rows = session.execute(
        "SELECT conrelid::regclass::text, conname, attname, confrelid::regclass::text FROM pg_constraint"
        " JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
        " WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conparentid = 0"
    ).fetchall()
    assert len(rows) > 100
    found = cells(text)
    edges = {name: cell for name, cell in found.items() if "/key:" in name}
    assert len(edges) == len(rows)
    for table, name, column, target in rows:
        page, edge = next(
            (key.partition("/")[0], edge) for key, edge in edges.items() if key.endswith(f"/key:{table}.{name}")
        )
        assert edge.get("source") == f"column:{table}.{column}"
        assert f"{page}/{edge.get('source')}" in found
        end = found[f"{page}/{edge.get('target')}"]
        assert end.get("id") == f"table:{target}" or end.get("value") == target
        assert "startArrow=ER" in edge.get("style", "")
        assert "endArrow=ER" in edge.get("style", "")


def test_crows_feet_tell_how_many_and_whether(diagram: Diagram) -> None:
    styles = {line.relationship.identity: line.style for page in diagram.pages for line in page.lines}
    assert "startArrow=ERzeroToMany;endArrow=ERmandOne;" in styles["contract.contract_organization_id_fkey"]
    assert "startArrow=ERzeroToMany;endArrow=ERzeroToOne;" in styles["contract.contract_project_id_fkey"]
    single = draw(grown(Schema({}, ()), 0), "v9.9")
    assert single.pages == ()
    tables = {name: Table(name, (Column("id", "bigint", True, ("PK", "FK")),), "", False, "") for name in ("a", "b")}
    key = Relationship("k", "a", ("id",), "b", ("id",), True, True)
    assert "startArrow=ERzeroToOne" in draw(Schema(tables, (key,)), "v9.9").pages[0].lines[0].style


def test_the_file_is_one_that_drawio_reads(text: str) -> None:
    root = ElementTree.fromstring(text)
    assert (root.tag, root.get("compressed")) == ("mxfile", "false")
    assert [page.get("name") for page in root] == list(DOMAINS)
    for page in root:
        model = page.find("mxGraphModel/root")
        assert model is not None
        identities = [cell.get("id") for cell in model]
        assert identities[:2] == ["0", "1"]
        assert len(set(identities)) == len(identities)
        for cell in list(model)[2:]:
            assert cell.get("parent") in identities
            assert (cell.get("vertex") == "1") != (cell.get("edge") == "1")


def test_no_shape_lies_on_another_and_no_line_runs_through_one(diagram: Diagram) -> None:
    for page in diagram.pages:
        for first, second in combinations(page.boxes, 2):
            assert not first.overlaps(second), (first, second)
        for line in page.lines:
            for start, end in pairwise(line.corners):
                assert start[0] == end[0] or start[1] == end[1]
                stretch = Box(
                    min(start[0], end[0]), min(start[1], end[1]), abs(start[0] - end[0]), abs(start[1] - end[1])
                )
                for shape in page.shapes:
                    assert not stretch.overlaps(shape.box), (line.relationship.identity, shape.table.name)


def test_no_two_lines_share_a_stretch_and_few_cross(diagram: Diagram) -> None:
    crossings = 0
    for page in diagram.pages:
        stretches = [
            (line.relationship.identity, start, end) for line in page.lines for start, end in pairwise(line.corners)
        ]
        for (one, a, b), (other, c, d) in combinations(stretches, 2):
            if one == other:
                continue
            for axis in (0, 1):
                along = 1 - axis
                if a[axis] == b[axis] == c[axis] == d[axis]:
                    assert min(max(a[along], b[along]), max(c[along], d[along])) <= max(
                        min(a[along], b[along]), min(c[along], d[along])
                    ), (page.name, one, other)
            if (a[0] == b[0]) != (c[0] == d[0]):
                upright, level = ((a, b), (c, d)) if a[0] == b[0] else ((c, d), (a, b))
                crossings += min(level[0][0], level[1][0]) < upright[0][0] < max(level[0][0], level[1][0]) and min(
                    upright[0][1], upright[1][1]
                ) < level[0][1] < max(upright[0][1], upright[1][1])
    assert crossings <= 36


def test_a_lock_stands_where_row_security_is_on(text: str) -> None:
    heads = {name.partition(":")[2]: cell.get("value", "") for name, cell in cells(text).items() if "/table:" in name}
    guarded = {
        *("comparison_tolerance", "cure_step", "damages_ledger", "invoice_notice", "month_close", "notification_mail"),
        *("contract_pii_mapping", "integration_credential", "integration_site", "ingestion_log", "file_mapping"),
        *("reading_archive", "reading_archive_file", "reading_change", "rejected_reading"),
        *("exchange_rate", "holiday", "holiday_calendar", "price_index", "price_index_value"),
        *("invoice_series", "invoice_status_change", "invoice_tax", "tax_rule"),
    }
    assert {name for name, head in heads.items() if "🔒" in head} == guarded


def test_fifty_partitions_are_one_shape(session: psycopg.Connection, text: str) -> None:
    session.execute(
        "SELECT create_meter_reading_partition((date '2030-01-01' + make_interval(months => ahead))::date)"
        " FROM generate_series(1, 50) AS ahead"
    )
    assert as_xml(draw(read_schema(session), "v9.9")) == text
    assert "partitioned by range (reading_timestamp)" in text


def test_the_same_schema_is_the_same_text(schema: Schema, text: str) -> None:
    assert as_xml(draw(schema, "v9.9")) == text
    assert as_xml(draw(schema, "v9.9", text)) == text
    shuffled = Schema(
        {name: schema.tables[name] for name in sorted(schema.tables, reverse=True)}, schema.relationships[::-1]
    )
    assert as_xml(draw(shuffled, "v9.9")) == text


def test_everything_done_by_hand_stays_when_ten_tables_come(schema: Schema, text: str) -> None:
    moved: dict[str, tuple[dict[str, str], str]] = {}

    def move(identity: str, cell: ElementTree.Element) -> None:
        shape = cell.find("mxGeometry")
        if shape is None or identity in ("0", "1"):
            return
        if identity.startswith(("table:", "label:", "title")):
            number = len(moved)
            shape.set("x", str(int(shape.get("x", "0")) + number % 7 + 1))
            shape.set("y", str(int(shape.get("y", "0")) + number % 5 + 400 * (identity == "table:meter")))
            shape.set("width", str(int(shape.get("width", "0")) + number % 3))
        cell.set("style", cell.get("style", "") + f"opacity={len(moved) % 90 + 10};")
        moved[identity] = (dict(shape.attrib), cell.get("style", ""))

    by_hand = edited(text, move)
    after = as_xml(draw(grown(schema), "v9.9", by_hand))
    found = {name.partition("/")[2]: cell for name, cell in cells(after).items()}
    assert {f"table:added_{place}" for place in range(10)} <= found.keys()
    for identity, (place, style) in moved.items():
        if identity == "title":
            continue
        if not identity.startswith(("column:", "key:")):
            assert geometry(found[identity]) == place, identity
        opacity = re.search(r"opacity=\d+", style)
        assert opacity
        assert opacity[0] in found[identity].get("style", "")
        colours = re.findall(r"(?:fillColor|strokeColor|fontColor)=[^;]+", style)
        assert all(colour in found[identity].get("style", "") for colour in colours)
    assert as_xml(draw(grown(schema), "v9.9", after)) == after


def test_new_tables_find_room_beside_the_old(grown_diagram: Diagram) -> None:
    for page in grown_diagram.pages:
        for first, second in combinations(page.boxes, 2):
            assert not first.overlaps(second)


def test_what_is_gone_from_the_schema_is_gone_from_the_diagram(
    schema: Schema, text: str, grown_diagram: Diagram
) -> None:
    assert as_xml(draw(schema, "v9.9", as_xml(grown_diagram))) == text


def test_a_line_bent_by_hand_stays_bent_and_the_others_follow_a_moved_table(schema: Schema, text: str) -> None:
    bent, follows = "key:contract.contract_contract_type_id_fkey", "key:contract.contract_contract_status_id_fkey"

    def change(identity: str, cell: ElementTree.Element) -> None:
        shape = cell.find("mxGeometry")
        if identity == bent and shape is not None:
            for old in list(shape):
                shape.remove(old)
            points = ElementTree.SubElement(shape, "Array", {"as": "points"})
            ElementTree.SubElement(points, "mxPoint", {"x": "11", "y": "22"})
        if identity == "table:contract_status" and shape is not None:
            shape.set("y", "2500")

    after = cells(as_xml(draw(schema, "v9.9", edited(text, change))))
    points = [(point.get("x"), point.get("y")) for point in after[f"agreements/{bent}"].iter("mxPoint")]
    assert points == [("11", "22")]
    before = ElementTree.tostring(cells(text)[f"agreements/{follows}"])
    assert ElementTree.tostring(after[f"agreements/{follows}"]) != before


def test_notes_and_pages_of_people_stay(schema: Schema, text: str) -> None:
    note = (
        '<mxCell id="note-1" value="Ask &lt;Ann&gt;" style="shape=note;" vertex="1" parent="1">'
        '<mxGeometry x="5" y="5" width="80" height="40" as="geometry"/></mxCell>'
    )
    page = '<diagram id="mine" name="My page"><mxGraphModel><root><mxCell id="0" /></root></mxGraphModel></diagram>'
    by_hand = text.replace("      </root>", note + "</root>", 1).replace("</mxfile>", page + "</mxfile>")
    after = as_xml(draw(schema, "v9.9", by_hand))
    assert cells(after)["agreements/note-1"].get("value") == "Ask <Ann>"
    assert '<diagram id="mine" name="My page">' in after
    assert as_xml(draw(schema, "v9.9", after)) == after


def test_a_file_that_drawio_compressed_is_read(schema: Schema, text: str) -> None:
    root = ElementTree.fromstring(text)
    for page in root.iter("diagram"):
        model = page.find("mxGraphModel")
        assert model is not None
        packer = zlib.compressobj(wbits=-15)
        quoted = urllib.parse.quote(ElementTree.tostring(model, encoding="unicode"))
        page.remove(model)
        page.text = base64.b64encode(packer.compress(quoted.encode()) + packer.flush()).decode()
    assert as_xml(draw(schema, "v9.9", ElementTree.tostring(root, encoding="unicode"))) == text


def test_a_broken_file_is_refused_and_kept(schema: Schema, tmp_path: Path) -> None:
    (tmp_path / "entity_diagram_v9.9.drawio").write_text("<mxfile><diagram>")
    with pytest.raises(DiagramError, match=r"not a file of draw\.io"):
        update(schema, "v9.9", tmp_path)
    assert (tmp_path / "entity_diagram_v9.9.drawio").read_text() == "<mxfile><diagram>"


def test_tables_that_no_domain_names_join_their_neighbours(schema: Schema) -> None:
    domain_of = diagrams.domains(grown(schema, 1))
    assert domain_of["added_0"] == "Agreements"
    assert {table: domain_of[table] for table in schema.tables} == diagrams.domains(schema)
    assert set(schema.tables) == {table for _, tables in DOMAINS.values() for table in tables.split()}


def test_a_schema_without_references_is_drawn(tmp_path: Path) -> None:
    alone = Schema({"a": Table("a", (Column("id", "bigint", True, ("PK",)),), "", False, "")}, ())
    assert len(draw(alone, "v1.0").pages) == 1


def test_every_version_is_made_of_its_files() -> None:
    history = read_history()
    numbers = {"v1.0": 0, "v1.1": 1, "v2.0": 5, "v3.0": 11}
    for version, last in numbers.items():
        assert files_of(Version.of(version)) == history[: last + 1]
    assert files_of(newest_version()) == history
    with pytest.raises(UnknownVersionError, match=r"^There is no v7.3. There are: v1.0, v1.1, "):
        files_of(Version(7, 3))


# The image


def test_the_poster_names_everything_within_its_frame(diagram: Diagram, schema: Schema) -> None:
    svg = as_svg(diagram)
    assert svg == as_svg(diagram)
    root = ElementTree.fromstring(svg)
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for name, table in schema.tables.items():
        assert name in words
        assert all(column.name in words for column in table.columns)
    assert f"{len(schema.tables)} tables, {len(schema.relationships)} relationships" in words


def test_the_image_follows_what_was_coloured_by_hand(schema: Schema, text: str) -> None:
    by_hand = text.replace("fillColor=#3B5BA9", "fillColor=#123456", 1)
    assert 'fill="#123456"' in as_svg(draw(schema, "v9.9", by_hand))


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
def test_an_image_knows_what_it_was_made_of() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30" fill="red"/></svg>'
    )
    png = as_png(svg)
    assert png[16:24] == bytes([0, 0, 0, 40, 0, 0, 0, 30])
    assert source_of(png) == checksum(svg)
    assert source_of(b"") == ""


def test_without_a_browser_the_cure_is_named(schema: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrowserMissingError, match="apt-get install chromium"):
        update(schema, "v9.9", tmp_path)
    assert update(schema, "v9.9", tmp_path, check=True).state == State.UNCHANGED
    assert update(schema, "v9.9", tmp_path, check=True).image_state == State.STALE


# What is committed


def test_the_committed_diagram_of_the_newest_version_is_up_to_date(schema: Schema) -> None:
    drawn = update(schema, str(newest_version()), check=True)
    assert report([drawn])["findings"] == []


@pytest.mark.parametrize("version", ["v1.0", "v1.1", "v2.0", "v3.0", "v3.1"])
def test_every_version_has_a_file_and_an_image_of_it(version: str) -> None:
    file = diagrams.FOLDER / f"entity_diagram_{version}.drawio"
    image = diagrams.FOLDER / "exports" / f"entity_diagram_{version}.png"
    assert ElementTree.parse(file).getroot().tag == "mxfile"
    assert source_of(image.read_bytes())
    assert image.stat().st_size < 1_500_000


# Geometry


def test_what_is_referred_to_stands_left_and_straight() -> None:
    sizes = {name: Size(100, 60) for name in "abcd"}
    links = [Link("b", "a", 30, 30), Link("c", "a", 30, 30), Link("d", "b", 30, 30)]
    corners = arrange(sizes, links)
    assert corners["a"][0] < corners["b"][0] == corners["c"][0] < corners["d"][0]
    assert corners["d"][1] == corners["b"][1]
    assert corners == arrange(dict(reversed(sizes.items())), links[::-1])


def test_shapes_that_refer_to_each_other_in_a_ring_are_arranged() -> None:
    sizes = {name: Size(100, 60, 20) for name in "abc"}
    corners = arrange(sizes, [Link("a", "b", 0, 0), Link("b", "c", 0, 0), Link("c", "a", 0, 0), Link("a", "a", 0, 0)])
    boxes = [Box(*corners[name], 100, 60) for name in "abc"]
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))


def test_a_line_goes_round_what_stands_in_its_way() -> None:
    boxes = {"a": Box(0, 0, 100, 100), "wall": Box(250, -200, 50, 500), "b": Box(500, 0, 100, 100)}
    corners = route(boxes, [], [Connector("line", "b", "a", 50, 50)], [])["line"]
    assert corners[0] == (500, 50)
    assert corners[-1][0] == 100
    assert min(y for _, y in corners) < -200 or max(y for _, y in corners) > 300


def test_room_is_found_below_what_is_taken() -> None:
    taken = [Box(0, 0, 100, 100), Box(0, 160, 100, 100)]
    box = find_room(Box(0, 0, 50, 50), taken)
    assert (box.x, box.y >= 260) == (0, True)
    assert find_room(Box(500, 0, 50, 50), taken) == Box(500, 0, 50, 50)


# The command


def test_check_tells_a_stale_diagram_from_a_fresh_one(server: Database, project_copy: Path) -> None:
    version = str(newest_version())
    done = run(server, "schema_diagram", "--check", "--json", project=project_copy)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["items"][0]["state"] == "unchanged"
    (project_copy / "database" / "diagrams" / f"entity_diagram_{version}.drawio").unlink()
    done = run(server, "schema_diagram", "--version", version, "--check", project=project_copy)
    assert (done.returncode, "stale" in done.stdout) == (2, True)
    assert not (project_copy / "database" / "diagrams" / f"entity_diagram_{version}.drawio").exists()


def test_the_command_ends_as_the_table_of_codes_says(server: Database, project_copy: Path) -> None:
    assert run(server, "schema_diagram", "--version", "v7.3").returncode == 64
    assert run(server, "schema_diagram", "--version", "seven").returncode == 64
    nowhere = Database("nowhere", server.settings, {**server.libpq, "port": "1"})
    assert run(nowhere, "schema_diagram", "--check").returncode == 5
    file = project_copy / "database" / "diagrams" / "entity_diagram_v1.0.drawio"
    file.write_text("torn")
    assert run(server, "schema_diagram", "--version", "v1.0", project=project_copy).returncode == 4

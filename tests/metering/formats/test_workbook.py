"""Workbooks: what a spreadsheet shows, to the digit, and dates of both systems."""

from decimal import Decimal

import pytest

from tests.metering.formats.files import Cell, Serial, Xml, problems, read, rejected, workbook

HEADER = ("time", "energy")
NEW_YEAR = "45292"  # days from 1899-12-30 to 2024-01-01


def energy_of(cell: Cell | Serial | Xml) -> Decimal | None:
    [energy] = read("xlsx", workbook(HEADER, ("2024-01-01 00:00Z", cell)))["energy_wh"]
    assert energy is None or isinstance(energy, Decimal)
    return energy


@pytest.mark.parametrize("shared", [True, False])
def test_a_row_becomes_a_reading_with_its_number_in_the_sheet(shared: bool) -> None:
    content = workbook(HEADER, (), ("2024-01-01 00:00Z", "1.5"), (None, None), ("2024-01-01 00:15Z", 2), shared=shared)
    assert read("xlsx", content).select("line", "energy_wh").rows() == [(3, Decimal(1500)), (5, Decimal(2000))]


@pytest.mark.parametrize(
    ("written", "watt_hours"),
    [
        ("0.10000000000000001", "100"),
        ("0.30000000000000004", "300.00000000000004"),
        ("123.45600000000001", "123456.00000000001"),
        ("1.0000000000000001E-5", "0.01"),
        ("1E3", "1000000"),
        ("7", "7000"),
    ],
)
def test_a_number_is_its_shortest_decimal(written: str, watt_hours: str) -> None:
    cell = Xml(f'<c r="B2"><v>{written}</v></c>')
    assert energy_of(cell) == Decimal(watt_hours).quantize(Decimal("1e-9"))


def test_an_empty_cell_is_not_zero() -> None:
    content = workbook(HEADER, ("2024-01-01 00:00Z", None), ("2024-01-01 00:15Z", 0))
    assert read("xlsx", content).select("energy_wh", "quality").rows() == [(None, "missing"), (Decimal(0), "measured")]


@pytest.mark.parametrize("from_1904", [False, True])
def test_dates_of_both_systems_are_read_to_the_millisecond(from_1904: bool) -> None:
    days = int(NEW_YEAR) - (1462 if from_1904 else 0)
    quarters = [f"{days}", f"{days}.010416666664", f"{days}.020833333332", f"{days}.989583333336"]
    content = workbook(HEADER, *((Serial(at), 1) for at in quarters), from_1904=from_1904)
    starts = read("xlsx", content, time_zone="UTC")["reading_timestamp"].dt.to_string("%Y-%m-%d %H:%M:%S%.f")
    assert starts.to_list() == [f"2024-01-01 {clock}" for clock in ("00:00:00", "00:15:00", "00:30:00", "23:45:00")]


def test_a_format_of_the_workbooks_own_makes_a_date() -> None:
    content = workbook(HEADER, (Xml(f'<c r="A2" s="3"><v>{NEW_YEAR}</v></c>'), Xml('<c r="B2" s="2"><v>4</v></c>')))
    assert read("xlsx", content, time_zone="UTC")["energy_wh"].to_list() == [Decimal(4000)]


def test_the_declared_sheet_is_read() -> None:
    content = workbook(HEADER, ("2024-01-01 00:00Z", 1), sheets=["Cover", "Data"])
    assert read("xlsx", content, sheet="Data").height == 1
    assert problems("xlsx", content, sheet="Cover") == [(1, None, "the sheet is empty")]


def test_cells_without_reference_follow_each_other() -> None:
    row = Xml(
        '<c t="inlineStr"><is><r><t>2024-01-01 </t></r><r><t>00:00Z</t></r><rPh><t>x</t></rPh></is></c><c><v>1</v></c>'
    )
    assert read("xlsx", workbook(HEADER, (row,)))["energy_wh"].to_list() == [Decimal(1000)]


def test_entities_of_xml_and_texts_of_several_runs_are_text() -> None:
    content = workbook(("time", "energy", "dev<ice> & co"), ("2024-01-01 00:00Z", 1, "A&B"))
    assert read("xlsx", content, device_column="dev<ice> & co")["external_device_id"].to_list() == ["A&B"]


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (Xml('<c r="B2" t="e"><v>#N/A</v></c>'), "not a number"),
        (Xml('<c r="B2" t="b"><v>1</v></c>'), "not a number"),
        (Xml('<c r="B2"><f>SUM(C1:C9)</f></c>'), "a formula without a stored result"),
        (Xml('<c r="B2" t="s"><v>99</v></c>'), "the cell refers to a text that the workbook does not have"),
        (Serial("45413"), "the cell is formatted as a date: a number was taken for one"),
        ("1,5", "decimal comma"),
        (Xml('<c r="B2"><v>nan</v></c>'), "not a finite number"),
    ],
)
def test_a_cell_that_is_no_number_is_refused_with_its_cause(cell: Cell | Serial | Xml, why: str) -> None:
    [(line, column, cause)] = problems("xlsx", workbook(HEADER, ("2024-01-01 00:00Z", cell)))
    assert (line, column) == (2, "energy")
    assert cause.startswith(why)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (45292, "a number that is not formatted as a date"),
        (Serial("59"), "no date between March 1900 and 9999"),
        (Serial("-1"), "no date between March 1900 and 9999"),
        (Serial("99999999"), "no date between March 1900 and 9999"),
        (Serial("1e999"), "not a number of days"),
        (Serial(NEW_YEAR + ".3"), "not on the local 15min grid"),
    ],
)
def test_a_cell_that_is_no_time_is_refused_with_its_cause(cell: Cell | Serial | Xml, why: str) -> None:
    [(line, column, cause)] = problems("xlsx", workbook(HEADER, (cell, 1)), time_zone="UTC")
    assert (line, column) == (2, "time")
    assert cause.startswith(why)


def test_a_date_is_not_read_where_texts_are_declared() -> None:
    content = workbook(HEADER, ("31/01/2024 00:00", 1), (Serial(NEW_YEAR), 1))
    [(line, _, why)] = problems("xlsx", content, time_format="%d/%m/%Y %H:%M", time_zone="UTC")
    assert (line, why) == (3, "the cell is formatted as a date, but time_format declares text")


def test_an_id_that_lost_its_digits_is_refused() -> None:
    content = workbook(
        ("time", "energy", "nmi"), ("2024-01-01 00:00Z", 1, Xml('<c r="C2"><v>1.2345678901234568E+17</v></c>'))
    )
    assert problems("xlsx", content, device_column="nmi") == [
        (2, "nmi", "a workbook keeps 15 digits of a number: format ids as text")
    ]
    content = workbook(("time", "energy", "nmi"), ("2024-01-01 00:00Z", 1, 4103123456))
    assert read("xlsx", content, device_column="nmi")["external_device_id"].to_list() == ["4103123456"]


def test_every_problem_of_a_row_is_listed_and_the_row_can_be_left_out() -> None:
    content = workbook(HEADER, (1, Serial("2")), ("2024-01-01 00:00Z", 1))
    assert [column for _, column, _ in problems("xlsx", content)] == ["time", "energy"]
    readings, left_out = rejected("xlsx", content)
    assert readings["line"].to_list() == [3]
    assert [(each.problem.line, each.problem.column) for each in left_out] == [(2, "time"), (2, "energy")]
    assert {each.raw for each in left_out} == {'{"time": "1", "energy": "2"}'}
    readings, left_out = rejected("xlsx", workbook(HEADER, (1, 1)))
    assert (readings.height, len(left_out)) == (0, 1)

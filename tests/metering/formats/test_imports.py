"""What reading a file loads: large libraries only for the formats that need them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.metering.formats.samples import SAMPLES

READ = """
import sys
from metering.formats import parse, read_mapping
name, path, *mapping = sys.argv[1:]
blocks = 0
for written in mapping:
    with open(path, "rb") as stream:
        blocks += sum(1 for _ in parse(name, stream, read_mapping(name, eval(written)), path))
assert blocks
print([library for library in ("numpy", "pyarrow", "pandas", "django") if library in sys.modules])
"""
CHECK = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "check", "--tag", "urls"])
print([library for library in ("polars", "numpy", "pyarrow", "pandas") if library in sys.modules])
"""
# What is read in a way of its own: a register, local times, power.
OTHERS: dict[str, list[dict[str, object]]] = {
    "csv": [
        {
            "time_column": "time",
            "interval": "15min",
            "label": "end",
            "time_zone": "Europe/Berlin",
            "register": ["energy", "MWh"],
            "device_column": "device",
        },
        {
            "time_column": "time",
            "interval": "15min",
            "label": "start",
            "power": ["energy", "W"],
            "device_column": "device",
        },
    ]
}


def loaded(name: str, path: Path) -> str:
    """Which of the large libraries are there after the sample was read."""
    path.write_bytes(SAMPLES[name].content)
    mappings = [repr({**mapping}) for mapping in (SAMPLES[name].mapping, *OTHERS.get(name, []))]
    return subprocess.check_output([sys.executable, "-c", READ, name, path, *mappings], text=True).strip()


@pytest.mark.parametrize("name", ["csv", "json", "ndjson", "xlsx", "nem12", "espi"])
def test_neither_numpy_nor_pyarrow_is_loaded_to_read_a_file(name: str, tmp_path: Path) -> None:
    assert loaded(name, tmp_path / f"meter.{name}") == "[]"


def test_pyarrow_is_loaded_to_read_parquet(tmp_path: Path) -> None:
    assert "pyarrow" in loaded("parquet", tmp_path / "meter.parquet")


def test_commands_start_without_the_libraries_of_columns() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "frontier.settings"}
    output = subprocess.check_output([sys.executable, "-c", CHECK], text=True, env=environment)
    assert output.splitlines()[-1] == "[]"

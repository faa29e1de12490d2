"""What every command prints with `--json` begins with."""

from datetime import UTC, datetime

# Raised when a program that reads the output would have to be changed.
VERSION = 1


def heading(command: str) -> dict[str, object]:
    """The first keys of a command's output; the time is UTC, to the second."""
    return {"version": VERSION, "command": command, "generated_at": datetime.now(UTC).isoformat(timespec="seconds")}

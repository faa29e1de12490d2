"""Processes of the project that work on a test's database, and ask a test's portal."""

import json
import os
import subprocess
import sys

from django.conf import settings
from django.db import connection

from database.history import ROOT
from database.scratch import Database
from tests.metering.portals import Portal

PROJECT = ROOT.parent
# Longer than anything takes, also on a machine that is busy.
PATIENCE_SECONDS = 120


def environment(portal: Portal) -> dict[str, str]:
    """What a process needs to work beside this one."""
    return {
        **os.environ,
        "DATABASE_URL": Database.of(connection).url,
        "FRONTIER_CREDENTIAL_KEYS": ",".join(settings.CREDENTIAL_KEYS),
        "FRONTIER_LAKE": str(settings.LAKE),
        "FRONTIER_VENDOR_URLS": json.dumps({"solaredge": portal.url}),
    }


def start(portal: Portal, *arguments: str) -> subprocess.Popen[str]:
    """A process of this Python in the project's folder."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=environment(portal),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_worker(portal: Portal, *options: str) -> subprocess.Popen[str]:
    """A worker that ends when there is nothing left to do."""
    return start(portal, "manage.py", "procrastinate", "worker", "--one-shot", *options)


def finish(*processes: subprocess.Popen[str]) -> None:
    """Waits until they have ended well."""
    for process in processes:
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, output

"""`sync_sites`: readings fetched from vendors' portals."""

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import CommandError

from core.errors import CoreError, SealingError
from database.management import Exit, FrontierCommand
from metering.errors import MeteringError
from metering.synchronization import Synced, due_sites, find_site, sync_site, window_of
from metering.vendors import RateLimited, Unavailable


class Command(FrontierCommand):
    """Asks vendors' portals."""

    help = (
        "Asks vendors' portals for what is missing of sites and loads it. Each site goes on where its last success"
        " ended; a second run changes nothing. A worker does the same on a schedule: procrastinate worker."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--site", type=int, action="append", metavar="ID", help="this site, due or not; repeatable")
        which.add_argument("--due", action="store_true", help="every site whose interval is over")
        parser.add_argument(
            "--since", type=date.fromisoformat, metavar="DAY", help="ask again from this day of the site's zone"
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would be asked, and ask nothing")
        parser.add_argument("--json", action="store_true", help="print what became of each site as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        site_ids, since = options["site"] or due_sites(), options["since"]
        try:
            if options["dry_run"]:
                self.show([planned(site_id, since) for site_id in site_ids], options["json"])
                return
            done = [sync_site(site_id, since, bool(options["due"]), self.stderr.write) for site_id in site_ids]
        except (MeteringError, CoreError) as error:
            raise CommandError(str(error), returncode=Exit.WRONG_CONFIGURATION) from error
        self.show(done, options["json"])
        failed = [synced.problem for synced in done if synced.problem is not None]
        if failed:
            raise CommandError(
                f"{len(failed)} of {len(done)} sites could not be synced; the reasons stand above.",
                returncode=max(map(exit_code, failed)),
            )
        if options["site"] and any(synced.status is None for synced in done):
            raise CommandError("Another worker syncs a site at this moment.", returncode=Exit.LOCKED)

    def show(self, found: list[Synced], as_objects: bool) -> None:
        if as_objects:
            self.stdout.write(json.dumps([as_json(synced) for synced in found], indent=2))
            return
        for synced in found:
            self.stdout.write(str(synced))
        if not found:
            self.stdout.write("No site is due.")


def planned(site_id: int, since: date | None) -> Synced:
    """What a sync would ask for."""
    site = find_site(site_id)
    window = window_of(site, since)
    text = f"would be asked for {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"
    return Synced(site_id, str(site), skipped=text, window=window, synced_until=site.synced_until)


def exit_code(problem: Exception) -> Exit:
    """Whether it may pass by itself, or what it takes."""
    if isinstance(problem, SealingError):
        return Exit.WRONG_CONFIGURATION
    passes = isinstance(problem, Unavailable | RateLimited) or not isinstance(problem, MeteringError | CoreError)
    return Exit.ERROR if passes else Exit.NEEDS_A_PERSON


def as_json(synced: Synced) -> dict[str, object]:
    """The same for machines."""
    window = synced.window
    return {
        "site": synced.site_id,
        "name": synced.site,
        "status": synced.status.value if synced.status else None,
        "skipped": synced.skipped or None,
        "window": [window.start.isoformat(), window.end.isoformat()] if window else None,
        "bodies": synced.bodies,
        "rows_loaded": synced.rows_loaded,
        "rows_replaced": synced.rows_replaced,
        "rows_unchanged": synced.rows_unchanged,
        "synced_until": synced.synced_until.isoformat() if synced.synced_until else None,
        "problem": str(synced.problem) if synced.problem else None,
    }

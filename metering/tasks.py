"""What workers do, and when: `manage.py procrastinate worker`, on as many machines as there is work for.

The queue lies in PostgreSQL, beside what it works on. Syncs, which wait for portals, have a queue of their own, so
that machines may be given to them alone (`worker --queues portals`). Every task may be run twice; a lock keeps two
workers off one site, a queueing lock keeps a task that waits from being queued once more. Periodic tasks are deferred
once for each time of their schedule, however many workers run.
"""

from contextlib import suppress
from typing import Final

from django.conf import settings
from procrastinate import BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status

from metering import accounts, aggregation, maintenance
from metering.errors import MeteringError
from metering.storage import Lake
from metering.synchronization import due_sites, sync_site
from metering.vendors import RateLimited, Unavailable

PORTALS: Final = "portals"
# A job whose worker died is given to another; one that has ended so many workers is not given to the next.
MOST_ATTEMPTS: Final = 5
KEPT_HOURS: Final = 14 * 24


class WhatMayPass(BaseRetryStrategy):
    """Tries again only what may pass by itself: after the time that the portal names, else after 1, 2, 4 minutes."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if job.attempts >= MOST_ATTEMPTS:
            return None
        if isinstance(exception, RateLimited):
            return RetryDecision(retry_at=exception.retry_at)
        if isinstance(exception, Unavailable):
            return RetryDecision(retry_in={"minutes": 2**job.attempts})
        return None


@app.periodic(cron="*/5 * * * *")
@app.task(name="sync_due", queueing_lock="sync_due", lock="sync_due")
def sync_due(timestamp: int) -> None:
    """Queues a job for each site that is due."""
    for site_id in due_sites():
        queue_sync(site_id)


def queue_sync(site_id: int) -> None:
    """Queues a sync of the site, unless one waits already."""
    lock = f"sync of site {site_id}"
    with suppress(AlreadyEnqueued):
        sync.configure(lock=lock, queueing_lock=lock).defer(site_id=site_id)


@app.task(name="sync", queue=PORTALS, retry=WhatMayPass(), pass_context=True)
def sync(context: JobContext, site_id: int) -> str:
    """Syncs a site, if it is due when its turn comes; a second try does not wait for that."""
    synced = sync_site(site_id, if_due=not context.job.attempts)
    if synced.problem is not None:
        raise synced.problem
    return str(synced)


@app.periodic(cron="*/5 * * * *")
@app.task(name="aggregate_changes", queueing_lock="aggregate_changes", lock="aggregate_changes")
def aggregate_changes(timestamp: int) -> None:
    """Brings aggregates up to date with readings whose loading ended before it could do so itself."""
    aggregation.roll_up_pending()


@app.periodic(cron="*/10 * * * *")
@app.task(name="close_interrupted", queueing_lock="close_interrupted", lock="close_interrupted")
def close_interrupted(timestamp: int) -> None:
    """Closes the accounts of files whose process died, and puts these files where they belong."""
    accounts.close_interrupted(Lake.from_url(settings.LAKE))


@app.periodic(cron="17 * * * *")
@app.task(name="maintain_partitions", queueing_lock="maintain_partitions", lock="maintain_partitions")
def maintain_partitions(timestamp: int) -> None:
    """Makes the months that readings will need; what could not be done fails the job, and is done by the next.

    Lets none leave: that readings are dropped is decided by whoever runs `partitions apply --drop`, or has it run.
    """
    done = maintenance.maintain(scheduler="worker")
    if done.problems:
        raise MeteringError("; ".join(done.problems))


@app.periodic(cron="*/2 * * * *")
@app.task(name="rescue_stalled", queueing_lock="rescue_stalled", pass_context=True)
async def rescue_stalled(context: JobContext, timestamp: int) -> None:
    """Gives jobs of workers that died to others: as long as such a job counts as being done, its lock is taken."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        if job.attempts < MOST_ATTEMPTS:
            # Where the same work was queued again meanwhile, that is what will be done.
            with suppress(ConnectorException):
                await manager.retry_job(job)
                continue
        await manager.finish_job(job, Status.FAILED, delete_job=False)


@app.periodic(cron="41 3 * * *")
@app.task(name="forget_finished", queueing_lock="forget_finished", pass_context=True)
async def forget_finished(context: JobContext, timestamp: int) -> None:
    """Removes jobs that ended two weeks ago."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )

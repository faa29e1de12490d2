"""Work shared out to several processes, each with a connection of its own to the same database."""

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import TypeVar

import django

Task = TypeVar("Task")
Result = TypeVar("Result")


def share_out(
    work: Callable[[Task], Result], tasks: Sequence[Task], processes: int, database_url: str
) -> Iterator[Result]:
    """What a function of a module makes of each task, in the order in which they are done.

    The processes begin anew: threads and connections of this one would not survive a fork. They end with this one,
    however it ends. An error of a task is raised here, and no further task is begun.
    """
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin, (database_url,)) as pool:
        futures = [pool.submit(work, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def collect_rarely() -> None:
    """Looks for cycles of garbage after more objects than Python does, and never again in those that exist.

    Rows and what is computed of them die by their counts; looking through them took a quarter of a batch's time.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def _begin(database_url: str) -> None:
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    os.environ["DATABASE_URL"] = database_url
    django.setup()
    collect_rarely()


def _end_with(sentinel: int) -> None:
    """Ends this process when its parent has ended: one that was killed could not say so."""
    wait([sentinel])
    sys.stderr.flush()
    os._exit(1)

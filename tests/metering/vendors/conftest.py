"""A portal and a session for each vendor."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from metering.vendors import VENDORS, Session
from tests.metering.vendors.portal import Clock, Portal


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_portal() -> Iterator[Callable[[str], Portal]]:
    """Starts the portal of a vendor for the time of a test."""
    with ExitStack() as stack:
        yield lambda vendor: stack.enter_context(Portal(vendor))


@pytest.fixture
def open_session(clock: Clock) -> Iterator[Callable[..., Session]]:
    """Opens a session at a portal, whose time is the test's clock."""
    with ExitStack() as stack:

        def opened(portal: Portal, **settings: object) -> Session:
            ready = {
                "secrets": portal.secrets,
                "base_url": portal.url,
                "clock": clock,
                "sleep": clock.sleep,
                "jitter": lambda: 1.0,
                "timeout": timedelta(seconds=5),
            }
            return stack.enter_context(Session(VENDORS[portal.vendor], **(ready | settings)))  # type: ignore[arg-type]

        yield opened

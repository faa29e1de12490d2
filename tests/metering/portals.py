"""A portal of SolarEdge on this machine, with one account, and the rows of a site that it feeds.

What each vendor says in every state is asked in `tests/metering/vendors`; this one is there to be synced: it counts
what it is asked, gives one refresh token for another, and fails when it is told to.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from core.sealing import seal
from metering.models import AuthType, IntegrationSite, Meter, SourceSystem
from tests.factories import DataSourceFactory, IntegrationCredentialFactory, IntegrationSiteFactory
from tests.metering.readings import QUARTER, plant

KEY = {"api_key": "hush-key"}
FIRST_TOKEN = {"client_id": "me", "client_secret": "hush-client", "refresh_token": "hush-refresh-0"}


class Portal(ThreadingHTTPServer):
    """Answers `GET /sites/{id}/energy` and `POST /v2/oauth2/token`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        # What was asked for: site, start, end.
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.renewed = 0
        # Answers that come before the usual ones: status, body, and headers where there are any.
        self.instead: list[tuple[int, object] | tuple[int, object, dict[str, str]]] = []
        # Energy in Wh of the quarters; what the vendor corrects later.
        self.wh = 1
        self.changing = threading.Lock()
        # Done while a token is asked for.
        self.meanwhile: Callable[[], object] = lambda: None
        # While it is not set, nothing about energy is answered.
        self.open = threading.Event()
        self.open.set()
        self.reached = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of whoever was killed while it asked."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def energy(self, start: datetime, end: datetime) -> dict[str, object]:
        """Quarters of an hour that begin in the span."""
        quarters = [start + n * QUARTER for n in range(-(-(end - start) // QUARTER))]
        values = [{"timestamp": at.isoformat(), "value": self.wh} for at in quarters]
        return {"unit": "WH", "resolution": "QUARTER_HOUR", "values": values}

    def renew(self, refresh_token: str) -> tuple[int, object]:
        """A pair of tokens for the newest refresh token, once."""
        self.meanwhile()
        with self.changing:
            if refresh_token != f"hush-refresh-{self.renewed}":
                return 400, {"error": "invalid_grant"}
            self.renewed += 1
            return 200, {
                "access_token": f"hush-access-{self.renewed}",
                "refresh_token": f"hush-refresh-{self.renewed}",
                "expires_in": 3600,
            }

    def is_signed(self, headers: Message) -> bool:
        newest = f"Bearer hush-access-{self.renewed}"
        return headers.get("X-API-Key") == KEY["api_key"] or headers.get("Authorization") == newest


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Portal

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        self.server.reached.set()
        self.server.open.wait(60)
        if not self.server.is_signed(self.headers):
            self.answer(401, {"error": "unauthorized"})
            return
        with self.server.changing:
            instead = self.server.instead.pop(0) if self.server.instead else None
        if instead is not None:
            self.answer(*instead)
            return
        query = parse_qs(asked.query)
        start, end = (datetime.fromisoformat(query[name][0]) for name in ("from", "to"))
        self.server.asked.append((asked.path.split("/")[2], start, end + timedelta(seconds=1)))
        self.answer(200, self.server.energy(start, end))

    def do_POST(self) -> None:
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(*self.server.renew(fields["refresh_token"]))

    def answer(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def open_portal() -> Iterator[Portal]:
    """A portal that answers until the block ends."""
    portal = Portal()
    thread = threading.Thread(target=portal.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield portal
    finally:
        portal.open.set()
        portal.shutdown()
        thread.join()
        portal.server_close()


def make_site(
    secrets: Mapping[str, str] = KEY, days: int = 1, meter: Meter | None = None, external_site_id: str = "4711"
) -> IntegrationSite:
    """A site that feeds a meter and was never synced; its readings begin at midnight UTC, `days` days ago."""
    meter = meter or plant()
    first_day = (datetime.now(UTC) - timedelta(days=days)).date()
    credential = IntegrationCredentialFactory.create(
        organization=meter.project.organization,
        data_source=DataSourceFactory.create(name=SourceSystem.SOLAREDGE),
        encrypted_credentials=seal(secrets),
        auth_type=AuthType.OAUTH2 if "refresh_token" in secrets else AuthType.API_KEY,
    )
    return IntegrationSiteFactory.create(
        integration_credential=credential,
        meter=meter,
        external_site_id=external_site_id,
        external_metadata={"first_day": first_day.isoformat()},
    )

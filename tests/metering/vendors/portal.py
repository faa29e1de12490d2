"""Vendors' portals on a free port of this machine: tokens, pages, windows, limits and troubles as documented.

A portal answers from one made-up plant: 1,200 W from six in the morning to six in the evening of its zone. What is
queued with `trouble` is answered first, once each.
"""

import base64
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from core.periods import day_in_zone
from metering.vendors import VENDORS, Secrets

ZONE = ZoneInfo("Europe/Berlin")
DAYLIGHT_W = 1_200
SITE = "4711"
# As many as need two pages.
SITES = [SITE, *(str(5_000 + number) for number in range(120))]

SECRETS = {
    "solaredge": {
        "client_id": "the-client",
        "client_secret": "secret-of-the-client",
        "access_token": "access-0",
        "refresh_token": "refresh-0",
    },
    "enphase": {
        "api_key": "key-in-the-query",
        "client_id": "the-client",
        "client_secret": "secret-of-the-client",
        "access_token": "access-0",
        "refresh_token": "refresh-0",
    },
    "sma": {"client_id": "the-client", "client_secret": "secret-of-the-client"},
    "goodwe": {"account": "somebody@example.org", "password": "correct horse & battery"},
}


class Clock:
    """Time that only passes when somebody sleeps."""

    def __init__(self, now: datetime = datetime(2026, 9, 10, 12, tzinfo=UTC)) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Reply:
    """What the portal answers. `stalls` is the seconds before, `drips` those between two bytes."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    stalls: float = 0
    drips: float = 0
    is_cut: bool = False


@dataclass(frozen=True)
class Asked:
    """What the portal was asked."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    content: str

    @property
    def fields(self) -> dict[str, object]:
        """The JSON or the form that was sent."""
        if self.headers.get("Content-Type", "").startswith("application/json"):
            found: dict[str, object] = json.loads(self.content)
            return found
        return {name: values[0] for name, values in parse_qs(self.content).items()}


class Portal:
    """The portal of one vendor, on a free port of 127.0.0.1, while the `with` block lasts."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        self.asked: list[Asked] = []
        self.tokens = {"access-0"}
        self.refresh_token = "refresh-0"
        self.renewals = 0
        self.token_life = 3_600
        self.gone: set[str] = set()
        self.api_of_region: str | None = None
        self._troubles: deque[Reply] = deque()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """What takes the place of the vendor's base URL."""
        return self.origin + urlsplit(VENDORS[self.vendor].BASE_URL).path

    @property
    def secrets(self) -> Secrets:
        """A credential that the portal accepts."""
        return Secrets(SECRETS[self.vendor])

    def trouble(self, *replies: Reply) -> None:
        """Answers the next requests so, in this order, before it answers as it should."""
        self._troubles += replies

    def end_tokens(self) -> None:
        """Every access token is over; the refresh token lasts."""
        self.tokens.clear()

    def speak_tls(self, certificate: Path, key: Path) -> None:
        """From now on the portal answers over TLS only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self._troubles:
            return self._troubles.popleft()
        reply: Reply = getattr(self, f"_{self.vendor}")(asked)
        return reply

    # --- SolarEdge ----------------------------------------------------------------------------------------------

    def _solaredge(self, asked: Asked) -> Reply:
        if asked.path == "/v2/oauth2/token":
            return self._renewed(asked, str(asked.fields.get("refresh_token")))
        if not self._bears_token(asked) and asked.headers.get("X-API-Key") != "key-of-the-fleet":
            return Reply(401, {"message": "Unauthorized"})
        if asked.path == "/v2/sites":
            page, size = int(asked.params["page"]), int(asked.params["sites-in-page"])
            found = SITES[(page - 1) * size : page * size]
            sites = [{"siteId": int(each), "name": each, "location": {"timezone": ZONE.key}} for each in found]
            return Reply(body={"sites": {"count": len(SITES), "site": sites}})
        if refusal := self._refused_site(asked.path.split("/")[3]):
            return refusal
        first, last = (datetime.fromisoformat(asked.params[name]) for name in ("from", "to"))
        if last - first > timedelta(days=31):
            return Reply(400, {"message": "the range is too long"})
        values = []
        while first <= last:
            values.append({"timestamp": first.astimezone(ZONE).isoformat(), "value": energy_wh(first, 15)})
            first += timedelta(minutes=15)
        return Reply(body={"unit": "WH", "resolution": asked.params["resolution"], "values": values})

    # --- Enphase ------------------------------------------------------------------------------------------------

    def _enphase(self, asked: Asked) -> Reply:
        if asked.path == "/oauth/token":
            pair = base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode()
            if pair != "the-client:secret-of-the-client":
                return Reply(401, {"error": "unauthorized"})
            return self._renewed(asked, asked.params.get("refresh_token", ""))
        if asked.params.get("key") != "key-in-the-query" or not self._bears_token(asked):
            return Reply(401, {"message": "Not authorized", "details": "User is not authorized", "code": 401})
        if asked.path == "/api/v4/systems":
            page, size = int(asked.params["page"]), int(asked.params["size"])
            found = SITES[(page - 1) * size : page * size]
            systems = [{"system_id": int(each), "name": each, "timezone": ZONE.key} for each in found]
            return Reply(body={"total": len(SITES), "current_page": page, "size": size, "systems": systems})
        if refusal := self._refused_site(asked.path.split("/")[4]):
            return refusal
        start, end = (int(asked.params[name]) for name in ("start_at", "end_at"))
        if end - start > 7 * 86_400:
            return Reply(422, {"message": "Unprocessable Entity", "details": "more than 7 days", "code": 422})
        series, minutes = asked.path.rpartition("/")[2], 15
        if series == "production_micro":
            minutes = 5
        intervals = []
        for at in range(start, end, minutes * 60):
            name = "enwh" if series == "production_micro" else "wh_del"
            energy = energy_wh(datetime.fromtimestamp(at, UTC), minutes)
            intervals.append({"end_at": at + minutes * 60, "devices_reporting": 2, name: energy})
        kind: dict[str, object] = {"meter_intervals": []} if series == "rgm_stats" else {"granularity": "day"}
        return Reply(body={"system_id": int(SITE), "total_devices": 2, "intervals": intervals, **kind})

    # --- SMA ----------------------------------------------------------------------------------------------------

    def _sma(self, asked: Asked) -> Reply:
        if asked.path == "/oauth2/token":
            if asked.fields.get("client_secret") != "secret-of-the-client":
                return Reply(401, {"error": "invalid_client"})
            if asked.fields.get("grant_type") == "client_credentials":
                return self._renewed(asked, self.refresh_token)
            return self._renewed(asked, str(asked.fields.get("refresh_token")))
        if not self._bears_token(asked):
            return Reply(401, {"title": "Unauthorized"})
        if asked.path == "/v1/plants":
            plants = [{"plantId": each, "name": each, "timezone": ZONE.key} for each in SITES]
            return Reply(body={"plants": plants})
        if refusal := self._refused_site(asked.path.split("/")[3]):
            return refusal
        local = day_in_zone(date.fromisoformat(asked.params["Date"]), ZONE)
        entries, at = [], local.start + timedelta(minutes=5)
        while at <= local.end:
            face = at.astimezone(ZONE).replace(tzinfo=None)
            entries.append({"time": face.isoformat(), "pvGeneration": power_w(at - timedelta(minutes=5))})
            at += timedelta(minutes=5)
        plant = {"plantId": SITE, "timezone": ZONE.key}
        body = {"plant": plant, "setType": "EnergyBalance", "resolution": "FiveMinutes", "set": entries}
        return Reply(body=body)

    # --- GoodWe -------------------------------------------------------------------------------------------------

    def _goodwe(self, asked: Asked) -> Reply:
        if asked.path == "/api/v2/Common/CrossLogin":
            if asked.fields != {"account": "somebody@example.org", "pwd": "correct horse & battery"}:
                return Reply(body={"hasError": True, "code": 100005, "msg": "Email or password error.", "data": None})
            self.renewals += 1
            self.tokens.add(f"access-{self.renewals}")
            token = {"uid": "user-of-the-portal", "timestamp": 1, "token": f"access-{self.renewals}", "client": "web"}
            api = self.api_of_region or f"{self.origin}/api/"
            return Reply(body={"hasError": False, "code": 0, "msg": "Success", "data": token, "api": api})
        token = json.loads(base64.b64decode(asked.headers["Token"]))
        if token["token"] not in self.tokens:
            # Nothing tells an ended token from other errors, and the status is 200.
            return Reply(body={"hasError": False, "code": 100001, "msg": "The authorization has expired."})
        if asked.path == "/api/PowerStationMonitor/QueryPowerStationMonitor":
            page, size = int(str(asked.fields["page_index"])), int(str(asked.fields["page_size"]))
            found = SITES[(page - 1) * size : page * size]
            plants = [{"powerstation_id": each, "stationname": each, "capacity": 5.8} for each in found]
            return Reply(body={"hasError": False, "code": 0, "data": {"record": len(SITES), "list": plants}})
        if refusal := self._refused_site(str(asked.fields["id"])):
            return refusal
        local = day_in_zone(date.fromisoformat(str(asked.fields["date"])), ZONE)
        samples, at = [], local.start
        while at < local.end:
            samples.append({"x": f"{at.astimezone(ZONE):%H:%M}", "y": power_w(at)})
            at += timedelta(minutes=5)
        line = {"key": "PCurve_Power_PV", "unit": "W", "xy": samples}
        total = [{"key": "Generation", "value": 14.4, "unit": "kWh"}]
        return Reply(body={"hasError": False, "code": 0, "data": {"lines": [line], "generateData": total}})

    # --- all ----------------------------------------------------------------------------------------------------

    def _bears_token(self, asked: Asked) -> bool:
        return asked.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens

    def _renewed(self, asked: Asked, refresh_token: str) -> Reply:
        """A new pair of tokens for the right refresh token, which is used up with it."""
        if asked.method != "POST" or refresh_token != self.refresh_token:
            return Reply(400, {"error": "invalid_grant", "error_description": f"{refresh_token} is not valid"})
        self.renewals += 1
        access, self.refresh_token = f"access-{self.renewals}", f"refresh-{self.renewals}"
        self.tokens = {access}
        body = {"access_token": access, "refresh_token": self.refresh_token, "expires_in": self.token_life}
        return Reply(body=body)

    def _refused_site(self, site: str) -> Reply | None:
        if site in self.gone:
            return Reply(410, {"message": "the site was removed"})
        return None if site in SITES else Reply(404, {"message": "no such site"})


def power_w(at: datetime) -> int:
    return DAYLIGHT_W if 6 <= at.astimezone(ZONE).hour < 18 else 0


def energy_wh(at: datetime, minutes: int) -> int:
    return power_w(at) * minutes // 60


def _handler(portal: Portal) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            params = {name: values[0] for name, values in parse_qs(parts.query).items()}
            reply = portal.answer(Asked(self.command, parts.path, params, _titled(self.headers.items()), content))
            time.sleep(reply.stalls)
            body = reply.raw if reply.raw is not None else json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(body) + reply.is_cut))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if reply.drips:
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(reply.drips)
                else:
                    self.wfile.write(body)
            except ConnectionError:
                pass  # the client lost its patience, which is what the test is about

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by http.server
            pass

    return Handler


def _titled(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers under the names that the documents use: a client may send them in small letters."""
    known = ("Authorization", "Content-Type", "X-API-Key", "Token")
    names = {name.lower(): name for name in known}
    return {names.get(name.lower(), name): value for name, value in headers}

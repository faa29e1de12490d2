"""Enphase, Monitoring API v4: energy of a system, by default from its revenue-grade meters.

Sources: the vendor's OpenAPI documents. Credential: `api_key`, which travels in the query, and `client_id`,
`client_secret`, `access_token` and `refresh_token`.

What is fetched of a site is declared in its metadata: `series` is `rgm_stats` (default: revenue-grade meters, 15
minutes), `production_micro` (microinverters, 5 minutes) or `production_meter` (production meters, 15 minutes);
`devices` is `meters` where every revenue-grade meter is a meter of its own, else the site is one; `channels` are
those that make up the energy of a meter that has several.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from core.periods import Period
from metering.formats.enphase import parse
from metering.vendors.errors import VendorError
from metering.vendors.terms import MONTH, Answer, Body, Complaint, Quota, Secrets, Signature, Site
from metering.vendors.tokens import bearer, from_answer
from metering.vendors.windows import pieces

if TYPE_CHECKING:
    from metering.vendors.session import Session

NAME: Final = "enphase"
BASE_URL: Final = "https://api.enphaseenergy.com"
TOKEN_URL: Final = "https://api.enphaseenergy.com/oauth/token"  # noqa: S105 - an address
DOMAIN: Final = "enphaseenergy.com"
# The smallest plan, Watt.
LIMITS: Final = (Quota(10, timedelta(minutes=1)), Quota(1_000, MONTH))
LONGEST_WINDOW: Final = timedelta(days=7)
SETTLES_WITHIN: Final = timedelta(days=1)

# Path below the system, longest window, length of an interval and its name, further parameters.
_SERIES: Final[dict[str, tuple[str, timedelta, timedelta, str, dict[str, str]]]] = {
    "rgm_stats": ("rgm_stats", LONGEST_WINDOW, timedelta(minutes=15), "15min", {}),
    "production_micro": (
        "telemetry/production_micro",
        timedelta(days=1),
        timedelta(minutes=5),
        "5min",
        {"granularity": "day"},
    ),
    "production_meter": (
        "telemetry/production_meter",
        timedelta(days=1),
        timedelta(minutes=15),
        "15min",
        {"granularity": "day"},
    ),
}
_MOST_PAGES: Final = 1_000
_SITES_IN_PAGE: Final = 100


def fetch(session: "Session", site: Site, window: Period) -> Iterator[Body]:
    """The energy of the series that the site's metadata declares."""
    series = site.metadata.get("series", "rgm_stats")
    if series not in _SERIES:
        raise VendorError(NAME, f"series {series!r} is unknown: known are {', '.join(_SERIES)}")
    path, longest, interval, name, params = _SERIES[str(series)]
    mapping: dict[str, object] = {"interval": name, **site.declared("channels")}
    if site.metadata.get("devices") != "meters":
        mapping["device"] = site.external_site_id
    for piece in pieces(window, longest, interval):
        span = {"start_at": _epoch(piece.start), "end_at": _epoch(piece.end)}
        answer = session.get(f"/api/v4/systems/{site.in_path}/{path}", params | span)
        yield Body.of(NAME, parse, answer, site, mapping, piece)


def sites(session: "Session") -> Iterator[Site]:
    """Every system whose owner allowed it."""
    seen = 0
    for page in range(1, _MOST_PAGES + 1):
        answer = session.get("/api/v4/systems", {"page": str(page), "size": str(_SITES_IN_PAGE)})
        systems, total = answer.fields.get("systems"), answer.fields.get("total")
        found = [entry for entry in systems if isinstance(entry, dict)] if isinstance(systems, list) else []
        for entry in found:
            zone = entry.get("timezone")
            yield Site(
                str(entry["system_id"]),
                zone if isinstance(zone, str) else None,
                {"name": entry.get("name"), "status": entry.get("status")},
            )
        seen += len(found)
        if not found or (isinstance(total, Decimal) and seen >= total):
            return
    raise VendorError(NAME, f"the list of systems has no end after {_MOST_PAGES:,} pages")


def refresh(session: "Session") -> Secrets | None:
    """A new access token, and the refresh token that follows the one used."""
    client_id, client_secret, token = session.require("client_id", "client_secret", "refresh_token")
    pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    answer = session.ask_for_token(
        Signature(
            headers={"Authorization": f"Basic {pair}"},
            params={"grant_type": "refresh_token", "refresh_token": token},
        )
    )
    return from_answer(session, answer)


def sign(secrets: Secrets) -> Signature | None:
    """The key in the query and the token in a header; None where one of them is not there yet."""
    token, key = bearer(secrets), secrets.get("api_key")
    return None if token is None or not key else Signature(headers=token.headers, params={"key": key})


def complaint(answer: Answer) -> Complaint | None:
    """The error that came with HTTP 200: an `errorCode`, or a `code` that is a status; code 7 passes by itself."""
    code = answer.fields.get("errorCode", answer.fields.get("code"))
    if code is None:
        return None
    text = answer.fields.get("errorMessages", answer.fields.get("details", answer.fields.get("message")))
    return Complaint(f"error {code}: {text}", renew=code == 401, again=code in (7, 500), limited=code == 429)


def limit_ends(answer: Answer) -> datetime | None:
    """The end of the minute or month whose requests are used up."""
    at = answer.fields.get("period_end")
    return datetime.fromtimestamp(int(at), UTC) if isinstance(at, Decimal) and 0 < at < 10**10 else None


def _epoch(at: datetime) -> str:
    return str(int(at.timestamp()))

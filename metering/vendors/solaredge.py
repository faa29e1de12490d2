"""SolarEdge, Monitoring API V2: energy of a site in quarters of an hour.

Sources: the public documentation of the V2 API and the clients that were published for it. Version 1 of the API
answers no more since November 2026; its archived bodies are read by the format `solaredge_v1`.

Credential: `api_key` (Fleet Access), or `client_id`, `client_secret`, `refresh_token` and `access_token` (Site
Access), whose refresh token changes with every use. Only Fleet Access can list sites.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.periods import Period
from metering.formats.solaredge import parse_v2
from metering.vendors.errors import VendorError
from metering.vendors.terms import MONTH, Answer, Body, Complaint, JsonValue, Quota, Secrets, Signature, Site
from metering.vendors.tokens import bearer, from_answer
from metering.vendors.windows import pieces

if TYPE_CHECKING:
    from metering.vendors.session import Session

NAME: Final = "solaredge"
BASE_URL: Final = "https://monitoringapi.solaredge.com/v2"
TOKEN_URL: Final = "https://monitoringapi.solaredge.com/v2/oauth2/token"  # noqa: S105 - an address
DOMAIN: Final = "solaredge.com"
# The free plan: 2,000 credits a month, one for each request; clients keep three seconds between requests.
LIMITS: Final = (Quota(20, timedelta(minutes=1)), Quota(2_000, MONTH))
LONGEST_WINDOW: Final = timedelta(days=7)
SETTLES_WITHIN: Final = timedelta(days=1)

_INTERVAL: Final = timedelta(minutes=15)
_SITES_IN_PAGE: Final = 100
_MOST_PAGES: Final = 1_000
_SECOND: Final = timedelta(seconds=1)


def fetch(session: "Session", site: Site, window: Period) -> Iterator[Body]:
    """The site's energy, in Wh per quarter of an hour."""
    for piece in pieces(window, LONGEST_WINDOW, _INTERVAL):
        # `to` names an instant whose own quarter would be answered too.
        span = {"from": _written(piece.start), "to": _written(piece.end - _SECOND)}
        answer = session.get(f"/sites/{site.in_path}/energy", {"resolution": "QUARTER_HOUR", "unit": "WH", **span})
        yield Body.of(NAME, parse_v2, answer, site, {"device": site.external_site_id}, piece)


def sites(session: "Session") -> Iterator[Site]:
    """Every site of the fleet."""
    for page in range(1, _MOST_PAGES + 1):
        answer = session.get("/sites", {"page": str(page), "sites-in-page": str(_SITES_IN_PAGE)})
        found = _listed(answer.data)
        for entry in found:
            location = entry.get("location")
            zone = location.get("timezone") if isinstance(location, dict) else None
            yield Site(str(entry["siteId"]), zone if isinstance(zone, str) else None, {"name": entry.get("name")})
        if len(found) < _SITES_IN_PAGE:
            return
    raise VendorError(NAME, f"the list of sites has no end after {_MOST_PAGES:,} pages")


def refresh(session: "Session") -> Secrets | None:
    """A new access token and the refresh token that follows the one used; None for an API key."""
    if "refresh_token" not in session.secrets:
        return None
    client_id, client_secret, token = session.require("client_id", "client_secret", "refresh_token")
    answer = session.ask_for_token(
        Signature(
            fields={
                "grant_type": "refresh_token",
                "refresh_token": token,
                "client_id": client_id,
                "client_secret": client_secret,
            }
        )
    )
    return from_answer(session, answer)


def sign(secrets: Secrets) -> Signature | None:
    """The key in a header, or the token; None where a token must be asked for first."""
    if "api_key" in secrets:
        return Signature(headers={"X-API-Key": secrets["api_key"]})
    return bearer(secrets)


def complaint(answer: Answer) -> Complaint | None:
    """None: the API reports errors by status."""
    return None


def limit_ends(answer: Answer) -> datetime | None:
    """The next month where requests of this minute are left: then it is the month's credits that are used up."""
    if answer.headers.get("x-ratelimit-remaining-minute", "0") in ("", "0"):
        return None
    at = answer.received_at
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)


def _listed(data: JsonValue) -> list[dict[str, JsonValue]]:
    """The sites of a page, in the envelope that the API uses now or the bare list that it used before."""
    envelope = data.get("sites") if isinstance(data, dict) else data
    entries = envelope.get("site") if isinstance(envelope, dict) else envelope
    found = entries if isinstance(entries, list) else []
    return [entry for entry in found if isinstance(entry, dict) and "siteId" in entry]


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"

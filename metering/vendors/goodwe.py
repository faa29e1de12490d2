"""GoodWe SEMS: power of a plant by local days.

The portal has no public documentation; sources are the clients that were published for it. Credential: `account`
and `password`; `token`, the portal's own JSON, and `api`, the regional address that a login names, are added. A
token ends without notice: every answer with another code than 0 is met with a new login, once.

Times are local, without offset: the site needs a time zone. Its metadata may declare `value`, the curve to read, and
`tolerance`, as the format `goodwe` explains.
"""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.periods import Period, zone
from metering.formats.goodwe import parse
from metering.vendors.errors import AuthenticationRefused, VendorError
from metering.vendors.terms import Answer, Body, Complaint, JsonValue, Quota, Secrets, Signature, Site
from metering.vendors.windows import local_days

if TYPE_CHECKING:
    from metering.vendors.session import Session

NAME: Final = "goodwe"
BASE_URL: Final = "https://www.semsportal.com/api"
TOKEN_URL: Final = "https://www.semsportal.com/api/v2/Common/CrossLogin"  # noqa: S105 - an address
DOMAIN: Final = "semsportal.com"
# Nothing is written anywhere; this is what a person in front of the portal could cause.
LIMITS: Final = (Quota(30, timedelta(minutes=1)),)
LONGEST_WINDOW: Final = timedelta(days=1)
SETTLES_WITHIN: Final = timedelta(days=1)

_VISITOR: Final = {"uid": "", "timestamp": 0, "token": "", "client": "web", "version": "", "language": "en"}
_TOO_OFTEN: Final = frozenset({"GY0429", "429"})
_PAUSE: Final = timedelta(minutes=5)
_SITES_IN_PAGE: Final = 100
_MOST_PAGES: Final = 1_000


def fetch(session: "Session", site: Site, window: Period) -> Iterator[Body]:
    """The plant's power every five minutes and the day's energy, a body for each local day."""
    if site.time_zone is None:
        raise VendorError(NAME, f"plant {site.external_site_id} needs a time zone: the portal writes local times")
    for day, reached in local_days(window, zone(site.time_zone)):
        answer = session.post(
            "/v2/Charts/GetPlantPowerChart",
            {"id": site.external_site_id, "date": day.isoformat(), "full_script": False},
        )
        yield Body.of(
            NAME,
            parse,
            answer,
            site,
            {
                "device": site.external_site_id,
                "time_zone": site.time_zone,
                "date": day.isoformat(),
                **site.declared("value", "tolerance"),
            },
            reached,
        )


def sites(session: "Session") -> Iterator[Site]:
    """Every plant of the account; the portal does not say in which time zone."""
    seen: set[str] = set()
    for page in range(1, _MOST_PAGES + 1):
        answer = session.post(
            "/PowerStationMonitor/QueryPowerStationMonitor",
            {"powerstation_id": "", "page_index": page, "page_size": _SITES_IN_PAGE},
        )
        found = _listed(answer.fields.get("data"))
        fresh = [entry for entry in found if str(entry["powerstation_id"]) not in seen]
        for entry in fresh:
            seen.add(str(entry["powerstation_id"]))
            yield Site(
                str(entry["powerstation_id"]),
                None,
                {"name": entry.get("stationname"), "capacity_kw": str(entry.get("capacity"))},
            )
        if len(found) < _SITES_IN_PAGE or not fresh:
            return
    raise VendorError(NAME, f"the list of plants has no end after {_MOST_PAGES:,} pages")


def refresh(session: "Session") -> Secrets | None:
    """A new login: the token, and the address of the region that the portal sends the account to."""
    account, password = session.require("account", "password")
    answer = session.ask_for_token(
        Signature(headers={"Token": _header(json.dumps(_VISITOR))}, fields={"account": account, "pwd": password})
    )
    data, api = answer.fields.get("data"), answer.fields.get("api")
    if not isinstance(data, dict) or not data.get("token"):
        raise AuthenticationRefused(NAME, "no new token: the answer to the login holds none")
    if not isinstance(api, str) or not session.trusted(api):
        # The password was just sent; whoever changes the address on the way shall not get the token too.
        raise AuthenticationRefused(NAME, f"the login names an address outside {DOMAIN}: nothing was sent there")
    return session.secrets.changed(token=json.dumps(data, default=str), api=api.rstrip("/"))


def sign(secrets: Secrets) -> Signature | None:
    """The token in a header; None where a login comes first."""
    return Signature(headers={"Token": _header(secrets["token"])}) if secrets.get("token") else None


def complaint(answer: Answer) -> Complaint | None:
    """Any other code than 0: a token that ended looks like every other error."""
    code = answer.fields.get("code")
    if code is not None and str(code) == "0" and answer.fields.get("hasError") is not True:
        return None
    if str(code) in _TOO_OFTEN:
        return Complaint(f"code {code}: asked too often", limited=True)
    return Complaint(f"code {code}: {answer.fields.get('msg')}", renew=True)


def limit_ends(answer: Answer) -> datetime | None:
    """Five minutes on, which is what other clients found to be enough."""
    return answer.received_at + _PAUSE


def _header(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


def _listed(data: JsonValue) -> list[dict[str, JsonValue]]:
    entries = data.get("list") if isinstance(data, dict) else None
    found = entries if isinstance(entries, list) else []
    return [entry for entry in found if isinstance(entry, dict) and "powerstation_id" in entry]

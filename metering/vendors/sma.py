"""SMA, Monitoring API: power of a plant by local days.

Sources: the vendor's public documentation and the clients that were published for it. Credential: `client_id`,
`client_secret`, and the `access_token` and `refresh_token` that the portal gives; the plant's owner must have
accepted the client's request for access (`bc-authorize`), which a person starts once.

The set EnergyBalance of a day holds mean power in W at the plant's finest resolution. Its times are local, without
offset, and the API does not say which end of an interval they name: the site's metadata must declare it as
`label`, `start` or `end`. It may declare `value`, by default pvGeneration, and `interval` for plants whose bodies
do not say their resolution.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.periods import Period, zone
from metering.formats.sma import parse
from metering.vendors.errors import AuthenticationRefused, VendorError
from metering.vendors.terms import Answer, Body, Complaint, Quota, Secrets, Signature, Site
from metering.vendors.tokens import bearer, from_answer
from metering.vendors.windows import local_days

if TYPE_CHECKING:
    from metering.vendors.session import Session

NAME: Final = "sma"
BASE_URL: Final = "https://monitoring.smaapis.de"
TOKEN_URL: Final = "https://auth.smaapis.de/oauth2/token"  # noqa: S105 - an address
DOMAIN: Final = "smaapis.de"
# Counted by credential in five minutes; how many there are is agreed with each customer, so this is modest.
LIMITS: Final = (Quota(60, timedelta(minutes=5)),)
LONGEST_WINDOW: Final = timedelta(days=1)
SETTLES_WITHIN: Final = timedelta(days=1)


def fetch(session: "Session", site: Site, window: Period) -> Iterator[Body]:
    """The plant's mean power, a body for each local day."""
    label = site.metadata.get("label")
    if label not in ("start", "end") or site.time_zone is None:
        raise VendorError(
            NAME,
            f"plant {site.external_site_id} needs a time zone, and label in its metadata: start or end, the end of"
            " the interval that its times name",
        )
    for day, reached in local_days(window, zone(site.time_zone)):
        answer = session.get(
            f"/v1/plants/{site.in_path}/measurements/sets/EnergyBalance/Day", {"Date": day.isoformat()}
        )
        yield Body.of(
            NAME,
            parse,
            answer,
            site,
            {
                "device": site.external_site_id,
                "time_zone": site.time_zone,
                "label": label,
                "unit": "W",
                "date": day.isoformat(),
                **site.declared("interval", "value"),
            },
            reached,
        )


def sites(session: "Session") -> Iterator[Site]:
    """Every plant whose owner accepted."""
    plants = session.get("/v1/plants").fields.get("plants")
    for plant in plants if isinstance(plants, list) else []:
        if isinstance(plant, dict):
            local = plant.get("timezone")
            yield Site(str(plant["plantId"]), local if isinstance(local, str) else None, {"name": plant.get("name")})


def refresh(session: "Session") -> Secrets | None:
    """A new access token from the refresh token, or from the client itself where that one is over too."""
    client_id, client_secret = session.require("client_id", "client_secret")
    client = {"client_id": client_id, "client_secret": client_secret}
    if token := session.secrets.get("refresh_token"):
        try:
            grant = {"grant_type": "refresh_token", "refresh_token": token}
            return from_answer(session, session.ask_for_token(Signature(form=client | grant)))
        except AuthenticationRefused:
            pass  # it lives for half an hour only; the client's own right lasts
    grant = {"grant_type": "client_credentials"}
    return from_answer(session, session.ask_for_token(Signature(form=client | grant)))


def sign(secrets: Secrets) -> Signature | None:
    """The token; None where it must be asked for first."""
    return bearer(secrets)


def complaint(answer: Answer) -> Complaint | None:
    """None: the API reports errors by status."""
    return None


def limit_ends(answer: Answer) -> datetime | None:
    """None: the limit slides, and the API does not say when it frees."""
    return None

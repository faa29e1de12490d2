"""What the OAuth answers of all vendors have in common."""

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from metering.vendors.errors import AuthenticationRefused
from metering.vendors.terms import Answer, Secrets, Signature

if TYPE_CHECKING:
    from metering.vendors.session import Session


def bearer(secrets: Secrets) -> Signature | None:
    """The access token as a header; None where there is none yet."""
    token = secrets.get("access_token")
    return Signature(headers={"Authorization": f"Bearer {token}"}) if token else None


def from_answer(session: "Session", answer: Answer) -> Secrets:
    """The session's credential with the tokens of the answer, and when the access token ends."""
    access, refresh, seconds = (answer.fields.get(name) for name in ("access_token", "refresh_token", "expires_in"))
    if not isinstance(access, str) or not access:
        raise AuthenticationRefused(session.vendor.NAME, "no new token: the answer holds no access_token")
    changes = {"access_token": access}
    if isinstance(refresh, str) and refresh:
        changes["refresh_token"] = refresh
    if isinstance(seconds, Decimal) and 0 < seconds < 10**9:
        changes["expires_at"] = (answer.received_at + timedelta(seconds=int(seconds))).isoformat()
    else:
        # The old token's end is not the new one's.
        return Secrets({name: value for name, value in session.secrets.items() if name != "expires_at"} | changes)
    return session.secrets.changed(**changes)

"""One module per vendor of inverters, all of one shape: a portal in, bodies out; no database.

A vendor's module has, in this order:

    NAME             of its data source and of its format in `metering.formats`
    BASE_URL         where it is asked; TOKEN_URL, where credentials become tokens; DOMAIN, the only domain that its
                     credentials ever travel to
    LIMITS           requests per period that the smallest plan allows
    LONGEST_WINDOW   that one `fetch` request may cover
    SETTLES_WITHIN   how long after an interval its value may still change: ask again from that much earlier
    fetch(session, site, window) -> Iterator[Body]     every answer of the window, oldest first
    sites(session) -> Iterator[Site]                   the plants that the credential sees
    refresh(session) -> Secrets | None                 the credential with a new token; None where it has none
    sign(secrets) -> Signature | None                  what a request carries; None where a token is needed first
    complaint(answer) -> Complaint | None              the error inside an answer with HTTP 200
    limit_ends(answer) -> datetime | None              when an answer with HTTP 429 says that its limit ends

`Session` does the rest alike for all: limits, tries, patience, tokens, and keeping secrets out of sight. A fifth
vendor is a copy of the module that is most like it, a format of the same name that reads its bodies, and a line
in `VENDORS`; the tests in `tests/metering/vendors` ask every module in `VENDORS` the same questions.
"""

from collections.abc import Mapping
from typing import Final

from metering.vendors import enphase, goodwe, sma, solaredge
from metering.vendors.errors import (
    AuthenticationRefused,
    ErrorInBody,
    Gone,
    RateLimited,
    RequestRefused,
    Unavailable,
    VendorError,
)
from metering.vendors.session import Session, Vendor
from metering.vendors.terms import MONTH, Answer, Body, Complaint, Quota, Secrets, Signature, Site

__all__ = [
    "MONTH",
    "VENDORS",
    "Answer",
    "AuthenticationRefused",
    "Body",
    "Complaint",
    "ErrorInBody",
    "Gone",
    "Quota",
    "RateLimited",
    "RequestRefused",
    "Secrets",
    "Session",
    "Signature",
    "Site",
    "Unavailable",
    "Vendor",
    "VendorError",
]

# By the name of their data source.
VENDORS: Final[Mapping[str, Vendor]] = {"solaredge": solaredge, "enphase": enphase, "sma": sma, "goodwe": goodwe}

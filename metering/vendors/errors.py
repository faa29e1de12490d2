"""What can go wrong when a vendor's portal is asked.

VendorError
├── AuthenticationRefused   the credential is refused, also after it was renewed; a person must look at it
├── RequestRefused          the portal will never answer this request: 400, 403, 404, 422, or a foreign redirect
│   └── Gone                what is asked for is no longer there (410)
├── RateLimited             the vendor's or the plan's limit is reached; `retry_at` says when to come back
├── Unavailable             no usable answer after every try: timeouts, 5xx, no JSON
└── ErrorInBody             HTTP 200, and an error code in its body
"""

from datetime import datetime

from metering.errors import MeteringError


class VendorError(MeteringError):
    """Base of all of them. The text names vendor and request and never holds a credential."""

    def __init__(self, vendor: str, text: str, status: int | None = None) -> None:
        super().__init__(f"{vendor}: {text}")
        self.vendor = vendor
        self.status = status


class AuthenticationRefused(VendorError):  # noqa: N818 - says what the portal did
    """The credential is refused."""


class RequestRefused(VendorError):  # noqa: N818 - says what became of the request
    """The same request would be refused again."""


class Gone(RequestRefused):
    """What is asked for is no longer there."""


class RateLimited(VendorError):  # noqa: N818 - says what state the credential is in
    """A limit is reached. `retry_at` is when it is worth asking again, in UTC."""

    def __init__(self, vendor: str, text: str, retry_at: datetime) -> None:
        super().__init__(vendor, f"{text}; ask again after {retry_at:%Y-%m-%d %H:%M:%S} UTC", 429)
        self.retry_at = retry_at


class Unavailable(VendorError):  # noqa: N818 - says what state the portal is in
    """No usable answer; the same request may succeed later."""


class ErrorInBody(VendorError):  # noqa: N818 - says what the answer is
    """HTTP 200, and an error in the body."""

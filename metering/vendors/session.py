"""Asking one vendor's portal: limits, tries, patience, tokens, and keeping secrets out of sight."""

import email.utils
import ipaddress
import json
import logging
import random
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from types import TracebackType
from typing import Final, Protocol, Self
from urllib.parse import quote, quote_plus, urlsplit

import httpx

from core.periods import Period
from metering.vendors.errors import (
    AuthenticationRefused,
    ErrorInBody,
    Gone,
    RateLimited,
    RequestRefused,
    Unavailable,
    VendorError,
)
from metering.vendors.terms import MONTH, Answer, Body, Complaint, JsonValue, Quota, Secrets, Signature, Site

_log = logging.getLogger(__name__)
# Its trace shows headers as they come, and a redirect may well repeat the key of a query.
logging.getLogger("httpcore").setLevel(logging.INFO)

_FIRST_DELAY: Final = timedelta(seconds=1)
_LONGEST_DELAY: Final = timedelta(minutes=1)
# A token that ends while a request travels is as good as ended.
_TOKEN_MARGIN: Final = timedelta(minutes=1)
_LARGEST_BODY: Final = 64 * 2**20
_EXCERPT: Final = 200
_READ_FOR_EXCERPT: Final = 20_000
_SHORTEST_SECRET: Final = 4
# Kept beside the secrets, and no secrets.
_OPEN: Final = frozenset({"api", "expires_at"})
_LONGEST_NUMBER: Final = 10
_PASSING: Final = frozenset({408, 425})


class Vendor(Protocol):
    """The shape of a vendor's module; `metering.vendors` explains each name."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of a module

    @property
    def BASE_URL(self) -> str: ...  # noqa: N802

    @property
    def TOKEN_URL(self) -> str: ...  # noqa: N802

    @property
    def DOMAIN(self) -> str: ...  # noqa: N802

    @property
    def LIMITS(self) -> Sequence[Quota]: ...  # noqa: N802

    @property
    def LONGEST_WINDOW(self) -> timedelta: ...  # noqa: N802

    @property
    def SETTLES_WITHIN(self) -> timedelta: ...  # noqa: N802

    def fetch(self, session: "Session", site: Site, window: Period) -> Iterator[Body]: ...

    def sites(self, session: "Session") -> Iterator[Site]: ...

    def refresh(self, session: "Session") -> Secrets | None: ...

    def sign(self, secrets: Secrets) -> Signature | None: ...

    def complaint(self, answer: Answer) -> Complaint | None: ...

    def limit_ends(self, answer: Answer) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What kept a request from its answer and may pass; `ends_at` is when the portal says that it will."""

    text: str
    status: int | None = None
    ends_at: datetime | None = None
    is_limit: bool = False


def _now() -> datetime:
    return datetime.now(UTC)


class Session:
    """A credential at one vendor's portal.

    Its requests go to `base_url` (by default the vendor's) and to the vendor's own domain, over https, and nowhere
    else: redirects are refused. Only a loopback address may be asked without TLS. A request that meets a limit, an
    overload or a timeout is sent again, after what the portal asks for or else after a random time below a bound
    that doubles, at most `tries` times and for at most `patience` in all; what would take longer is refused at once
    with the time to come back.

    `renew` gives the credential with a new token when the portal refuses the old one; by default it is the vendor's
    `refresh`. Whoever stores credentials passes a function that takes a lock, puts what is stored into
    `session.secrets`, calls `refresh` and stores the result. `spent_this_month` says how many requests of the
    calendar month (UTC) the credential has made before; `limits` are those of its plan.
    """

    def __init__(
        self,
        vendor: Vendor,
        secrets: Mapping[str, str],
        *,
        base_url: str | None = None,
        limits: Sequence[Quota] | None = None,
        spent_this_month: int = 0,
        renew: Callable[["Session"], Secrets | None] | None = None,
        tries: int = 5,
        patience: timedelta = timedelta(minutes=5),
        timeout: timedelta = timedelta(seconds=30),
        clock: Callable[[], datetime] = _now,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.vendor = vendor
        self.base_url = (base_url or vendor.BASE_URL).rstrip("/")
        self.clock = clock
        self._shown: set[str] = set()
        self.secrets = Secrets(secrets)
        self._moved = base_url is not None
        self._renew = renew or vendor.refresh
        self._tries, self._patience, self._timeout = tries, patience, timeout
        self._sleep, self._jitter = sleep, jitter
        self._meter = _Meter(vendor.LIMITS if limits is None else limits, spent_this_month, clock())
        self._refuse_open_line(self.base_url)
        self._client = httpx.Client(
            transport=_SigningTransport(),
            timeout=timeout.total_seconds(),
            follow_redirects=False,
            # Neither a proxy nor a password file of the machine may step between the credential and its portal.
            trust_env=False,
            headers={"Accept": "application/json", "User-Agent": "frontier-energy"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def __repr__(self) -> str:
        return f"Session({self.vendor.NAME}, {self.base_url}, {self.secrets!r})"

    @property
    def secrets(self) -> Secrets:
        """The credential as it is now."""
        return self._secrets

    @secrets.setter
    def secrets(self, secrets: Secrets) -> None:
        self._secrets = secrets
        # What was ever a secret of this session stays one: a portal may still echo the old token.
        self._shown.update(_shown_forms(secrets))

    @property
    def spent_this_month(self) -> int:
        """Requests in this calendar month (UTC), those before this session included: to be kept for the next."""
        return self._meter.spent(self.clock())

    def require(self, *names: str) -> list[str]:
        """These values of the credential. Raises `AuthenticationRefused` that names what it lacks."""
        lacking = [name for name in names if not self.secrets.get(name)]
        if lacking:
            raise AuthenticationRefused(self.vendor.NAME, f"the credential lacks {', '.join(lacking)}")
        return [self.secrets[name] for name in names]

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """The answer to GET; `path` starts with a slash and is below the credential's `api`, or else the base URL."""
        return self._signed("GET", path, params or {}, None)

    def post(self, path: str, fields: Mapping[str, object]) -> Answer:
        """The answer to POST of a JSON object."""
        return self._signed("POST", path, {}, fields)

    def ask_for_token(self, signature: Signature) -> Answer:
        """The answer of the vendor's token URL to a POST that carries only `signature`.

        Raises `AuthenticationRefused` where the portal says no.
        """
        url = self.vendor.TOKEN_URL
        if self._moved:
            moved = urlsplit(self.base_url)
            url = f"{moved.scheme}://{moved.netloc}{urlsplit(url).path}"
        try:
            answer = self._tried("POST", url, {}, None, signature)
        except RequestRefused as error:
            raise AuthenticationRefused(self.vendor.NAME, f"no new token: {error}", error.status) from error
        if complaint := self.vendor.complaint(answer):
            raise AuthenticationRefused(self.vendor.NAME, f"no new token: {self._told(complaint)}")
        return answer

    # --- one request, with a token ------------------------------------------------------------------------------

    def _signed(self, method: str, path: str, params: Mapping[str, str], fields: Mapping[str, object] | None) -> Answer:
        """The answer to a request whose token is renewed at most once."""
        signature, renewed = self.vendor.sign(self.secrets), False
        expires_at = self.secrets.expires_at
        if signature is None or (expires_at is not None and expires_at - _TOKEN_MARGIN <= self.clock()):
            signature, renewed = self._renewed_signature("the token is over"), True
        while True:
            try:
                # After a renewal the credential may belong to another region.
                url = f"{self.secrets.get('api', self.base_url)}{path}"
                answer = self._tried(method, url, params, fields, signature)
            except AuthenticationRefused as error:
                if renewed:
                    raise
                signature, renewed = self._renewed_signature(str(error)), True
                continue
            complaint = self.vendor.complaint(answer)
            if complaint is None:
                return answer
            if not complaint.renew or renewed:
                raise ErrorInBody(self.vendor.NAME, f"{method} {urlsplit(url).path}: {self._told(complaint)}")
            signature, renewed = self._renewed_signature(self._told(complaint)), True

    def _renewed_signature(self, why: str) -> Signature:
        secrets = self._renew(self)
        if secrets is None:
            raise AuthenticationRefused(self.vendor.NAME, f"{why}, and there is no token to renew", 401)
        self.secrets = secrets
        signature = self.vendor.sign(secrets)
        if signature is None:
            raise AuthenticationRefused(self.vendor.NAME, f"{why}, and the portal gave no token", 401)
        return signature

    # --- one request, with tries --------------------------------------------------------------------------------

    def _tried(
        self,
        method: str,
        url: str,
        params: Mapping[str, str],
        fields: Mapping[str, object] | None,
        signature: Signature,
    ) -> Answer:
        """The answer with a status of 200 to 299 that is JSON; whatever the vendor may mend is tried again."""
        self._refuse_open_line(url)
        what = f"{method} {urlsplit(url).path}"
        deadline = self.clock() + self._patience
        for attempt in range(1, self._tries + 1):
            self._wait_for_quota(what, deadline)
            trouble: _Trouble | None
            try:
                answer = self._sent(method, url, params, fields, signature)
            except httpx.RequestError as error:
                trouble = _Trouble(f"{type(error).__name__}: {error}")
            else:
                trouble = self._trouble(what, answer)
                if trouble is None:
                    return answer
            text = self._redacted(trouble.text)
            now = self.clock()
            ends_at = trouble.ends_at
            pause = ends_at - now if ends_at is not None and ends_at > now else self._backoff(attempt)
            if attempt == self._tries or now + pause > deadline:
                text = f"{what}: {text}, after {attempt} of {self._tries} tries"
                if trouble.is_limit:
                    raise RateLimited(self.vendor.NAME, text, now + pause)
                raise Unavailable(self.vendor.NAME, text, trouble.status)
            _log.warning(
                "%s: %s: %s; try %d of %d in %.1f s",
                self.vendor.NAME,
                what,
                text,
                attempt + 1,
                self._tries,
                pause.total_seconds(),
            )
            self._sleep(pause.total_seconds())
        raise AssertionError("unreachable: the last try returns or raises")

    def _trouble(self, what: str, answer: Answer) -> _Trouble | None:
        """What may pass by itself, None where nothing is the matter; raises what will not pass."""
        status, vendor = answer.status, self.vendor.NAME
        if 200 <= status < 300:
            if answer.data is None:
                return _Trouble(f"HTTP {status}, but no JSON: {self._excerpt(answer.content)!r}", status)
            complaint = self.vendor.complaint(answer)
            if complaint is not None and complaint.limited:
                return _Trouble(self._told(complaint), status, self._limit_ends(answer), is_limit=True)
            if complaint is not None and complaint.again:
                return _Trouble(self._told(complaint), status, _retry_after(answer))
            return None
        if 300 <= status < 400:
            target = urlsplit(answer.headers.get("location", "")).hostname or "the same host"
            raise RequestRefused(vendor, f"{what}: HTTP {status}: a redirect to {target} is not followed", status)
        text = f"HTTP {status}: {self._excerpt(answer.content)}"
        if status == httpx.codes.UNAUTHORIZED:
            raise AuthenticationRefused(vendor, f"{what}: {text}", status)
        if status == httpx.codes.GONE:
            raise Gone(vendor, f"{what}: {text}", status)
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return _Trouble(text, status, self._limit_ends(answer), is_limit=True)
        if status >= 500 or status in _PASSING:
            return _Trouble(text, status, _retry_after(answer))
        raise RequestRefused(vendor, f"{what}: {text}", status)

    def _limit_ends(self, answer: Answer) -> datetime | None:
        """When to ask again after too many requests: what the header says, else what the body does."""
        return _retry_after(answer) or self.vendor.limit_ends(answer)

    def _backoff(self, attempt: int) -> timedelta:
        """Full jitter: many workers that failed together do not come back together."""
        longest: timedelta = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (attempt - 1))
        return longest * self._jitter()

    def _wait_for_quota(self, what: str, deadline: datetime) -> None:
        """Returns when no limit forbids the next request, which counts from now on."""
        while (free_at := self._meter.free_at(self.clock())) > self.clock():
            if free_at > deadline:
                quota = self._meter.full(self.clock())
                raise RateLimited(self.vendor.NAME, f"{what} was not sent: the limit is {quota}", free_at)
            self._sleep((free_at - self.clock()).total_seconds())
        self._meter.count(self.clock())

    def _sent(
        self,
        method: str,
        url: str,
        params: Mapping[str, str],
        fields: Mapping[str, object] | None,
        signature: Signature,
    ) -> Answer:
        """Whatever the portal answers; raises `httpx.RequestError` where it does not, or not in time."""
        give_up_at = time.monotonic() + self._timeout.total_seconds()
        content = b"" if fields is None else json.dumps(fields).encode()
        headers = {} if fields is None else {"Content-Type": "application/json"}
        request = self._client.build_request(
            method, url, params=dict(params), content=content, headers=headers, extensions={"signature": signature}
        )
        # The client's timeout is between two bytes; a portal that drips must end too.
        request.extensions["timeout"] = httpx.Timeout(self._timeout.total_seconds()).as_dict()
        response = self._client.send(request, stream=True)
        try:
            chunks, size = [], 0
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > _LARGEST_BODY:
                    raise VendorError(self.vendor.NAME, f"{method} {urlsplit(url).path}: over {_LARGEST_BODY} bytes")
                if time.monotonic() > give_up_at:
                    raise httpx.ReadTimeout(f"no whole answer within {self._timeout}", request=request)
        finally:
            response.close()
        body = b"".join(chunks)
        known = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, known, body, _json(body), self.clock())

    # --- what may be asked, and what may be shown ---------------------------------------------------------------

    def trusted(self, url: str) -> bool:
        """Whether the credential may travel there: the base URL's own host, or https to the vendor's domain."""
        asked, base = urlsplit(url), urlsplit(self.base_url)
        if (asked.scheme, asked.hostname, asked.port) == (base.scheme, base.hostname, base.port):
            return True
        host, domain = asked.hostname or "", self.vendor.DOMAIN
        return asked.scheme == "https" and (host == domain or host.endswith(f".{domain}"))

    def _refuse_open_line(self, url: str) -> None:
        parts = urlsplit(url)
        if not self.trusted(url):
            raise RequestRefused(
                self.vendor.NAME, f"{parts.scheme}://{parts.hostname} is no address of {self.vendor.DOMAIN}"
            )
        if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
            raise RequestRefused(self.vendor.NAME, f"{parts.hostname} is asked over https only")

    def _redacted(self, text: str) -> str:
        # The longest first: a secret may begin with another one.
        for secret in sorted(self._shown, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _told(self, complaint: Complaint) -> str:
        return self._redacted(complaint.text)[:_EXCERPT]

    def _excerpt(self, content: bytes) -> str:
        """The beginning of a body for a message; redacted before it is cut, so that no half of a secret is left."""
        return " ".join(self._redacted(content[:_READ_FOR_EXCERPT].decode(errors="replace")).split())[:_EXCERPT]


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to believe; read once, because that takes longer than most requests."""
    return httpx.create_ssl_context(trust_env=False)


class _SigningTransport(httpx.BaseTransport):
    """Adds a request's signature on its way to the line: whatever sees requests above never sees a secret."""

    def __init__(self) -> None:
        self._line = httpx.HTTPTransport(verify=_certificates(), trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        signature: Signature = request.extensions["signature"]
        headers = dict(request.headers) | dict(signature.headers)
        content = request.read()
        if signature.fields:
            content = json.dumps(json.loads(content or b"{}") | dict(signature.fields)).encode()
            headers["content-type"] = "application/json"
        elif signature.form:
            content = str(httpx.QueryParams(dict(signature.form))).encode()
            headers["content-type"] = "application/x-www-form-urlencoded"
        headers.pop("content-length", None)
        signed = httpx.Request(
            request.method,
            request.url.copy_merge_params(dict(signature.params)) if signature.params else request.url,
            headers=headers,
            content=content or None,
            extensions={"timeout": request.extensions["timeout"]},
        )
        return self._line.handle_request(signed)

    def close(self) -> None:
        self._line.close()


class _Meter:
    """Counts requests against quotas: no stretch of time as long as a quota's holds more than the quota allows.

    A bucket that refills evenly would let twice the quota pass around a full minute, which a portal may count.
    """

    def __init__(self, quotas: Sequence[Quota], spent_this_month: int, now: datetime) -> None:
        self._rolling = [(quota, deque[datetime](maxlen=quota.requests)) for quota in quotas if quota.per != MONTH]
        self._monthly = [quota for quota in quotas if quota.per == MONTH]
        self._month, self._spent = _month(now), spent_this_month

    def spent(self, now: datetime) -> int:
        return self._spent if _month(now) == self._month else 0

    def free_at(self, now: datetime) -> datetime:
        """When the next request fits into every quota; `now` or earlier where it fits already."""
        ends = [sent[0] + quota.per for quota, sent in self._rolling if len(sent) == quota.requests]
        if any(self.spent(now) >= quota.requests for quota in self._monthly):
            ends.append(_next_month(now))
        return max(ends, default=now)

    def full(self, now: datetime) -> Quota:
        """The quota that keeps the next request waiting longest."""
        for quota in self._monthly:
            if self.spent(now) >= quota.requests:
                return quota
        return max((sent[0] + quota.per, quota.requests, quota) for quota, sent in self._rolling if sent)[-1]

    def count(self, now: datetime) -> None:
        self._month, self._spent = _month(now), self.spent(now) + 1
        for _, sent in self._rolling:
            sent.append(now)


def _month(at: datetime) -> tuple[int, int]:
    return at.year, at.month


def _next_month(at: datetime) -> datetime:
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)


def _retry_after(answer: Answer) -> datetime | None:
    """The instant that the header Retry-After names, in seconds or as a date; None where it cannot be read."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < _LONGEST_NUMBER:
        return answer.received_at + timedelta(seconds=int(text))
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _json(content: bytes) -> JsonValue:
    """What the bytes say, numbers exact; None where they are no JSON, or only `null`."""
    try:
        data: JsonValue = json.loads(content, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError):
        return None
    return data


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown_forms(secrets: Secrets) -> Iterator[str]:
    """Every way in which a value could be shown: as it is, inside a URL, and the parts of a JSON object."""
    for name, value in secrets.items():
        if name in _OPEN:
            continue
        parts = _json(value.encode())
        texts = [part for part in parts.values() if isinstance(part, str)] if isinstance(parts, dict) else []
        for text in (value, *texts):
            if len(text) >= _SHORTEST_SECRET:
                yield from (text, quote(text, safe=""), quote_plus(text))

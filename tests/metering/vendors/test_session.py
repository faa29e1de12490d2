"""Limits, tries, patience, tokens and secrets, against portals that misbehave."""

import email.utils
import ipaddress
import itertools
import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.periods import Period
from metering.vendors import (
    MONTH,
    VENDORS,
    AuthenticationRefused,
    Body,
    ErrorInBody,
    Quota,
    RateLimited,
    RequestRefused,
    Secrets,
    Session,
    Signature,
    Site,
    Unavailable,
    VendorError,
)
from tests.metering.vendors.portal import SITE, ZONE, Clock, Portal, Reply

ALL = sorted(VENDORS)
HOUR = Period(datetime(2026, 9, 2, 8, tzinfo=UTC), datetime(2026, 9, 2, 9, tzinfo=UTC))
LAST = Reply(401, {"message": "unauthorized"})

OpenPortal = Callable[[str], Portal]
OpenSession = Callable[..., Session]


def fetched(session: Session) -> list[Body]:
    return [*session.vendor.fetch(session, Site(SITE, ZONE.key, {"label": "end"}), HOUR)]


def logged_in(portal: Portal, open_session: OpenSession, **settings: object) -> Session:
    """A session whose token is there, so that the next request is one for data."""
    session = open_session(portal, **settings)
    fetched(session)
    portal.asked.clear()
    return session


# --- tokens -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", ALL)
def test_a_token_that_ended_is_renewed_once_and_the_request_repeated(
    vendor: str, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal(vendor)
    session = logged_in(portal, open_session)
    before = portal.renewals
    portal.end_tokens()
    assert fetched(session)
    assert portal.renewals == before + 1
    assert len(portal.asked) == 3  # refused, renewed, answered


@pytest.mark.parametrize("vendor", ALL)
def test_a_token_that_is_refused_after_its_renewal_is_not_renewed_again(
    vendor: str, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal(vendor)
    session = logged_in(portal, open_session)
    renewed: list[Secrets] = []

    def renew(asking: Session) -> Secrets:
        renewed.append(Secrets({**asking.secrets}))
        return renewed[-1]

    again = open_session(portal, secrets=session.secrets, renew=renew)
    portal.end_tokens()
    with pytest.raises((AuthenticationRefused, ErrorInBody)):
        fetched(again)
    assert len(renewed) == 1
    assert len(portal.asked) == 2


def test_a_token_that_is_about_to_end_is_renewed_before_it_is_used(
    open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("sma")
    portal.token_life = 300
    session = logged_in(portal, open_session)
    assert session.secrets.expires_at == clock.now + timedelta(seconds=300)
    clock.now += timedelta(seconds=250)
    fetched(session)
    assert portal.asked[0].path == "/oauth2/token"
    assert len(portal.asked) == 2


def test_the_refresh_token_that_follows_the_one_used_is_kept(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    for vendor in ("enphase", "solaredge"):
        portal = open_portal(vendor)
        session = open_session(portal)
        for number in (1, 2):
            portal.end_tokens()
            fetched(session)
            assert session.secrets["refresh_token"] == f"refresh-{number}"


def test_a_client_of_sma_gets_a_token_of_its_own_where_the_refresh_token_is_over(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal("sma")
    session = open_session(portal, secrets=portal.secrets.changed(refresh_token="long-over"))
    assert fetched(session)
    grants = [asked.fields["grant_type"] for asked in portal.asked if asked.path == "/oauth2/token"]
    assert grants == ["refresh_token", "client_credentials"]


def test_a_fleet_key_of_solaredge_needs_no_token_and_has_none_to_renew(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal("solaredge")
    assert fetched(open_session(portal, secrets=Secrets({"api_key": "key-of-the-fleet"})))
    wrong = open_session(portal, secrets=Secrets({"api_key": "another-key"}))
    with pytest.raises(AuthenticationRefused, match="there is no token to renew"):
        fetched(wrong)


def test_a_wrong_password_is_refused_and_not_tried_again(open_portal: OpenPortal, open_session: OpenSession) -> None:
    portal = open_portal("goodwe")
    with pytest.raises(AuthenticationRefused, match="Email or password error"):
        fetched(open_session(portal, secrets=portal.secrets.changed(password="another one")))
    assert len(portal.asked) == 1


@pytest.mark.parametrize("vendor", ALL)
def test_what_a_credential_lacks_is_named_before_anything_is_asked(
    vendor: str, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal(vendor)
    with pytest.raises(AuthenticationRefused, match=r"credential lacks|no token to renew"):
        fetched(open_session(portal, secrets=Secrets({})))
    assert not portal.asked


def test_an_error_in_the_body_is_met_with_one_login_and_told_when_it_stays(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal("goodwe")
    session = logged_in(portal, open_session)
    broken = Reply(body={"hasError": True, "code": 100008, "msg": "the plant does not exist"})
    login = Reply(body={"code": 0, "data": {"token": "access-1"}, "api": f"{portal.origin}/api/"})
    portal.trouble(broken, login, broken)
    with pytest.raises(ErrorInBody, match="code 100008: the plant does not exist"):
        fetched(session)
    assert len(portal.asked) == 3


# --- tries and patience -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Reply(500, {"errorCode": 7, "errorMessages": ["Data is temporarily unavailable"]}), id="500"),
        pytest.param(Reply(503, "maintenance"), id="503"),
        pytest.param(Reply(408, "too slow"), id="408"),
        pytest.param(Reply(raw=b'{"intervals": [{"end_at": 13'), id="half of a JSON"),
        pytest.param(Reply(raw=b"<html>maintenance</html>"), id="HTML"),
        pytest.param(Reply(raw=b""), id="nothing"),
        pytest.param(Reply(raw=b"{}", is_cut=True), id="an answer that breaks off"),
        pytest.param(Reply(body={"errorCode": 7, "errorMessages": ["temporarily unavailable"]}), id="7 in the body"),
    ],
)
def test_what_may_pass_by_itself_is_tried_again(
    trouble: Reply, open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("enphase")
    session = logged_in(portal, open_session)
    portal.trouble(trouble, trouble)
    assert fetched(session)
    assert clock.slept == [1.0, 2.0]


@pytest.mark.parametrize("vendor", ALL)
def test_a_portal_that_stays_down_is_given_up_after_every_try(
    vendor: str, open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal(vendor)
    session = logged_in(portal, open_session, tries=4)
    portal.trouble(*[Reply(502, "bad gateway")] * 9)
    with pytest.raises(Unavailable, match=r"HTTP 502.*after 4 of 4 tries") as refusal:
        fetched(session)
    assert (refusal.value.status, len(portal.asked), clock.slept) == (502, 4, [1.0, 2.0, 4.0])


def test_pauses_are_random_below_a_bound_that_doubles_up_to_a_minute(
    open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("enphase")
    draws = itertools.cycle([0.5, 0.25])
    session = logged_in(
        portal, open_session, tries=9, jitter=lambda: next(draws), patience=timedelta(hours=1), limits=()
    )
    portal.trouble(*[Reply(500, "")] * 9)
    with pytest.raises(Unavailable):
        fetched(session)
    assert clock.slept == [0.5, 0.5, 2.0, 2.0, 8.0, 8.0, 30.0, 15.0]


def test_patience_ends_a_request_before_its_tries_do(
    open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("enphase")
    session = logged_in(portal, open_session, patience=timedelta(seconds=4))
    portal.trouble(*[Reply(500, "")] * 9)
    with pytest.raises(Unavailable, match="after 3 of 5 tries"):
        fetched(session)
    assert sum(clock.slept) == 3.0


def test_an_answer_that_comes_too_slowly_is_no_answer(open_portal: OpenPortal, open_session: OpenSession) -> None:
    portal = open_portal("enphase")
    session = logged_in(portal, open_session, timeout=timedelta(milliseconds=80), tries=2)
    portal.trouble(Reply(body={"intervals": []}, stalls=0.2), Reply(body={"intervals": []}, stalls=0.2))
    with pytest.raises(Unavailable, match="ReadTimeout"):
        fetched(session)


def test_an_answer_that_drips_ends_with_the_timeout_of_the_whole(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal("enphase")
    session = logged_in(portal, open_session, timeout=timedelta(milliseconds=80), tries=1)
    portal.trouble(Reply(raw=b" " * 100 + b"{}", drips=0.01))
    with pytest.raises(Unavailable, match="no whole answer within"):
        fetched(session)


def test_a_portal_that_is_not_there_is_unavailable(open_session: OpenSession, clock: Clock) -> None:
    with Portal("sma") as portal:
        session = open_session(portal)
    with pytest.raises(Unavailable, match="ConnectError"):
        fetched(session)
    assert len(clock.slept) == 4


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_what_will_be_refused_again_is_not_tried_again(
    status: int, open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("solaredge")
    session = logged_in(portal, open_session)
    portal.trouble(Reply(status, {"message": "the scope is missing"}))
    with pytest.raises(RequestRefused, match="the scope is missing") as refusal:
        fetched(session)
    assert (refusal.value.status, len(portal.asked), clock.slept) == (status, 1, [])


# --- limits of the vendor ---------------------------------------------------------------------------------------


def test_retry_after_is_kept_to_the_second(open_portal: OpenPortal, open_session: OpenSession, clock: Clock) -> None:
    portal = open_portal("solaredge")
    session = logged_in(portal, open_session)
    portal.trouble(Reply(429, {}, {"Retry-After": "37"}), Reply(503, {}, {"Retry-After": "0"}))
    assert fetched(session)
    assert clock.slept[0] == 37.0


def test_retry_after_may_be_a_date(open_portal: OpenPortal, open_session: OpenSession, clock: Clock) -> None:
    portal = open_portal("solaredge")
    session = logged_in(portal, open_session)
    at = email.utils.format_datetime(clock.now + timedelta(seconds=90), usegmt=True)
    portal.trouble(Reply(429, {}, {"Retry-After": at}))
    assert fetched(session)
    assert clock.slept == [90.0]


@pytest.mark.parametrize("header", ["soon", "-5", "99999999999999", "Thu, 99 Foo 2026 25:00:00 GMT"])
def test_a_retry_after_that_nobody_can_read_is_as_good_as_none(
    header: str, open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("solaredge")
    session = logged_in(portal, open_session)
    portal.trouble(Reply(429, {}, {"Retry-After": header}))
    assert fetched(session)
    assert clock.slept == [1.0]


def test_without_retry_after_the_end_of_the_period_in_the_body_counts(
    open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("enphase")
    session = logged_in(portal, open_session)
    body = {"message": "Too Many Requests", "period": "minute", "period_end": int(clock.now.timestamp()) + 41}
    portal.trouble(Reply(429, body))
    assert fetched(session)
    assert clock.slept == [41.0]


def test_a_month_that_is_used_up_is_told_at_once_with_the_time_to_come_back(
    open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    october = datetime(2026, 10, 1, tzinfo=UTC)
    enphase, solaredge = open_portal("enphase"), open_portal("solaredge")
    by_body = logged_in(enphase, open_session)
    by_header = logged_in(solaredge, open_session)
    enphase.trouble(Reply(429, {"period": "month", "period_end": int(october.timestamp())}))
    solaredge.trouble(Reply(429, {}, {"X-RateLimit-Remaining-Minute": "19"}))
    for session in (by_body, by_header):
        with pytest.raises(RateLimited, match="ask again after 2026-10-01 00:00:00 UTC") as refusal:
            fetched(session)
        assert refusal.value.retry_at == october
    assert clock.slept == []


def test_a_limit_that_names_no_end_is_told_after_every_try(open_portal: OpenPortal, open_session: OpenSession) -> None:
    portal = open_portal("sma")
    session = logged_in(portal, open_session, tries=3)
    portal.trouble(*[Reply(429, {})] * 3)
    with pytest.raises(RateLimited, match="after 3 of 3 tries"):
        fetched(session)


def test_goodwe_says_too_often_in_the_body_and_is_left_alone_for_five_minutes(
    open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("goodwe")
    session = logged_in(portal, open_session, patience=timedelta(minutes=6))
    portal.trouble(Reply(body={"code": "GY0429", "msg": "too many"}))
    assert fetched(session)
    assert clock.slept == [300.0]
    portal.trouble(*[Reply(body={"code": "GY0429", "msg": "too many"})] * 2)
    with pytest.raises(RateLimited) as refusal:
        fetched(session)
    assert refusal.value.retry_at == clock.now + timedelta(minutes=5)


# --- limits of the plan -----------------------------------------------------------------------------------------


def test_no_stretch_of_time_holds_more_requests_than_a_quota_allows(
    open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("enphase")
    quota = Quota(4, timedelta(minutes=1))
    session = open_session(portal, limits=(quota, Quota(3, timedelta(seconds=10))))
    sent: list[datetime] = []
    for number in range(40):
        clock.now += timedelta(seconds=number % 7)
        fetched(session)
        sent.append(clock.now)
    assert all(later - earlier >= quota.per for earlier, later in zip(sent, sent[4:], strict=False))
    assert all(later - earlier >= timedelta(seconds=10) for earlier, later in zip(sent, sent[3:], strict=False))
    assert clock.slept


def test_tries_and_renewals_count_as_requests(open_portal: OpenPortal, open_session: OpenSession) -> None:
    portal = open_portal("enphase")
    session = open_session(portal, spent_this_month=100)
    portal.end_tokens()
    portal.trouble(Reply(500, ""))
    fetched(session)
    assert len(portal.asked) == 4
    assert session.spent_this_month == 104


def test_a_request_beyond_the_months_budget_is_never_sent(
    open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    portal = open_portal("enphase")
    session = open_session(portal, spent_this_month=998)
    fetched(session)
    fetched(session)
    with pytest.raises(RateLimited, match=r"was not sent: the limit is 1,000 requests per calendar month") as refusal:
        fetched(session)
    assert refusal.value.retry_at == datetime(2026, 10, 1, tzinfo=UTC)
    assert len(portal.asked) == 2
    clock.now = refusal.value.retry_at
    assert fetched(session)
    assert session.spent_this_month == 1


def test_a_wait_for_the_quota_that_is_longer_than_the_patience_is_refused(
    open_portal: OpenPortal, open_session: OpenSession, clock: Clock
) -> None:
    session = open_session(
        open_portal("enphase"), limits=(Quota(1, timedelta(hours=1)),), patience=timedelta(minutes=1)
    )
    start = clock.now
    fetched(session)
    with pytest.raises(RateLimited, match="the limit is 1 requests per 3600 s") as refusal:
        fetched(session)
    assert refusal.value.retry_at == start + timedelta(hours=1)


def test_quotas_say_what_they_are() -> None:
    assert str(Quota(1_000, MONTH)) == "1,000 requests per calendar month"
    assert str(Quota(10, timedelta(minutes=1))) == "10 requests per 60 s"


# --- where credentials go ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_foreign_host_is_refused_and_the_host_never_asked(
    status: int, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal, foreign = open_portal("enphase"), open_portal("enphase")
    session = logged_in(portal, open_session)
    portal.trouble(Reply(status, "", {"Location": f"{foreign.origin}/api/v4/systems"}))
    with pytest.raises(RequestRefused, match=r"a redirect to 127\.0\.0\.1 is not followed"):
        fetched(session)
    assert not foreign.asked


@pytest.mark.parametrize(
    "api", ["https://sems.example/api/", "http://eu.semsportal.com/api/", "https://xsemsportal.com/api/"]
)
def test_a_login_that_names_a_foreign_address_is_refused(
    api: str, open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal("goodwe")
    portal.api_of_region = api
    with pytest.raises(AuthenticationRefused, match=r"an address outside semsportal\.com"):
        fetched(open_session(portal))
    assert len(portal.asked) == 1


def test_the_region_that_a_login_names_is_asked_from_then_on(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal("goodwe")
    portal.api_of_region = f"{portal.origin}/api/"
    session = open_session(portal)
    fetched(session)
    assert session.secrets["api"] == f"{portal.origin}/api"
    region = session.secrets.changed(api="https://eu.semsportal.com/api")
    assert Session(VENDORS["goodwe"], region).trusted(region["api"])


def test_credentials_travel_without_tls_to_loopback_only() -> None:
    with pytest.raises(RequestRefused, match="asked over https only"):
        Session(VENDORS["enphase"], {}, base_url="http://api.enphaseenergy.com")
    with pytest.raises(RequestRefused, match="asked over https only"):
        Session(VENDORS["enphase"], {}, base_url="http://10.0.0.7:8000")
    for loopback in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"):
        Session(VENDORS["enphase"], {}, base_url=loopback).__exit__(None, None, None)


def test_an_address_of_another_vendor_is_refused_in_a_stored_credential(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal, foreign = open_portal("goodwe"), open_portal("goodwe")
    token = json.dumps({"token": "access-0"})
    session = open_session(portal, secrets=portal.secrets.changed(token=token, api=f"{foreign.origin}/api"))
    with pytest.raises(RequestRefused, match=r"is no address of semsportal\.com"):
        fetched(session)
    assert not foreign.asked


@pytest.mark.parametrize("vendor", ALL)
def test_every_vendor_asks_its_own_domain_over_tls(vendor: str) -> None:
    module = VENDORS[vendor]
    with Session(module, {}) as session:
        assert session.trusted(module.BASE_URL)
        assert session.trusted(module.TOKEN_URL)
        assert not any(session.trusted(VENDORS[other].BASE_URL) for other in ALL if other != vendor)
    assert module.BASE_URL.startswith("https://")
    assert module.TOKEN_URL.startswith("https://")


# --- what is shown ----------------------------------------------------------------------------------------------


def shown_by(error: BaseException | None) -> str:
    """Everything that a traceback, and whoever looks at the errors behind it, can show."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
        if (request := getattr(error, "_request", None)) is not None:
            texts += [str(request.url), repr(request.headers), repr(request.content), repr(request.extensions)]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


@pytest.mark.parametrize("vendor", ALL)
@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(lambda echo: Reply(401, echo), id="refused"),
        pytest.param(lambda echo: Reply(403, echo), id="forbidden"),
        pytest.param(lambda echo: Reply(429, echo), id="too often"),
        pytest.param(lambda echo: Reply(500, echo), id="broken"),
        pytest.param(lambda echo: Reply(raw=json.dumps(echo)[:-1].encode()), id="no JSON"),
        pytest.param(lambda echo: Reply(body={"code": 9, "errorCode": 9, "msg": str(echo), **echo}), id="in the body"),
        pytest.param(lambda echo: Reply(302, echo, {"Location": "https://else.example/?" + str(echo)}), id="redirect"),
        pytest.param(lambda echo: Reply(raw=b"{}", is_cut=True), id="cut"),
    ],
)
def test_no_secret_is_ever_shown(
    vendor: str,
    trouble: Callable[[dict[str, str]], Reply],
    open_portal: OpenPortal,
    open_session: OpenSession,
    caplog: pytest.LogCaptureFixture,
) -> None:
    portal = open_portal(vendor)
    session = logged_in(portal, open_session)
    caplog.set_level(logging.DEBUG)
    held = {name: value for name, value in session.secrets.items() if name not in ("api", "expires_at", "token")}
    held |= {"inner": "access-1"} if vendor == "goodwe" else {}
    # The portal repeats the credential, first in the answer and then in every answer to the renewal.
    portal.trouble(*[trouble({"message": "x" * 150, **held})] * 12)
    try:
        fetched(session)
        shown = ""
    except VendorError as error:
        shown = shown_by(error)
    shown += caplog.text + repr(session) + repr(session.secrets) + str(session.secrets)
    shown += "".join(repr(record.args) for record in caplog.records)
    assert shown
    for name, value in held.items():
        if name != "client_id":
            assert value not in shown, name
    assert "key-in-the-query" not in shown


def test_signatures_and_secrets_show_names_only() -> None:
    assert repr(Secrets({"api_key": "abcdef", "account": "me"})) == "Secrets(account, api_key)"
    assert "abcdef" not in repr(Signature(headers={"X": "abcdef"}, params={"k": "abcdef"}, fields={"p": "abcdef"}))


def test_the_key_travels_in_the_query_and_is_in_no_url_that_a_client_shows(
    open_portal: OpenPortal, open_session: OpenSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    portal = open_portal("enphase")
    fetched(open_session(portal))
    assert portal.asked[0].params["key"] == "key-in-the-query"
    assert "rgm_stats" in caplog.text
    assert "key=" not in caplog.text


def test_a_session_says_where_it_asks_and_with_which_kinds_of_secrets() -> None:
    with Session(VENDORS["sma"], {"client_id": "a", "client_secret": "b"}) as session:
        assert repr(session) == "Session(sma, https://monitoring.smaapis.de, Secrets(client_id, client_secret))"


def test_a_secret_is_hidden_in_every_form_in_which_a_portal_may_repeat_it(
    open_portal: OpenPortal, open_session: OpenSession
) -> None:
    portal = open_portal("enphase")
    secrets = portal.secrets.changed(client_secret="a/b c&d", client_id="a/b c", refresh_token="refresh-0")
    session = open_session(portal, secrets=secrets, renew=lambda asking: asking.secrets.changed(access_token="second"))
    echo = "access-0 | second | a/b c&d | a%2Fb%20c%26d | a%2Fb+c%26d | a/b c"
    portal.trouble(Reply(401, ""), Reply(400, echo))
    with pytest.raises(RequestRefused) as refusal:
        fetched(session)
    # The token before the renewal is hidden too, and no secret by halves because it begins with another.
    assert str(refusal.value).endswith('HTTP 400: "*** | *** | *** | *** | *** | ***"')


def test_no_proxy_or_password_file_of_the_machine_comes_between(
    open_portal: OpenPortal, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    portal, proxy = open_portal("enphase"), open_portal("enphase")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.origin)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert fetched(open_session(portal))
    assert not proxy.asked
    assert portal.asked[0].headers["Authorization"] == "Bearer access-0"


def test_a_portal_whose_certificate_nobody_vouches_for_is_told_no_secret(
    open_portal: OpenPortal, open_session: OpenSession, tmp_path: Path
) -> None:
    portal = open_portal("enphase")
    portal.speak_tls(*self_signed(tmp_path))
    session = open_session(portal, base_url=portal.url.replace("http:", "https:"), tries=1)
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        fetched(session)
    assert not portal.asked


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Files of a certificate for 127.0.0.1 that its own key signed, and of the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths

"""The screen of credentials: secrets go in, are sealed, and never come out again."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from core.sealing import open_sealed, seal
from metering.admin import SECRETS
from metering.models import IntegrationCredential
from tests.factories import DataSourceFactory, IntegrationCredentialFactory, OrganizationFactory, UserFactory
from tests.test_admin import Form

pytestmark = [pytest.mark.django_db, pytest.mark.any_server]

ADD = "admin:metering_integrationcredential_add"
CHANGE = "admin:metering_integrationcredential_change"


@pytest.fixture(autouse=True)
def key(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]


@pytest.fixture
def office(client: Client) -> Client:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


def change(office: Client, credential: IntegrationCredential, **typed: str) -> Any:
    place = reverse(CHANGE, args=[credential.pk])
    return office.post(place, {**Form(office.get(place)).sent, **typed})


def test_a_secret_typed_in_is_stored_sealed(office: Client) -> None:
    answer = office.post(
        reverse(ADD),
        {
            **Form(office.get(reverse(ADD))).sent,
            "organization": OrganizationFactory.create().pk,
            "data_source": DataSourceFactory.create(name="solaredge").pk,
            "auth_type": "api_key",
            "api_key": " hush-0815 ",
        },
    )
    assert answer.status_code == 302, answer.context["errors"]
    credential = IntegrationCredential.objects.get()
    assert b"hush" not in bytes(credential.encrypted_credentials)
    assert dict(open_sealed(credential.encrypted_credentials)) == {"api_key": " hush-0815 "}
    assert credential.encryption_method == "fernet"


def test_sealed_secrets_are_on_no_page(office: Client) -> None:
    credential = IntegrationCredentialFactory.create(encrypted_credentials=seal({"api_key": "hush-0815"}))
    page = office.get(reverse(CHANGE, args=[credential.pk]))
    assert b"hush" not in page.content
    assert bytes(credential.encrypted_credentials) not in page.content
    assert {name: Form(page).sent[name] for name in SECRETS} == {name: [""] for name in SECRETS}


def test_a_form_without_secrets_keeps_those_that_are_there(office: Client) -> None:
    sealed = seal({"api_key": "hush-0815"})
    credential = IntegrationCredentialFactory.create(encrypted_credentials=sealed)
    assert change(office, credential, label="renamed").status_code == 302
    credential.refresh_from_db()
    assert (credential.label, bytes(credential.encrypted_credentials)) == ("renamed", sealed)


def test_secrets_typed_in_replace_all_and_forget_when_the_old_token_ends(office: Client) -> None:
    credential = IntegrationCredentialFactory.create(
        encrypted_credentials=seal({"api_key": "old", "access_token": "old"}),
        auth_type="oauth2",
        token_expires_at=timezone.now(),
        token_refreshed_at=timezone.now(),
    )
    assert change(office, credential, client_id="me", client_secret="hush").status_code == 302
    credential.refresh_from_db()
    assert dict(open_sealed(credential.encrypted_credentials)) == {"client_id": "me", "client_secret": "hush"}
    assert (credential.token_expires_at, credential.token_refreshed_at) == (None, None)


def test_without_a_key_the_form_says_how_to_make_one_stores_nothing_and_sends_nothing_back(
    office: Client, settings: Settings
) -> None:
    settings.CREDENTIAL_KEYS = []
    credential = IntegrationCredentialFactory.create(encrypted_credentials=b"as before")
    answer = change(office, credential, password="hush-0815")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "FRONTIER_CREDENTIAL_KEYS is empty" in page
    assert "hush" not in page
    credential.refresh_from_db()
    assert bytes(credential.encrypted_credentials) == b"as before"


def test_another_mistake_on_the_form_does_not_send_the_secret_back(office: Client) -> None:
    credential = IntegrationCredentialFactory.create(encrypted_credentials=b"as before")
    answer = change(office, credential, password="hush-0815", auth_type="telepathy")
    assert answer.status_code == 200
    assert b"hush" not in answer.content
    credential.refresh_from_db()
    assert bytes(credential.encrypted_credentials) == b"as before"


def test_who_may_only_look_is_offered_no_field_for_secrets(client: Client) -> None:
    viewer = UserFactory.create(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_integrationcredential"))
    client.force_login(viewer)
    page = client.get(reverse(CHANGE, args=[IntegrationCredentialFactory.create().pk]))
    assert page.status_code == 200
    assert not set(SECRETS) & Form(page).sent.keys()


def test_credentials_are_sealed_anew_so_that_an_old_key_can_be_given_up(office: Client, settings: Settings) -> None:
    old, newest = settings.CREDENTIAL_KEYS[0], Fernet.generate_key().decode()
    kept = IntegrationCredentialFactory.create(encrypted_credentials=seal({"api_key": "hush-0815"}))
    lost = IntegrationCredentialFactory.create(encrypted_credentials=b"sealed with a key that is gone", label="Lost")
    settings.CREDENTIAL_KEYS = [newest, old]
    answer = office.post(
        reverse("admin:metering_integrationcredential_changelist"),
        {"action": "seal_anew", "_selected_action": [kept.pk, lost.pk]},
        follow=True,
    )
    page = answer.content.decode()
    assert "1 credentials are sealed with the newest key" in page
    assert "Lost: the secrets cannot be opened" in page
    settings.CREDENTIAL_KEYS = [newest]
    kept.refresh_from_db()
    assert dict(open_sealed(kept.encrypted_credentials)) == {"api_key": "hush-0815"}
    lost.refresh_from_db()
    assert bytes(lost.encrypted_credentials) == b"sealed with a key that is gone"

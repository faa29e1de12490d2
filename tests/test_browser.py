"""A person walks through the admin with a real browser."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from core.models import User
from tests.factories import (
    BillingPeriodFactory,
    ClauseCategoryFactory,
    ClauseFactory,
    ClauseTariffFactory,
    ContractFactory,
    CurrencyFactory,
    InvoiceHeaderFactory,
    InvoiceLineItemFactory,
    MeterFactory,
    MeterReadingFactory,
    as_issued,
)

PASSWORD = "correct horse battery staple"
LAUNCH = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_server, pytest.mark.usefixtures("emptied")]


@pytest.fixture
def troubles() -> list[str]:
    """What went wrong in the browser: errors of scripts, answers that failed."""
    return []


@pytest.fixture
def page(
    chromium: str, live_server: LiveServer, troubles: list[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Page]:
    """A window of a browser that has been nowhere yet."""
    # Playwright runs an event loop in this thread, in which Django would refuse to ask the database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(LAUNCH))
        window = browser.new_page(base_url=live_server.url, viewport={"width": 1440, "height": 900})
        # Browsers ask for it by themselves; no page of ours does.
        window.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        window.on("console", lambda said: troubles.append(said.text) if said.type in {"error", "warning"} else None)
        window.on("pageerror", lambda error: troubles.append(str(error)))
        window.on("response", lambda got: troubles.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        window.on("requestfailed", lambda request: troubles.append(f"{request.failure} {request.url}"))
        yield window
        browser.close()


@pytest.fixture
def keep(page: Page) -> Callable[[str], None]:
    """Keeps a picture of the window in the folder that FRONTIER_SCREENSHOTS names, if it names one."""
    folder = os.environ.get("FRONTIER_SCREENSHOTS")

    def keep_picture(name: str) -> None:
        if folder:
            page.wait_for_load_state("networkidle")
            page.screenshot(path=Path(folder) / f"{name}.png")

    return keep_picture


@pytest.fixture
def story() -> None:
    """A solar park in Sonora, its agreement, a day of readings and an invoice that was sent."""
    User.objects.create_superuser("office", password=PASSWORD)
    usd = CurrencyFactory.create(code="USD", name="US dollar")
    contract = ContractFactory.create(
        name="Sonora Solar Park PPA",
        project__name="Sonora Solar Park",
        project__organization__name="Helios Energy Partners",
        counterparty__name="Desert Utility Company",
        contract_type__code="PPA",
        contract_type__name="Power purchase agreement",
        contract_status__code="ACTIVE",
        effective_date=date(2025, 1, 1),
        end_date=date(2039, 12, 31),
    )
    for section, name in (("4.1", "Availability guarantee"), ("4.2", "Liquidated damages"), ("7", "Contract price")):
        ClauseFactory.create(
            contract=contract,
            name=name,
            section_ref=section,
            clause_category=ClauseCategoryFactory.create(code=name.upper().replace(" ", "_")),
        )
    tariff = ClauseTariffFactory.create(contract=contract, currency=usd, name="Energy", base_rate=Decimal("0.0412"))
    meter = MeterFactory.create(project=contract.project, model="ION9000", meter_type__name="Revenue meter")
    sunrise = datetime(2025, 11, 3, 14, tzinfo=UTC)
    for quarter in range(40):
        MeterReadingFactory.create(
            meter=meter,
            reading_timestamp=sunrise + quarter * timedelta(minutes=15),
            energy_wh=Decimal(quarter * (40 - quarter) * 31_250),
            power_w=Decimal(quarter * (40 - quarter) * 125_000),
            irradiance_wm2=Decimal(quarter * (40 - quarter)) * 2,
        )
    invoice = InvoiceHeaderFactory.create(
        contract=contract,
        currency=usd,
        billing_period=BillingPeriodFactory.create(name="November 2025", start_date=date(2025, 11, 1)),
        invoice_number="2025-000011",
        invoice_date=date(2025, 12, 1),
        total_amount=Decimal("298_412.55"),
    )
    for kind, quantity, price, total in (
        ("Energy", Decimal("9425881.1"), Decimal("0.0412"), Decimal("388346.30")),
        ("Credit for liquidated damages", Decimal(1), Decimal("-89933.75"), Decimal("-89933.75")),
    ):
        InvoiceLineItemFactory.create(
            invoice_header=invoice,
            invoice_line_item_type__name=kind,
            description=f"{kind}, November 2025",
            clause_tariff=tariff if kind == "Energy" else None,
            quantity=quantity,
            line_unit_price=price,
            line_total_amount=total,
        )
    as_issued(invoice)


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Username").fill("office")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_a_person_finds_a_contract_its_readings_and_its_invoice(
    story: None, page: Page, troubles: list[str], keep: Callable[[str], None]
) -> None:
    sign_in(page)
    expect(page.get_by_role("heading", name="Contracts, measurement, money")).to_be_visible()
    for chapter in ("Agreements", "Measurement", "Money"):
        expect(page.locator("#content-main").get_by_role("link", name=chapter)).to_be_visible()
    keep("index")

    page.locator("#content-main").get_by_role("link", name="Contracts", exact=True).click()
    expect(page.get_by_role("heading", name="Select contract to change")).to_be_visible()
    keep("contracts")

    page.get_by_role("link", name="Sonora Solar Park PPA").click()
    expect(page.get_by_role("heading", name="Sonora Solar Park PPA")).to_be_visible()
    expect(page.get_by_text("Availability guarantee", exact=True)).to_be_visible()
    keep("contract")

    page.get_by_role("link", name="Clause tariffs").last.click()
    expect(page.get_by_text("0.0412")).to_be_visible()
    page.go_back()
    page.locator(".related-lists").get_by_role("link", name="Invoice headers", exact=True).click()
    expect(page.get_by_text("298,412.55")).to_be_visible()
    keep("invoices")
    page.locator("#result_list").get_by_role("link").last.click()
    expect(page.get_by_text("This invoice has left the house")).to_be_visible()
    keep("invoice")

    page.goto("/admin/metering/meterreading/")
    expect(page.get_by_role("heading", name="Select meter reading to change")).to_be_visible()
    expect(page.get_by_text("40 meter readings")).to_be_visible()
    keep("readings")
    page.get_by_role("link", name="2025-11-03 23:45").click()
    expect(page.get_by_role("heading", name="Change meter reading")).to_be_visible()
    keep("reading")
    # A page that is left gives up what it still loads.
    assert [trouble for trouble in troubles if not trouble.startswith("net::ERR_ABORTED")] == []


def test_a_reference_is_picked_by_typing_part_of_its_name(
    story: None, page: Page, troubles: list[str], keep: Callable[[str], None]
) -> None:
    sign_in(page)
    expect(page.get_by_role("heading", name="Contracts, measurement, money")).to_be_visible()
    page.goto("/admin/metering/meter/add/")
    page.locator(".field-project .select2").click()
    page.locator(".select2-search__field").fill("sonora")
    page.get_by_role("option", name="Sonora Solar Park").click()
    expect(page.locator(".field-project .select2-selection__rendered")).to_contain_text("Sonora Solar Park")
    keep("reference")
    # A search that typing overtakes, or a page that is left, is given up by the browser itself.
    assert [trouble for trouble in troubles if not trouble.startswith("net::ERR_ABORTED")] == []

"""Money: tariffs, prices, invoices and their comparison."""

from invoicing.models.comparison import InvoiceComparison, InvoiceComparisonLineItem, InvoiceComparisonStatus
from invoicing.models.invoices import (
    ExpectedInvoiceHeader,
    ExpectedInvoiceLineItem,
    InvoiceHeader,
    InvoiceLineItem,
    InvoiceLineItemType,
    InvoiceStatus,
    ReceivedInvoiceHeader,
    ReceivedInvoiceLineItem,
)
from invoicing.models.prices import (
    ExchangeRate,
    Holiday,
    HolidayCalendar,
    MarketPrice,
    MarketPriceType,
    PriceIndex,
    PriceIndexValue,
    RegulatoryFee,
    RegulatoryFeeType,
)
from invoicing.models.tariffs import ClauseTariff, TariffStatus, TariffType

__all__ = [
    "ClauseTariff",
    "ExchangeRate",
    "ExpectedInvoiceHeader",
    "ExpectedInvoiceLineItem",
    "Holiday",
    "HolidayCalendar",
    "InvoiceComparison",
    "InvoiceComparisonLineItem",
    "InvoiceComparisonStatus",
    "InvoiceHeader",
    "InvoiceLineItem",
    "InvoiceLineItemType",
    "InvoiceStatus",
    "MarketPrice",
    "MarketPriceType",
    "PriceIndex",
    "PriceIndexValue",
    "ReceivedInvoiceHeader",
    "ReceivedInvoiceLineItem",
    "RegulatoryFee",
    "RegulatoryFeeType",
    "TariffStatus",
    "TariffType",
]

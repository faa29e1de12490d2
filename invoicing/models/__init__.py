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
from invoicing.models.prices import MarketPrice, MarketPriceType, RegulatoryFee, RegulatoryFeeType
from invoicing.models.tariffs import ClauseTariff, TariffType

__all__ = [
    "ClauseTariff",
    "ExpectedInvoiceHeader",
    "ExpectedInvoiceLineItem",
    "InvoiceComparison",
    "InvoiceComparisonLineItem",
    "InvoiceComparisonStatus",
    "InvoiceHeader",
    "InvoiceLineItem",
    "InvoiceLineItemType",
    "InvoiceStatus",
    "MarketPrice",
    "MarketPriceType",
    "ReceivedInvoiceHeader",
    "ReceivedInvoiceLineItem",
    "RegulatoryFee",
    "RegulatoryFeeType",
    "TariffType",
]

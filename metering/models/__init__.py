"""Measurement: assets, meters, readings, aggregates and where they come from."""

from metering.models.aggregates import MeterAggregate, PeriodType
from metering.models.assets import Asset, AssetType, Vendor
from metering.models.context import (
    Fault,
    FaultType,
    GridEvent,
    GridEventType,
    GridOperator,
    Severity,
    WeatherData,
    WeatherDataType,
)
from metering.models.integrations import (
    AuthType,
    FileFormat,
    IngestionLog,
    IngestionStage,
    IngestionStatus,
    IntegrationCredential,
    IntegrationSite,
    SyncStatus,
)
from metering.models.meters import Meter, MeterType
from metering.models.readings import MeterReading, Quality, SourceSystem

__all__ = [
    "Asset",
    "AssetType",
    "AuthType",
    "Fault",
    "FaultType",
    "FileFormat",
    "GridEvent",
    "GridEventType",
    "GridOperator",
    "IngestionLog",
    "IngestionStage",
    "IngestionStatus",
    "IntegrationCredential",
    "IntegrationSite",
    "Meter",
    "MeterAggregate",
    "MeterReading",
    "MeterType",
    "PeriodType",
    "Quality",
    "Severity",
    "SourceSystem",
    "SyncStatus",
    "Vendor",
    "WeatherData",
    "WeatherDataType",
]

"""Measurement: assets, meters, readings, aggregates and where they come from."""

from metering.models.aggregates import MeterAggregate, PeriodType
from metering.models.archives import ArchiveState, ReadingArchive, ReadingArchiveFile
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
    FileMapping,
    IngestionLog,
    IngestionStage,
    IngestionStatus,
    IntegrationCredential,
    IntegrationSite,
    RejectedReading,
    SyncStatus,
)
from metering.models.meters import Meter, MeterType
from metering.models.readings import MeterReading, Quality, ReadingChange, SourceSystem

__all__ = [
    "ArchiveState",
    "Asset",
    "AssetType",
    "AuthType",
    "Fault",
    "FaultType",
    "FileFormat",
    "FileMapping",
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
    "ReadingArchive",
    "ReadingArchiveFile",
    "ReadingChange",
    "RejectedReading",
    "Severity",
    "SourceSystem",
    "SyncStatus",
    "Vendor",
    "WeatherData",
    "WeatherDataType",
]

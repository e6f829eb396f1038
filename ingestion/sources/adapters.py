"""The adapters by format: which module says how a source's lines become events.

Belongs here: the registry. Not here: any vendor's fields (one module each), tables
with a mapping (`table`), which need the declaration of their source too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingestion.catalog.models import SourceSpec
from ingestion.events import known_names
from ingestion.landed_tables import EVENTS
from ingestion.sources import (
    amplitude,
    ga4,
    mixpanel,
    native,
    posthog,
    rudderstack,
    segment,
    snowplow,
    table,
    table_rows,
)
from ingestion.sources.event_sql import EventSql
from ingestion.sources.page import with_page_parts
from ingestion.sources.shapes import Shapes
from ingestion.sources.snowplow_atomic import ATOMIC_COLUMNS


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one format is read: its top-level keys, and their way into events.

    `columns` are those of a tab-separated file without a header line, which has no
    quotes either.
    """

    known_keys: frozenset[str]
    event_sql: Callable[[Shapes], EventSql]
    columns: tuple[str, ...] = ()


ADAPTERS: Final[dict[str, Adapter]] = {
    "amplitude": Adapter(amplitude.KNOWN_KEYS, amplitude.event_sql),
    "ga4": Adapter(ga4.KNOWN_KEYS, ga4.event_sql),
    "mixpanel": Adapter(mixpanel.KNOWN_KEYS, mixpanel.event_sql),
    "native": Adapter(known_names(), native.event_sql),
    "posthog": Adapter(posthog.KNOWN_KEYS, posthog.event_sql),
    "rudderstack": Adapter(rudderstack.KNOWN_KEYS, rudderstack.event_sql),
    "segment": Adapter(segment.KNOWN_KEYS, segment.event_sql),
    "snowplow": Adapter(snowplow.KNOWN_KEYS, snowplow.event_sql, ATOMIC_COLUMNS),
}


def wanted_keys(spec: SourceSpec) -> frozenset[str]:
    """Give the keys that matter most among those a line may have."""
    if spec.table != EVENTS:
        return table_rows.columns_used(spec)
    if spec.format == "table":
        return table.columns_used(spec)
    return ADAPTERS[spec.format].known_keys


def columns_without_header(spec: SourceSpec) -> tuple[str, ...]:
    """Give the columns of the format's tab-separated files that have no header line."""
    return () if spec.format == "table" else ADAPTERS[spec.format].columns


def event_sql(spec: SourceSpec, shapes: Shapes) -> EventSql:
    """Say how lines of a source with these keys become events."""
    if spec.format == "table":
        return with_page_parts(table.event_sql(spec, shapes))
    return ADAPTERS[spec.format].event_sql(shapes)

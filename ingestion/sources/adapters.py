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
from ingestion.sources import native, table
from ingestion.sources.event_sql import EventSql
from ingestion.sources.shapes import Shapes


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one format is read: its top-level keys, and their way into events."""

    known_keys: frozenset[str]
    event_sql: Callable[[Shapes], EventSql]


ADAPTERS: Final[dict[str, Adapter]] = {
    "native": Adapter(known_names(), native.event_sql),
}


def wanted_keys(spec: SourceSpec) -> frozenset[str]:
    """Give the keys that matter most among those a line may have."""
    if spec.format == "table":
        return table.columns_used(spec)
    return ADAPTERS[spec.format].known_keys


def event_sql(spec: SourceSpec, shapes: Shapes) -> EventSql:
    """Say how lines of a source with these keys become events."""
    if spec.format == "table":
        return table.event_sql(spec, shapes)
    return ADAPTERS[spec.format].event_sql(shapes)

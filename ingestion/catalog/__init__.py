"""The declared catalog: what a product says about its events, metrics and sources.

`load_catalog` reads and checks the YAML, `compile_catalog` writes it as tables,
`compile_expression` is the one way from declared text to SQL, `catalog_json_schema`
helps editors. The models are in `ingestion.catalog.models`.
"""

from __future__ import annotations

from ingestion.catalog.columns import EVENT_COLUMNS, LANDED_COLUMNS, MAPPED_COLUMNS
from ingestion.catalog.compiler import compile_catalog, metric_rows
from ingestion.catalog.documents import CatalogError, Problem
from ingestion.catalog.expressions import (
    CompiledExpression,
    ExpressionError,
    compile_expression,
)
from ingestion.catalog.fields import window_seconds
from ingestion.catalog.loader import CATALOG_FILES, load_catalog
from ingestion.catalog.models import (
    Catalog,
    EventSpec,
    Metric,
    ReaderSpec,
    SourceSpec,
    TimestampSpec,
)
from ingestion.catalog.schema import catalog_json_schema, write_json_schemas
from ingestion.catalog.settings import CatalogSettings
from ingestion.catalog.suggestions import nearest_name

__all__ = [
    "CATALOG_FILES",
    "EVENT_COLUMNS",
    "LANDED_COLUMNS",
    "MAPPED_COLUMNS",
    "Catalog",
    "CatalogError",
    "CatalogSettings",
    "CompiledExpression",
    "EventSpec",
    "ExpressionError",
    "Metric",
    "Problem",
    "ReaderSpec",
    "SourceSpec",
    "TimestampSpec",
    "catalog_json_schema",
    "compile_catalog",
    "compile_expression",
    "load_catalog",
    "metric_rows",
    "nearest_name",
    "window_seconds",
    "write_json_schemas",
]

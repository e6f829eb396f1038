"""The checked catalog as Parquet: what dbt and BI read as `raw.catalog_*`.

Belongs here: the tables, their columns, and writing them. Not here: checks (the
catalog that comes in is sound) and the SQL of a metric (`metric_sql`).
"""

from __future__ import annotations

import json
import os
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.catalog.acquisition_sql import acquisition_tables
from ingestion.catalog.attribution_sql import attribution_tables
from ingestion.catalog.cohort_tables import cohort_tables
from ingestion.catalog.event_models import JUNK_IDS, HeartbeatSpec, IdentityRules
from ingestion.catalog.experiment_sql import experiment_tables
from ingestion.catalog.funnel_sql import funnel_tables
from ingestion.catalog.growth_sql import growth_tables
from ingestion.catalog.metric_sql import (
    MetricCompiler,
    activity_filter,
    content_hash,
)
from ingestion.catalog.models import Catalog, Metric
from ingestion.catalog.mrr_sql import mrr_tables
from ingestion.catalog.normalising import normalising_settings, normalising_tables
from ingestion.catalog.orders_sql import orders_tables
from ingestion.catalog.path_sql import path_tables
from ingestion.catalog.performance_sql import performance_tables
from ingestion.catalog.role_sql import role_tables
from ingestion.catalog.settings import CatalogSettings
from ingestion.catalog.traffic_sql import bot_filter, internal_filter
from ingestion.user_agents import ensure_user_agents

Row = dict[str, Any]

_TEXT: Final = pa.string()
METRIC_COLUMNS: Final = pa.schema(
    [
        pa.field("metric_name", _TEXT),
        pa.field("label", _TEXT),
        pa.field("description", _TEXT),
        pa.field("metric_type", _TEXT),
        pa.field("unit", _TEXT),
        pa.field("direction", _TEXT),
        pa.field("owner", _TEXT),
        pa.field("is_headline", pa.bool_()),
        pa.field("forecast_horizon_days", pa.int32()),
        pa.field("uses_person_properties", pa.bool_()),
        pa.field("include_excluded_traffic", pa.bool_()),
        pa.field("periods", _TEXT),
        pa.field("dimensions", _TEXT),
        pa.field("targets", _TEXT),
        pa.field("components", _TEXT),
        pa.field("base_filter_sql", _TEXT),
        pa.field("conversion_filter_sql", _TEXT),
        pa.field("window_seconds", pa.int64()),
        pa.field("count_by", _TEXT),
        pa.field("statistic", _TEXT),
        pa.field("retention_day", pa.int32()),
        pa.field("definition_hash", _TEXT),
        pa.field("definition", _TEXT),
    ]
)
TARGET_COLUMNS: Final = pa.schema(
    [
        pa.field("metric_name", _TEXT),
        pa.field("period", _TEXT),
        pa.field("target", pa.decimal128(18, 6)),
    ]
)
EVENT_COLUMNS: Final = pa.schema(
    [
        pa.field("event_name", _TEXT),
        pa.field("category", _TEXT),
        pa.field("description", _TEXT),
        pa.field("is_activity", pa.bool_()),
        pa.field("is_page_view", pa.bool_()),
        pa.field("required_properties", _TEXT),
    ]
)
SETTING_COLUMNS: Final = pa.schema([pa.field("key", _TEXT), pa.field("value", _TEXT)])


def compile_catalog(
    catalog: Catalog,
    settings: CatalogSettings,
    directory: Path,
    dialect: str = "duckdb",
) -> None:
    """Write the compiled catalog to `directory`, one Parquet file a table.

    `catalog` comes from `load_catalog`; its expressions are said in `dialect`
    ("duckdb" or "spark"). Each file is replaced whole, and only when its content
    changed, so that readers never see half a catalog file. Raises ExpressionError
    where an expression has no equal in the dialect.
    """
    tables = {
        "catalog_metrics": (metric_rows(catalog, dialect), METRIC_COLUMNS),
        "catalog_metric_targets": (_target_rows(catalog), TARGET_COLUMNS),
        "catalog_events": (_event_rows(catalog), EVENT_COLUMNS),
        "catalog_settings": (
            _setting_rows(
                catalog,
                settings,
                dialect,
                normalising_settings(catalog, directory, settings, dialect),
            ),
            SETTING_COLUMNS,
        ),
        **normalising_tables(catalog),
        **funnel_tables(catalog.funnels, dialect),
        **mrr_tables(catalog.mrr, dialect),
        **attribution_tables(catalog.attribution, catalog, dialect),
        **orders_tables(catalog.orders, catalog, dialect),
        **acquisition_tables(catalog),
        **growth_tables(catalog.referrals, catalog, dialect),
        **performance_tables(catalog.performance, catalog, dialect),
        **role_tables(catalog.role_migrations, catalog, dialect),
        **path_tables(catalog.paths, catalog, dialect),
        **cohort_tables(catalog, settings, dialect),
        **experiment_tables(catalog, settings, dialect),
    }
    directory.mkdir(parents=True, exist_ok=True)
    ensure_user_agents(directory)
    for name, (rows, columns) in tables.items():
        table = pa.Table.from_pylist(rows, schema=columns)
        _replace_if_changed(table, directory / f"{name}.parquet")


def metric_rows(catalog: Catalog, dialect: str = "duckdb") -> list[Row]:
    """Give one row per metric, in the order declared; see `METRIC_COLUMNS`."""
    compiler = MetricCompiler(catalog, dialect)
    return [_metric_row(metric, compiler) for metric in catalog.metrics]


def _metric_row(metric: Metric, compiler: MetricCompiler) -> Row:
    compiled = compiler.compile(metric)
    default_unit = "seconds" if metric.type == "time_to" else None
    return {
        "metric_name": metric.name,
        "label": metric.label or metric.name.replace("_", " ").capitalize(),
        "description": metric.description,
        "metric_type": metric.type,
        "unit": metric.unit or default_unit,
        "direction": metric.direction,
        "owner": metric.owner,
        "is_headline": metric.headline,
        "forecast_horizon_days": (
            metric.forecast.horizon_days if metric.forecast else None
        ),
        "uses_person_properties": compiled.uses_person_properties,
        "include_excluded_traffic": metric.include_bots,
        "periods": _json(metric.periods),
        "dimensions": _json(compiled.dimensions),
        "targets": _json({k: str(v) for k, v in metric.targets.items()}),
        "components": _json(compiled.components),
        "base_filter_sql": compiled.base_filter_sql,
        "conversion_filter_sql": compiled.conversion_filter_sql,
        "window_seconds": compiled.window_seconds,
        "count_by": compiled.count_by,
        "statistic": compiled.statistic,
        "retention_day": compiled.retention_day,
        "definition_hash": compiled.definition_hash,
        "definition": _json(metric.model_dump(mode="json")),
    }


def _target_rows(catalog: Catalog) -> list[Row]:
    return [
        {
            "metric_name": metric.name,
            "period": period,
            "target": target.quantize(Decimal("0.000001")),
        }
        for metric in catalog.metrics
        for period, target in sorted(metric.targets.items())
    ]


def _event_rows(catalog: Catalog) -> list[Row]:
    page_views = set(catalog.events.page_view_events)
    return [
        {
            "event_name": event.name,
            "category": event.category,
            "description": event.description,
            "is_activity": event.is_activity,
            "is_page_view": event.name in page_views,
            "required_properties": _json(event.required_properties),
        }
        for event in catalog.events.events
    ]


def _setting_rows(
    catalog: Catalog,
    settings: CatalogSettings,
    dialect: str,
    normalising: dict[str, str],
) -> list[Row]:
    sessions = catalog.events.sessions
    cuts: dict[str, str] = {
        "session_timeout_seconds": str(sessions.timeout_seconds),
        "session_max_seconds": str(sessions.max_session_seconds),
        "session_cut_at_midnight": _json(sessions.cut_at_midnight),
        "session_cut_on_campaign_change": _json(sessions.cut_on_campaign_change),
        "session_mode": sessions.mode,
        "session_requires_page_view": _json(sessions.requires_page_view),
        **_heartbeat_settings(sessions.heartbeat),
    }
    # Sessions turn on these too, but each event is told of once, with its traffic.
    traffic = {
        "server_platforms": _json(sorted(sessions.server_platforms)),
        "bot_filter_sql": bot_filter(catalog.events.traffic, dialect),
        "internal_filter_sql": internal_filter(catalog.events.traffic, dialect),
    }
    late = catalog.events.days_late_allowed
    identity = {
        "days_late_allowed": "" if late is None else str(late),
        **_identity_settings(catalog.events.identity),
    }
    # The zone moves sessions only where midnight cuts them.
    zone = settings.reporting_timezone if sessions.cut_at_midnight else ""
    values = {
        "reporting_timezone": settings.reporting_timezone,
        "week_start": settings.week_start,
        "as_of": settings.as_of_text,
        "event_policy": catalog.events.policy,
        "page_view_events": _json(sorted(catalog.events.page_view_events)),
        "activity_filter_sql": activity_filter(catalog, dialect),
        **identity,
        **cuts,
        **traffic,
        **normalising,
        "sessions_hash": content_hash([cuts, zone]),
        "event_rules_hash": content_hash([identity, traffic, normalising]),
    }
    return [{"key": key, "value": value} for key, value in values.items()]


def _identity_settings(rules: IdentityRules) -> dict[str, str]:
    junk = {"", *JUNK_IDS, *(text.strip().lower() for text in rules.junk_ids)}
    return {
        "stitching": rules.stitching,
        "junk_ids": _json(sorted(junk)),
        "max_ids_per_person": str(rules.max_ids_per_person),
    }


def _heartbeat_settings(heartbeat: HeartbeatSpec | None) -> dict[str, str]:
    spec = heartbeat or HeartbeatSpec(events=())
    return {
        "heartbeat_events": _json(sorted(spec.events)),
        "heartbeat_seconds": str(spec.interval_seconds),
        "minimum_visit_seconds": str(spec.minimum_visit_seconds),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _replace_if_changed(table: pa.Table, path: Path) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            pq.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and path.read_bytes() == temporary.read_bytes():
            return
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

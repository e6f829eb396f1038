"""Which streams of amounts a metric is in an experiment, and of what kind.

Belongs here: what is read of one metric as it is compiled elsewhere. Not here: the
experiment it stands in, and the ids that streams are shared by (`experiment_sql`).
"""

from __future__ import annotations

from typing import Any, Final

from ingestion.catalog.metric_models import Metric, PercentileMetric, TimeToMetric
from ingestion.catalog.metric_sql import CompiledMetric, Component

Row = dict[str, Any]

_PROPORTIONS: Final = ("unique_persons", "active_persons", "conversion", "retention")
FLAGS: Final = ("unique_persons", "active_persons")
_QUANTILES: Final = {"median": 0.5, "p90": 0.9}


def kind_of(metric: Metric) -> str:
    """Say how a metric is compared: proportion, mean, ratio or quantile."""
    if metric.type in _PROPORTIONS:
        return "proportion"
    if quantile_of(metric) is not None:
        return "quantile"
    return "ratio" if metric.type in ("ratio", "average", "time_to") else "mean"


def quantile_of(metric: Metric) -> float | None:
    """Give the quantile that a metric is of single amounts, if it is one."""
    if isinstance(metric, TimeToMetric):
        return _QUANTILES.get(metric.statistic)
    return metric.percentile if isinstance(metric, PercentileMetric) else None


def side_of(side: str, component: str | None, *, is_flag: bool = False) -> Row:
    """Give the columns of a numerator or denominator; a flag counts a unit once."""
    return {f"{side}_component": component, f"{side}_is_flag": is_flag}


def stream_of_events(part: Component) -> Row:
    """Give the stream of a count, sum or flag; what has no value is no event of it."""
    value = part["value_sql"]
    if part["aggregate"] == "unique_values":
        return {
            "component_kind": "values",
            "filter_sql": part["filter_sql"],
            "value_sql": value,
        }
    counted = f"CASE WHEN {value} IS NOT NULL THEN 1 END"
    return {
        "filter_sql": part["filter_sql"],
        "value_sql": counted if part["aggregate"] == "count_values" else value,
    }


def stream_of_pair(compiled: CompiledMetric) -> Row | None:
    """Give the stream of conversions or their times (with the base), or of returns."""
    if compiled.conversion_filter_sql is None:
        return None
    if compiled.retention_day is not None:
        return {"filter_sql": compiled.conversion_filter_sql}
    return {
        "component_kind": "conversion" if compiled.statistic is None else "time_to",
        "filter_sql": compiled.conversion_filter_sql,
        "base_filter_sql": compiled.base_filter_sql,
        "window_seconds": compiled.window_seconds,
    }

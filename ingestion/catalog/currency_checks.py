"""Whether a metric says its amounts in the currency that they are in.

Belongs here: the unit of metrics over `revenue`, which is converted where a reporting
currency is declared. Not here: rates and codes (`money`), all other rules of a metric
(`checks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingestion.catalog.checks import Part
from ingestion.catalog.columns import EVENT_COLUMNS
from ingestion.catalog.documents import Problem
from ingestion.catalog.expressions import ExpressionError, compile_expression
from ingestion.catalog.models import Metric
from ingestion.catalog.money import CURRENCIES


def check_unit(
    metric: Metric,
    part: Part,
    metrics: Mapping[str, Metric],
    reporting_currency: str | None,
) -> Iterator[Problem]:
    """Refuse a currency as unit of converted revenue that it was not converted to.

    Amounts inside the properties stay as sent: their metrics name the currency sent.
    """
    unit = metric.unit
    if reporting_currency in (None, unit) or unit not in CURRENCIES:
        return
    if _reads_revenue(metric, metrics):
        yield part.problem(
            ("unit",),
            f"`revenue` is converted to {reporting_currency} (events.yml, "
            f"`reporting_currency`), so this is not in {unit}: write "
            f"`unit: {reporting_currency}`",
        )


def _reads_revenue(part: Any, metrics: Mapping[str, Metric]) -> bool:
    """Say whether the amount of a metric, or what a ratio divides, is of revenue."""
    divided = getattr(part, "numerator", None)
    if divided is not None:
        named = metrics.get(divided.metric) if divided.metric else divided
        return named is not None and _reads_revenue(named, metrics)
    value = getattr(part, "value", None)
    if value is None:
        return False
    try:
        found = compile_expression(value, columns=EVENT_COLUMNS, kind="scalar")
    except ExpressionError:
        return False  # `checks` tells what is wrong with it.
    return "revenue" in found.columns

"""The SQL of experiments: who is exposed, and which events make a unit's figures.

Belongs here: the tables `raw.catalog_experiments`, `_variants`, `_metrics` and
`_components`. Not here: how units and days become sums (dbt, `macros/experiments`).

A component is one stream of amounts by unit and moment: events of some names, values
told apart, the conversions of a pair of events or the seconds that they took, or the
completed attempts of a funnel. Metrics of several experiments that read the same stream
share it. Of most metrics a unit has a total; a quantile is one of all single amounts.

Caps are quantiles of what units had in as many days as the window before the start of
the experiment, of units that had anything: known at the start, and moved by no later
night (only by late events of those days).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import pyarrow as pa

from ingestion.catalog.cohort_series import canonical_json
from ingestion.catalog.columns import EVENT_COLUMNS
from ingestion.catalog.experiment_columns import (
    COMPONENT_COLUMNS,
    EXPERIMENT_COLUMNS,
    METRIC_COLUMNS,
    VARIANT_COLUMNS,
)
from ingestion.catalog.experiment_models import (
    DEFAULT_MDE,
    DEFAULT_WINDOW,
    ExperimentMetric,
    ExperimentSpec,
)
from ingestion.catalog.experiment_streams import (
    FLAGS,
    kind_of,
    quantile_of,
    side_of,
    stream_of_events,
    stream_of_pair,
)
from ingestion.catalog.expressions import ExpressionKind, compile_expression
from ingestion.catalog.fields import window_seconds
from ingestion.catalog.funnel_sql import funnel_row
from ingestion.catalog.metric_models import (
    Metric,
    RetentionMetric,
    TimeToMetric,
)
from ingestion.catalog.metric_sql import (
    CompiledMetric,
    MetricCompiler,
    content_hash,
    named_events,
)
from ingestion.catalog.models import Catalog
from ingestion.catalog.settings import CatalogSettings

Row = dict[str, Any]
Table = tuple[list[Row], pa.Schema]

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1
_LONGEST_FUNNEL_DAYS: Final = 36_500
# DuckDB keeps texts of up to 12 bytes in place: joining by them costs what numbers do.
_ID_LENGTH: Final = 12


@dataclass(slots=True)
class ExperimentCompiler:
    """Compiles one experiment to one dialect; `components` collects what it reads."""

    catalog: Catalog
    settings: CatalogSettings
    dialect: str
    spec: ExperimentSpec
    components: dict[str, Row] = field(default_factory=dict, init=False)
    _uses_person_properties: bool = field(default=False, init=False)

    def rows(self) -> tuple[Row, list[Row]]:
        """Give the row of the experiment and those of its metrics."""
        metrics = [
            {"position": position, **self._metric(chosen)}
            for position, chosen in enumerate(self.spec.metrics)
        ]
        return self._experiment(metrics), metrics

    def _experiment(self, metrics: list[Row]) -> Row:
        spec = self.spec
        plan, assignment = spec.plan, spec.assignment
        figures = self._figures()
        read = [
            {key: row[key] for key in METRIC_COLUMNS.names if key not in _NO_FIGURES}
            for row in metrics
        ]
        figures_hash = content_hash([figures, read, _MEANING_VERSION])
        shown = {"label", "hypothesis", "owner"}
        declared = spec.model_dump(mode="json", exclude=shown)
        zone = self.settings.reporting_timezone
        return {
            **figures,
            "experiment_name": spec.name,
            "label": spec.label or spec.name.replace("_", " ").capitalize(),
            "hypothesis": spec.hypothesis,
            "owner": spec.owner,
            "template": spec.template,
            "status": spec.status,
            "start_date": spec.start,
            "end_date": spec.end,
            "planned_days": spec.planned_days
            or (plan.planned_days if plan else None)
            or ((spec.end - spec.start).days if spec.start and spec.end else None),
            "planned_units": spec.planned_units
            or (plan.minimum_units if plan else None),
            "confidence": spec.confidence,
            "power": spec.power,
            "several_variants_limit": spec.several_variants_limit,
            "misassigned_limit": spec.misassigned_limit,
            "strata": spec.strata,
            "control_variant": spec.control.name,
            "variant_count": len(spec.variants),
            "assigned_by": assignment.by,
            "salt": assignment.salt or spec.name,
            "holdout_rate": assignment.holdout,
            "exclusion_group": assignment.exclusion_group,
            "slot_from": assignment.slot[0],
            "slot_to": assignment.slot[1],
            "figures_hash": figures_hash,
            "config_hash": content_hash([declared, figures_hash, zone]),
            "definition": canonical_json(spec.model_dump(mode="json")),
        }

    def _figures(self) -> Row:
        """Give what figures depend on beside the metrics."""
        spec, exposure = self.spec, self.spec.exposure
        names = named_events(exposure.event, self.dialect)
        where = self._compiled(exposure.where, "condition")
        only = "" if where is None else f" AND ({where})"
        slices = [
            {"name": dimension.name, "sql": self._compiled(dimension.sql)}
            for dimension in spec.slices
        ]
        return {
            "unit": spec.unit,
            "unit_sql": self._unit(),
            "exposure_filter_sql": names + only,
            "variant_sql": self._compiled(exposure.variant),
            "slices": canonical_json(slices),
            "slice_limit": spec.slice_limit,
            "covariate_days": spec.covariate_days,
            "include_excluded_traffic": spec.include_bots,
            "uses_person_properties": self._uses_person_properties,
            "known": [variant.name for variant in spec.variants],
            "dates": [str(spec.start), str(spec.end), spec.status == "draft"],
        }

    def _metric(self, chosen: ExperimentMetric) -> Row:
        own = self._of_funnel(chosen) if chosen.funnel else self._of_metric(chosen)
        mde = DEFAULT_MDE if chosen.role == "success" else None
        caps = chosen.caps
        return {
            "value_component": None,
            "quantile": None,
            **own,
            "experiment_name": self.spec.name,
            "metric_name": chosen.known_as,
            "role": chosen.role,
            "source_metric": chosen.metric,
            "funnel_name": chosen.funnel,
            "margin": chosen.margin,
            "mde": chosen.mde or mde,
            "cap_lower": caps.lower if caps and caps.lower > 0 else None,
            "cap_upper": caps.upper if caps and caps.upper < 1 else None,
        }

    def _of_funnel(self, chosen: ExperimentMetric) -> Row:
        funnel = next(f for f in self.catalog.funnels if f.name == chosen.funnel)
        window = window_seconds(
            chosen.window or funnel.window, longest_days=_LONGEST_FUNNEL_DAYS
        )
        component = self._component(
            window,
            component_kind="funnel",
            funnel_name=funnel.name,
            meaning=funnel_row(funnel, self.dialect)["definition_hash"],
            include_excluded_traffic=funnel.include_bots,
        )
        return {
            "label": funnel.label or funnel.name.replace("_", " ").capitalize(),
            "unit": "share",
            "direction": "up",
            "metric_type": "funnel",
            "metric_kind": "proportion",
            "window_seconds": window,
            "retention_day": None,
            **side_of("numerator", component, is_flag=True),
            **side_of("denominator", None),
        }

    def _of_metric(self, chosen: ExperimentMetric) -> Row:
        metric = next(m for m in self.catalog.metrics if m.name == chosen.metric)
        compiled = MetricCompiler(self.catalog, self.dialect).compile(metric)
        window = self._window(chosen, metric)
        return {
            "label": metric.label or metric.name.replace("_", " ").capitalize(),
            "unit": metric.unit,
            "direction": metric.direction,
            "metric_type": metric.type,
            "metric_kind": kind_of(metric),
            "window_seconds": window,
            "retention_day": compiled.retention_day,
            **self._sides(metric, compiled, window),
        }

    def _window(self, chosen: ExperimentMetric, metric: Metric) -> int | None:
        if isinstance(metric, RetentionMetric):
            return None
        own = getattr(metric, "window", None)
        return window_seconds(chosen.window or own or DEFAULT_WINDOW)

    def _sides(
        self, metric: Metric, compiled: CompiledMetric, window: int | None
    ) -> Row:
        traffic: Row = {
            "include_excluded_traffic": metric.include_bots,
            "uses_person_properties": compiled.uses_person_properties,
        }
        pair = stream_of_pair(compiled)
        reach = window or (compiled.retention_day or 0) * 86_400
        sides = {**side_of("numerator", None), **side_of("denominator", None)}
        quantile = quantile_of(metric)
        if quantile is not None:
            stream = pair or stream_of_events(compiled.components[0])
            values = self._component(reach, **traffic, **stream)
            return {**sides, "value_component": values, "quantile": quantile}
        if isinstance(metric, TimeToMetric):
            counted = {**(pair or {}), "component_kind": "first_conversion"}
            return {
                **side_of(
                    "numerator", self._component(reach, **traffic, **(pair or {}))
                ),
                **side_of("denominator", self._component(reach, **traffic, **counted)),
            }
        if pair:
            only = self._component(reach, **traffic, **pair)
            return {**sides, **side_of("numerator", only, is_flag=True)}
        for part in compiled.components:
            side = "denominator" if part["role"] == "denominator" else "numerator"
            sides |= side_of(
                side,
                self._component(reach, **traffic, **stream_of_events(part)),
                is_flag=part["aggregate"] in FLAGS,
            )
        return sides

    def _component(self, reach_seconds: int, **own: Any) -> str:
        """Note a stream of amounts, and give its id."""
        first, last = self._dates(reach_seconds)
        row = {
            **dict.fromkeys(COMPONENT_COLUMNS.names),
            "component_kind": "events",
            "uses_person_properties": False,
            **own,
            "unit": self.spec.unit,
            "unit_sql": self._unit(),
            "first_date": first,
            "last_date": last,
        }
        meaning = [{key: str(value) for key, value in row.items()}, _MEANING_VERSION]
        row["component_id"] = "c" + content_hash(meaning)[: _ID_LENGTH - 1]
        self.components[row["component_id"]] = row
        return str(row["component_id"])

    def _dates(self, reach_seconds: int) -> tuple[date | None, date | None]:
        """Give the local days that figures may need, a day to spare on both ends."""
        spec = self.spec
        days = -(-reach_seconds // 86_400) + 1
        before = max(spec.covariate_days, days) + 1
        first = spec.start - timedelta(days=before) if spec.start else None
        last = spec.end + timedelta(days=days) if spec.end else None
        return first, last

    def _unit(self) -> str:
        columns = {"person": "person_id", "session": "session_id"}
        if self.spec.unit_id is None:
            return columns.get(self.spec.unit, "anonymous_id")
        return str(self._compiled(self.spec.unit_id))

    def _compiled(
        self, text: str | None, kind: ExpressionKind = "scalar"
    ) -> str | None:
        if text is None:
            return None
        found = compile_expression(
            text, columns=EVENT_COLUMNS, kind=kind, dialect=self.dialect
        )
        self._uses_person_properties |= found.uses_person_properties
        return found.sql


_NO_FIGURES: Final = frozenset(
    {"position", "role", "label", "unit", "direction", "margin", "mde"}
)


def experiment_tables(
    catalog: Catalog, settings: CatalogSettings, dialect: str
) -> dict[str, Table]:
    """Give rows and columns of every table of experiments, by its name."""
    compilers = [
        ExperimentCompiler(catalog, settings, dialect, spec)
        for spec in catalog.experiments
    ]
    compiled = [compiler.rows() for compiler in compilers]
    components = {
        key: row
        for compiler in compilers
        if compiler.spec.status != "draft"
        for key, row in compiler.components.items()
    }
    return {
        "catalog_experiments": ([row for row, _ in compiled], EXPERIMENT_COLUMNS),
        "catalog_experiment_variants": (
            [row for spec in catalog.experiments for row in _variants(spec)],
            VARIANT_COLUMNS,
        ),
        "catalog_experiment_metrics": (
            [row for _, metrics in compiled for row in metrics],
            METRIC_COLUMNS,
        ),
        "catalog_experiment_components": (
            [components[key] for key in sorted(components)],
            COMPONENT_COLUMNS,
        ),
    }


def _variants(spec: ExperimentSpec) -> Iterator[Row]:
    for position, variant in enumerate(spec.variants):
        yield {
            "experiment_name": spec.name,
            "variant": variant.name,
            "position": position,
            "allocation": variant.allocation,
            "is_control": variant.is_control,
        }

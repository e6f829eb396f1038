"""The SQL of one funnel: filters, units, groups, and the hash of its meaning.

Belongs here: what a funnel consists of, and the rows of `raw.catalog_funnels`. Not
here: how attempts are found in events (dbt, `macros/funnels`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from ingestion.catalog.columns import EVENT_COLUMNS
from ingestion.catalog.expressions import (
    NUMBER_TYPE,
    ExpressionKind,
    compile_expression,
)
from ingestion.catalog.fields import ANY_EVENT, window_seconds
from ingestion.catalog.funnel_models import (
    FunnelExclusion,
    FunnelSpec,
    FunnelStep,
)
from ingestion.catalog.funnel_ties import (
    overlapping_steps,
    reach_conditions,
    unordered_plan,
)
from ingestion.catalog.metric_models import EventFilter
from ingestion.catalog.metric_sql import content_hash, named_events

Row = dict[str, Any]

_TEXT: Final = pa.string()
FUNNEL_COLUMNS: Final = pa.schema(
    [
        pa.field("funnel_name", _TEXT),
        pa.field("label", _TEXT),
        pa.field("description", _TEXT),
        pa.field("owner", _TEXT),
        pa.field("semantics", _TEXT),
        pa.field("step_order", _TEXT),
        pa.field("entry_mode", _TEXT),
        pa.field("ties", _TEXT),
        pa.field("window_seconds", pa.int64()),
        pa.field("step_count", pa.int32()),
        pa.field("counting", _TEXT),
        pa.field("unit", _TEXT),
        pa.field("periods", _TEXT),
        pa.field("range_from", pa.timestamp("us")),
        pa.field("range_to", pa.timestamp("us")),
        pa.field("range_applies_to", _TEXT),
        pa.field("histogram_from_step", pa.int32()),
        pa.field("histogram_to_step", pa.int32()),
        pa.field("histogram_bins", pa.int32()),
        pa.field("include_excluded_traffic", pa.bool_()),
        pa.field("uses_person_properties", pa.bool_()),
        pa.field("has_exclusions", pa.bool_()),
        pa.field("plan", _TEXT),
        pa.field("definition_hash", _TEXT),
        pa.field("definition", _TEXT),
    ]
)
STEP_COLUMNS: Final = pa.schema(
    [
        pa.field("funnel_name", _TEXT),
        pa.field("step", pa.int32()),
        pa.field("step_name", _TEXT),
    ]
)
BREAKDOWN_COLUMNS: Final = pa.schema(
    [
        pa.field("funnel_name", _TEXT),
        pa.field("breakdown", _TEXT),
        pa.field("attribution", _TEXT),
        pa.field("attribution_step", pa.int32()),
        pa.field("group_limit", pa.int32()),
    ]
)

_EXACT_NUMBER: Final = re.compile(r"(?i:revenue|value|property_number\('[^']*'\))")

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1


@dataclass(slots=True)
class FunnelCompiler:
    """Compiles one funnel to one dialect."""

    dialect: str
    uses_person_properties: bool = field(default=False, init=False)

    def plan(self, funnel: FunnelSpec) -> dict[str, Any]:
        """Give everything that the attempts of a funnel are computed from."""
        steps = [self._step(step) for step in funnel.steps]
        filters = [json.dumps(step, sort_keys=True) for step in steps]
        groups = overlapping_steps(funnel)
        plan: dict[str, Any] = {
            "steps": steps,
            "exclusions": [
                {
                    "filter": self._events(exclusion),
                    "from_step": exclusion.from_step,
                    "to_step": exclusion.to_step or len(steps),
                }
                for exclusion in funnel.exclusions
            ],
            "names": self._names(funnel),
            "where": self._optional(funnel.where, "condition"),
            "account": self._text(funnel.account),
            "hold_constant": [self._text(text) for text in funnel.hold_constant],
            "value": self._number(funnel.value),
            "breakdowns": [
                {
                    "name": breakdown.name,
                    "by": [self._text(text) for text in breakdown.by],
                    "attribution": breakdown.attribution,
                    "step": breakdown.step,
                }
                for breakdown in funnel.breakdowns
            ],
        }
        if funnel.order == "ordered" and len(groups) < len(steps):
            plan["reach"] = reach_conditions(groups, filters)
        if funnel.order == "unordered":
            plan["choices"], plan["times"] = unordered_plan(groups, filters)
        return plan

    def _step(self, step: FunnelStep) -> dict[str, Any]:
        every = [events.model_copy(update={"where": None}) for events in step.any_of]
        first_ever = step.model_copy(update={"any_of": tuple(every), "where": None})
        return {
            "filter": self._events(step),
            "first_of": {
                None: None,
                "first_match": self._events(step),
                "first_ever": self._events(first_ever),
            }[step.first_time],
        }

    def _events(self, holder: FunnelStep | FunnelExclusion) -> str:
        any_of = " OR ".join(f"({self._filter(part)})" for part in holder.any_of)
        where = self._optional(holder.where, "condition")
        return f"({any_of})" if where is None else f"({any_of}) AND ({where})"

    def _filter(self, part: EventFilter) -> str:
        names = named_events(part.event, self.dialect)
        where = self._optional(part.where, "condition")
        return names if where is None else f"{names} AND ({where})"

    def _names(self, funnel: FunnelSpec) -> str:
        """Give what events are read; a strict funnel sees what lies between too."""
        holders: list[FunnelStep | FunnelExclusion] = [
            *funnel.steps,
            *funnel.exclusions,
        ]
        names = {
            name for holder in holders for part in holder.any_of for name in part.event
        }
        if funnel.order == "strict":
            names = {ANY_EVENT}
        return named_events(names, self.dialect)

    def _optional(self, text: str | None, kind: ExpressionKind) -> str | None:
        if text is None:
            return None
        compiled = compile_expression(
            text, columns=EVENT_COLUMNS, kind=kind, dialect=self.dialect
        )
        self.uses_person_properties |= compiled.uses_person_properties
        return compiled.sql

    def _text(self, text: str | None) -> str | None:
        sql = self._optional(text, "scalar")
        return None if sql is None else f"CAST({sql} AS {_TEXT_TYPES[self.dialect]})"

    def _number(self, text: str | None) -> str | None:
        # Decimals, because a sum of doubles depends on the order of the rows.
        sql = self._optional(text, "scalar")
        if sql is None or _EXACT_NUMBER.fullmatch(str(text).strip()):
            return sql
        return f"TRY_CAST({sql} AS {NUMBER_TYPE})"


_TEXT_TYPES: Final = {"duckdb": "VARCHAR", "spark": "STRING"}


def funnel_row(funnel: FunnelSpec, dialect: str = "duckdb") -> Row:
    """Give the compiled form of a checked funnel; see `FUNNEL_COLUMNS`."""
    compiler = FunnelCompiler(dialect)
    plan = compiler.plan(funnel)
    meaning = {
        "step_order": funnel.order,
        "entry_mode": funnel.entry_mode,
        "ties": funnel.ties,
        "window_seconds": window_seconds(funnel.window, longest_days=10**6),
        "step_count": len(funnel.steps),
        "counting": funnel.counting,
        "periods": _json(funnel.periods),
        "range_from": funnel.range.from_,
        "range_to": funnel.range.to,
        "range_applies_to": funnel.range_applies_to,
        "include_excluded_traffic": funnel.include_bots,
        "uses_person_properties": compiler.uses_person_properties,
        "plan": _json(plan),
    }
    return {
        **meaning,
        "funnel_name": funnel.name,
        "label": funnel.label or funnel.name.replace("_", " ").capitalize(),
        "description": funnel.description,
        "owner": funnel.owner,
        "semantics": funnel.semantics,
        "unit": funnel.unit,
        "histogram_from_step": funnel.time_to_convert.from_step,
        "histogram_to_step": funnel.time_to_convert.to_step or len(funnel.steps),
        "histogram_bins": funnel.time_to_convert.bins,
        "has_exclusions": bool(funnel.exclusions),
        "definition_hash": _meaning_hash(meaning),
        "definition": _json(funnel.model_dump(mode="json", by_alias=True)),
    }


def _meaning_hash(meaning: Row) -> str:
    moments = {
        key: None if meaning[key] is None else meaning[key].isoformat()
        for key in ("range_from", "range_to")
    }
    return content_hash({**meaning, **moments, "version": _MEANING_VERSION})


def step_rows(funnel: FunnelSpec) -> list[Row]:
    """Give one row per step; see `STEP_COLUMNS`."""
    return [
        {"funnel_name": funnel.name, "step": number, "step_name": step.name}
        for number, step in enumerate(funnel.steps, start=1)
    ]


def breakdown_rows(funnel: FunnelSpec) -> list[Row]:
    """Give one row per breakdown; see `BREAKDOWN_COLUMNS`."""
    return [
        {
            "funnel_name": funnel.name,
            "breakdown": breakdown.name,
            "attribution": breakdown.attribution,
            "attribution_step": breakdown.step,
            "group_limit": breakdown.limit,
        }
        for breakdown in funnel.breakdowns
    ]


def funnel_tables(
    funnels: tuple[FunnelSpec, ...], dialect: str
) -> dict[str, tuple[list[Row], pa.Schema]]:
    """Give rows and columns of every table of funnels, by its name."""
    rows = [funnel_row(funnel, dialect) for funnel in funnels]
    steps = [row for funnel in funnels for row in step_rows(funnel)]
    breakdowns = [row for funnel in funnels for row in breakdown_rows(funnel)]
    return {
        "catalog_funnels": (rows, FUNNEL_COLUMNS),
        "catalog_funnel_steps": (steps, STEP_COLUMNS),
        "catalog_funnel_breakdowns": (breakdowns, BREAKDOWN_COLUMNS),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

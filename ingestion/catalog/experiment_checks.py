"""What only the whole catalog can tell of experiments, and what their parts must fulfil
together.

Not here: shapes (`experiment_models`), and the checks of metrics (`checks`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Final

from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import (
    KnownNames,
    Part,
    check_dimension,
    check_event_name,
    check_expression,
)
from ingestion.catalog.documents import PathInFile, Problem
from ingestion.catalog.experiment_models import ExperimentMetric, ExperimentSpec
from ingestion.catalog.funnel_models import FunnelSpec
from ingestion.catalog.metric_models import (
    ActivePersonsMetric,
    Metric,
    RetentionMetric,
)
from ingestion.catalog.suggestions import nearest_name

_NEVER: Final = "no figure of one unit: "
_CAPPED_TYPES: Final = ("count", "sum", "average", "ratio")
# Funnels count persons, sessions or accounts, and so must the experiment.
_COUNTING: Final = {
    **{"uniques": "person", "totals": "person"},
    **{"sessions": "session", "accounts": "account"},
}
# Units whose ids are those that `personal` may hash.
_PERSONAL_UNITS: Final = ("person", "device")
# Half a unit in the last place of shares written with nine digits.
_ROUNDING: Final = 1e-9


def check_experiment(
    spec: ExperimentSpec, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check one experiment: its plan, variants, expressions, slices and metrics."""
    yield from _check_plan(spec, part)
    yield from _check_variants(spec, part)
    for index, name in enumerate(spec.exposure.event):
        yield from check_event_name(part, ("exposure", "event", index), name, known)
    where, variant = spec.exposure.where, spec.exposure.variant
    yield from check_expression(part, ("exposure", "where"), where, "condition", binder)
    path: PathInFile = ("exposure", "variant")
    yield from check_expression(part, path, variant, "anything", binder)
    yield from check_expression(part, ("unit_id",), spec.unit_id, "anything", binder)
    for index, dimension in enumerate(spec.slices):
        yield from check_dimension(("slices", index), dimension, part, binder)
    slices = [dimension.name for dimension in spec.slices]
    yield from _check_distinct(part, "slices", slices)
    if spec.strata is not None and spec.strata not in slices:
        yield part.problem(
            ("strata",),
            f"'{spec.strata}' is not among the slices: strata are groups of one",
            nearest_name(spec.strata, slices),
        )
    yield from _check_metrics(spec, part, known)


def check_file_name(spec: ExperimentSpec, part: Part) -> Iterator[Problem]:
    """Check that a file has the name of its experiment."""
    stem = Path(part.document.file).stem
    if spec.name != stem:
        yield part.problem(
            ("name",), f"the file is called '{stem}': a file holds the one of its name"
        )


def check_slots(items: Iterable[tuple[Part, ExperimentSpec]]) -> Iterator[Problem]:
    """Check that experiments of one exclusion group never share units at one time."""
    running = [
        (part, spec)
        for part, spec in items
        if spec.assignment.exclusion_group and spec.status != "completed"
    ]
    for (_, earlier), (part, later) in combinations(running, 2):
        first, second = earlier.assignment, later.assignment
        if first.exclusion_group != second.exclusion_group:
            continue
        overlap = min(first.slot[1], second.slot[1]) - max(
            first.slot[0], second.slot[0]
        )
        if overlap > _ROUNDING and _run_together(earlier, later):
            yield part.problem(
                ("assignment", "slot"),
                f"takes {overlap:.0%} of the units of '{first.exclusion_group}' that "
                f"'{earlier.name}' has too; give each a slot of its own, such as "
                "[0, 0.5] and [0.5, 1]",
            )


def check_assigned_ids(
    items: Iterable[tuple[Part, ExperimentSpec]], personal: Mapping[str, str]
) -> Iterator[Problem]:
    """Check that Daybreak knows the ids for which services ask its function."""
    if personal.get("user_id") != "hash":
        return
    for part, spec in items:
        if spec.assignment.by == "daybreak" and spec.unit in _PERSONAL_UNITS:
            yield part.problem(
                ("assignment", "by"),
                "events.yml has ids hashed before they land, so what a service was "
                "told cannot be computed again: leave `by` out, and let the service "
                "land its assignments (the table `assignments`)",
            )


def _run_together(one: ExperimentSpec, other: ExperimentSpec) -> bool:
    starts = max(one.start or date.min, other.start or date.min)
    return starts < min(one.end or date.max, other.end or date.max)


def _check_plan(spec: ExperimentSpec, part: Part) -> Iterator[Problem]:
    if spec.start and spec.end and spec.end <= spec.start:
        message = f"the experiment ends ({spec.end}) before it starts ({spec.start})"
        yield part.problem(("end",), message)
    if spec.status == "completed" and spec.end is None:
        yield part.problem(
            ("status",), "a completed experiment has an `end`, the day after its last"
        )
    if spec.end is not None and spec.start is None:
        yield part.problem(("end",), "an experiment that ends has a `start`")
    if spec.status == "draft" and spec.end is not None:
        yield part.problem(("end",), "a draft has not begun: it has no `end` yet")
    if (spec.unit == "account") != (spec.unit_id is not None):
        yield part.problem(
            ("unit_id",),
            "`unit_id` says whose event it is where the unit is an account, and only "
            "there",
        )
    minimum = spec.plan.minimum_units if spec.plan else 0
    if spec.planned_units is not None and spec.planned_units < minimum:
        yield part.problem(
            ("planned_units",),
            f"the template {spec.template} asks for at least {minimum} units",
        )


def _check_variants(spec: ExperimentSpec, part: Part) -> Iterator[Problem]:
    total = math.fsum(variant.allocation for variant in spec.variants)
    if abs(total - 1) > _ROUNDING:
        yield part.problem(
            ("variants",), f"the allocations add up to {total:g}, and must to 1"
        )
    controls = [variant for variant in spec.variants if variant.is_control]
    if len(controls) != 1:
        yield part.problem(
            ("variants",),
            f"{len(controls) or 'no'} variants are the control; say `is_control: true` "
            "of exactly one",
        )
    elif controls[0].allocation == 0:
        yield part.problem(("variants",), "the control has no units")
    yield from _check_distinct(
        part, "variants", [variant.name for variant in spec.variants]
    )


def _check_distinct(part: Part, key: str, names: list[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield part.problem((key, index), f"'{name}' stands here twice")


def _check_metrics(
    spec: ExperimentSpec, part: Part, known: KnownNames
) -> Iterator[Problem]:
    if not any(metric.role == "success" for metric in spec.metrics):
        yield part.problem(
            ("metrics",), "no metric is a success metric: nothing could be shipped"
        )
    yield from _check_distinct(
        part, "metrics", [metric.known_as for metric in spec.metrics]
    )
    for index, chosen in enumerate(spec.metrics):
        path: PathInFile = ("metrics", index)
        if chosen.metric is not None:
            yield from _check_metric(chosen, part, path, known)
        else:
            yield from _check_funnel(spec, chosen, part, path, known)


def _check_metric(
    chosen: ExperimentMetric, part: Part, path: PathInFile, known: KnownNames
) -> Iterator[Problem]:
    name = str(chosen.metric)
    metric = known.metrics.get(name)
    if metric is None:
        if name not in known.malformed_metrics:
            yield part.problem(
                (*path, "metric"),
                f"no metric is called '{name}'",
                nearest_name(name, known.metrics),
            )
        return
    reason = _no_figure_of_a_unit(metric)
    if reason is not None:
        message = f"'{name}' (type {metric.type}) is {_NEVER}{reason}"
        yield part.problem((*path, "metric"), message)
    if isinstance(metric, RetentionMetric) and chosen.window is not None:
        yield part.problem(
            (*path, "window"),
            f"'{name}' is known once day {metric.day} after the exposure is over: it "
            "takes no window",
        )
    if chosen.caps is not None and metric.type not in _CAPPED_TYPES:
        message = (
            f"'{name}' (type {metric.type}) takes no caps: they cut totals of "
            f"{', '.join(_CAPPED_TYPES)}"
        )
        yield part.problem((*path, "caps"), message)


def _no_figure_of_a_unit(metric: Metric) -> str | None:
    if isinstance(metric, ActivePersonsMetric) and metric.window_days is not None:
        return "trailing days reach back before the exposure; leave out `window_days`"
    return None


def _check_funnel(
    spec: ExperimentSpec,
    chosen: ExperimentMetric,
    part: Part,
    path: PathInFile,
    known: KnownNames,
) -> Iterator[Problem]:
    name = str(chosen.funnel)
    funnel: FunnelSpec | None = known.funnels.get(name)
    if funnel is None:
        if name not in known.malformed_funnels:
            yield part.problem(
                (*path, "funnel"),
                f"no funnel is called '{name}'",
                nearest_name(name, known.funnels),
            )
        return
    counted = _COUNTING[funnel.counting]
    is_other_account = spec.unit == "account" and funnel.account != spec.unit_id
    if counted != spec.unit or is_other_account:
        yield part.problem(
            (*path, "funnel"),
            f"'{name}' counts {funnel.counting}, and the unit here is "
            f"{spec.unit}: both must be the same",
        )
    if chosen.caps is not None:
        yield part.problem((*path, "caps"), "a funnel is yes or no: it takes no caps")

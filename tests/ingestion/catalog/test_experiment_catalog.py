"""experiments/*.yml: defaults, what is refused and where, and what is compiled."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest
import yaml

from ingestion.catalog import (
    CatalogError,
    CatalogSettings,
    catalog_json_schema,
    compile_catalog,
    load_catalog,
)
from ingestion.catalog.experiment_models import ExperimentSpec
from ingestion.catalog.experiment_templates import TEMPLATES

EVENTS = """\
events:
  - {name: exposed, is_activity: false}
  - {name: bought}
  - {name: viewed}
"""
METRICS = """\
metrics:
  - {name: buyers, type: unique_persons, event: bought}
  - {name: orders, type: count, event: bought}
  - {name: revenue, type: sum, event: bought, value: revenue}
  - {name: order_value, type: average, event: bought, value: revenue}
  - {name: per_view, type: ratio, numerator: orders,
     denominator: {type: unique_persons, event: viewed}}
  - {name: view_to_order, type: conversion, base: {event: viewed},
     conversion: {event: bought}, window: 3 days}
  - {name: back_on_7, type: retention, base: {event: viewed},
     returning: {event: viewed}, day: 7}
  - {name: active, type: active_persons}
  - {name: wau, type: active_persons, window_days: 7}
  - {name: p95, type: percentile, event: viewed, value: value, percentile: 0.95}
  - {name: courses, type: unique_values, event: bought, value: page}
  - {name: speed, type: time_to, base: {event: viewed}, conversion: {event: bought},
     window: 3 days}
  - {name: mean_speed, type: time_to, base: {event: viewed},
     conversion: {event: bought}, window: 3 days, statistic: mean}
"""
FUNNELS = """\
funnels:
  - name: buy
    window: 2 days
    steps:
      - {name: View, any_of: [{event: viewed}]}
      - {name: Buy, any_of: [{event: bought}]}
"""
TEXT = """\
experiments:
  - name: button
    hypothesis: Green sells.
    template: onboarding
    status: running
    start: 2026-01-05
    exposure: {event: exposed, where: property('experiment') = 'button'}
    variants:
      - {name: control, allocation: 0.5, is_control: true}
      - {name: green, allocation: 0.5}
    slices: [platform]
    metrics:
      - {metric: buyers, role: success}
      - {metric: revenue, role: guardrail, margin: 0.02, caps: {upper: 0.99}}
      - {funnel: buy, role: secondary}
"""


def declare(folder: Path, *texts: str, **named: str) -> Path:
    """Write a catalog with experiments, the first called `button`."""
    (folder / "experiments").mkdir(exist_ok=True)
    files = {"events.yml": EVENTS, "metrics.yml": METRICS, "funnels.yml": FUNNELS}
    for text in texts:
        named = {"button": text, **named}
    files |= {f"experiments/{name}.yml": text for name, text in named.items()}
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def problems(folder: Path, *texts: str, **named: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        load_catalog(declare(folder, *texts, **named))
    return [
        str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems
    ]


def compiled(
    folder: Path, *texts: str, **named: str
) -> dict[str, list[dict[str, Any]]]:
    catalog = load_catalog(declare(folder, *texts, **named))
    compile_catalog(catalog, CatalogSettings(), folder / "out")
    return {
        name: pq.read_table(folder / "out" / f"catalog_{name}.parquet").to_pylist()
        for name in (
            *("experiments", "experiment_variants", "experiment_metrics"),
            "experiment_components",
        )
    }


def test_what_a_template_and_the_defaults_fill(tmp_path: Path) -> None:
    [spec] = load_catalog(declare(tmp_path, TEXT)).experiments
    assert (spec.unit, spec.confidence, spec.power) == ("person", 0.95, 0.8)
    assert (spec.covariate_days, spec.several_variants_limit) == (28, 0.01)
    assert spec.assignment.slot == (0, 1)
    tables = compiled(tmp_path, TEXT)
    [row] = tables["experiments"]
    assert (row["planned_days"], row["planned_units"]) == (21, 150)
    assert (row["start_date"], row["end_date"]) == (date(2026, 1, 5), None)
    assert (row["control_variant"], row["salt"]) == ("control", "button")
    metrics = {one["metric_name"]: one for one in tables["experiment_metrics"]}
    week = 7 * 86_400
    assert metrics["buyers"]["mde"] == 0.05
    assert metrics["revenue"]["mde"] is None
    assert (metrics["revenue"]["cap_lower"], metrics["revenue"]["cap_upper"]) == (
        None,
        0.99,
    )
    windows = {name: one["window_seconds"] for name, one in metrics.items()}
    assert windows == {"buyers": week, "revenue": week, "buy": 2 * 86_400}
    kinds = {name: one["metric_kind"] for name, one in metrics.items()}
    assert kinds == {"buyers": "proportion", "revenue": "mean", "buy": "proportion"}


def test_templates_are_the_five_and_pricing() -> None:
    days = {name: one.planned_days for name, one in TEMPLATES.items()}
    units = {name: one.minimum_units for name, one in TEMPLATES.items()}
    assert list(days.items())[:5] == [
        *(("dashboard_layout", 14), ("onboarding", 21), ("feature_discovery", 28)),
        *(("admin_workflow", 14), ("mobile_experience", 21)),
    ]
    assert list(units.values())[:5] == [100, 150, 200, 50, 120]
    assert list(TEMPLATES)[5:] == ["pricing"]
    for template in TEMPLATES.values():
        roles = [metric.role for metric in template.metrics]
        assert "success" in roles
        assert "guardrail" in roles
        guardrails = [m for m in template.metrics if m.role == "guardrail"]
        assert all(metric.margin for metric in guardrails)


@pytest.mark.parametrize(
    ("metric", "kind", "denominator", "flags"),
    [
        ("orders", "mean", False, (False, False)),
        ("order_value", "ratio", True, (False, False)),
        ("per_view", "ratio", True, (False, True)),
        ("view_to_order", "proportion", False, (True, False)),
        ("back_on_7", "proportion", False, (True, False)),
        ("active", "proportion", False, (True, False)),
        ("courses", "mean", False, (False, False)),
        ("mean_speed", "ratio", True, (False, False)),
        ("p95", "quantile", False, (False, False)),
        ("speed", "quantile", False, (False, False)),
    ],
)
def test_what_a_metric_is_of_one_unit(
    tmp_path: Path,
    metric: str,
    kind: str,
    denominator: bool,
    flags: tuple[bool, bool],
) -> None:
    text = TEXT.replace("metric: buyers", f"metric: {metric}")
    row = compiled(tmp_path, text)["experiment_metrics"][0]
    assert row["metric_kind"] == kind
    assert (row["denominator_component"] is not None) == denominator
    assert (row["numerator_is_flag"], row["denominator_is_flag"]) == flags
    if metric == "back_on_7":
        assert (row["window_seconds"], row["retention_day"]) == (None, 7)
    assert row["quantile"] == {"p95": 0.95, "speed": 0.5}.get(metric)
    assert (row["value_component"] is None) == (kind != "quantile")
    assert (row["numerator_component"] is None) == (kind == "quantile")
    if metric == "view_to_order":
        assert row["window_seconds"] == 3 * 86_400


def test_one_stream_serves_all_metrics_that_read_it(tmp_path: Path) -> None:
    other = TEXT.replace("name: button", "name: banner")
    tables = compiled(tmp_path, TEXT, banner=other)
    assert len(tables["experiments"]) == 2
    kinds = [one["component_kind"] for one in tables["experiment_components"]]
    assert sorted(kinds) == ["events", "events", "funnel"]
    draft = TEXT.replace("status: running", "status: draft")
    alone = compiled(tmp_path, draft, banner=draft.replace("button", "banner"))
    assert alone["experiment_components"] == []


def test_times_and_values_are_streams_of_their_own(tmp_path: Path) -> None:
    more = "".join(
        f"      - {{metric: {name}, role: secondary}}\n"
        for name in ("speed", "mean_speed", "view_to_order", "courses")
    )
    tables = compiled(tmp_path, TEXT + more)
    streams = {one["component_id"]: one for one in tables["experiment_components"]}

    def kind_of(metric: str, side: str) -> str:
        [row] = [
            one for one in tables["experiment_metrics"] if one["metric_name"] == metric
        ]
        return str(streams[row[f"{side}_component"]]["component_kind"])

    assert kind_of("speed", "value") == kind_of("mean_speed", "numerator") == "time_to"
    assert kind_of("mean_speed", "denominator") == "first_conversion"
    assert kind_of("view_to_order", "numerator") == "conversion"
    assert kind_of("courses", "numerator") == "values"


def test_the_hashes_tell_figures_from_words(tmp_path: Path) -> None:
    def hashes(text: str) -> tuple[str, str]:
        [row] = compiled(tmp_path, text)["experiments"]
        return row["figures_hash"], row["config_hash"]

    figures, config = hashes(TEXT)
    assert hashes(TEXT.replace("Green sells", "It sells")) == (figures, config)
    margin = hashes(TEXT.replace("margin: 0.02", "margin: 0.03"))
    assert margin[0] == figures
    assert margin[1] != config
    # Strata weigh the sums of a slice: no sum is another.
    strata = hashes(
        TEXT.replace("slices: [platform]", "slices: [platform]\n    strata: platform")
    )
    assert strata[0] == figures
    assert strata[1] != config
    for change in ("slices: []", "slices: [country]"):
        assert hashes(TEXT.replace("slices: [platform]", change))[0] != figures
    window = TEXT.replace("role: success", "role: success, window: 8 days")
    assert hashes(window)[0] != figures


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "allocation: 0.5}",
            "allocation: 0.4}",
            "experiments/button.yml:9: experiment 'button': the allocations add up to "
            "0.9, and must to 1",
        ),
        (", is_control: true", "", ":9: experiment 'button': no variants are the cont"),
        (
            "name: green, allocation: 0.5",
            "name: green, allocation: 0.5, is_control: true",
            ":9: experiment 'button': 2 variants are the control",
        ),
        ("name: green", "name: control", ":10: experiment 'button': 'control' stands"),
        (
            "metric: buyers",
            "metric: buyer",
            ":13: experiment 'button': no metric is called 'buyer'. Did you mean "
            "'buyers'?",
        ),
        (
            "funnel: buy",
            "funnel: bye",
            ":15: experiment 'button': no funnel is called 'bye'. Did you mean 'buy'?",
        ),
        ("event: exposed", "event: expose", "Did you mean 'exposed'?"),
        ("property('experiment') = 'button'", "variant = 'a'", ":7: experiment"),
        ("margin: 0.02", "margin: 2", ":14: experiment 'button': 2 is not a share"),
        ("margin: 0.02", "margin: 2 %", "write a share, 0.02 for 2 %"),
        ("margin: 0.02", "margin: 0", "greater than 0"),
        ("margin: 0.02, ", "", "every guardrail has one"),
        ("role: success", "role: success, mde: 5", "write 0.05 for 5 %"),
        ("role: success", "role: secondary", "no metric is a success metric"),
        ("role: success", "role: succes", "Did you mean 'success'?"),
        ("role: success", "role: success, window: 0 days", "is not between 1 second"),
        ("role: success", "role: success, window: 5 dais", "'5 days'?"),
        (
            "metric: buyers, role: success",
            "metric: p95, role: success, caps: {upper: 0.99}",
            "'p95' (type percentile) takes no caps: they cut totals of count, sum",
        ),
        ("metric: buyers", "metric: wau", "no figure of one unit"),
        (
            "metric: buyers, role: success",
            "metric: back_on_7, role: success, window: 7 days",
            "it takes no window",
        ),
        (
            "metric: buyers, role: success",
            "metric: buyers, role: success, caps: {upper: 0.99}",
            "'buyers' (type unique_persons) takes no caps",
        ),
        ("caps: {upper: 0.99}", "caps: {upper: 0.1, lower: 0.2}", "not below"),
        ("metric: revenue", "name: buyers, metric: revenue", ":14: experiment 'butto"),
        (
            "start: 2026-01-05",
            "start: 2026-01-05\n    end: 2026-01-05",
            ":7: experiment 'button': the experiment ends (2026-01-05) before it",
        ),
        ("status: running", "status: completed", "a completed experiment has an `end`"),
        (
            "start: 2026-01-05",
            "end: 2026-01-05",
            "an experiment that ends has a `start`",
        ),
        (
            "status: running\n    start: 2026-01-05",
            "status: draft\n    start: 2026-01-05\n    end: 2026-02-05",
            "a draft has not begun",
        ),
        ("start: 2026-01-05", "start: soon", ":6: experiment 'button'"),
        ("template: onboarding", "template: onbording", "Did you mean 'onboarding'?"),
        ("status: running", "planned_units: 20", "asks for at least 150 units"),
        ("slices: [platform]", "slices: [platfrom]", "Did you mean 'platform'?"),
        ("slices: [platform]", "slices: [event_id]", "differs in every event"),
        ("slices: [platform]", "slices: [os, os]", "'os' stands here twice"),
        (
            "slices: [platform]",
            "slices: [platform, os]\n    strata: platfrom",
            "'platfrom' is not among the slices: strata are groups of one. Did you "
            "mean 'platform'?",
        ),
        ("slices: [platform]", "unit_id: user_id", "`unit_id` says whose"),
        ("slices: [platform]", "unit: session", "'buy' counts uniques, and the unit"),
        ("slices: [platform]", "confidence: 0.97", "one of 0.8, 0.9, 0.95, 0.99"),
        ("name: button", "name: knob", "the file is called 'button'"),
        (
            "slices: [platform]",
            "assignment: {slot: [0, 0.5]}",
            "is a part of an `exclusion_group`",
        ),
        ("slices: [platform]", "slice: [platform]", "Did you mean 'slices'?"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in TEXT
    [problem] = problems(tmp_path, TEXT.replace(old, new, 1))
    assert problem.startswith("experiments/button.yml:")
    assert told in problem


def in_group(text: str, slot: str, name: str = "button", more: str = "") -> str:
    group = f"assignment: {{exclusion_group: checkout, slot: {slot}}}"
    changed = text.replace("slices: [platform]", group)
    return changed.replace("name: button", f"name: {name}").replace(
        "start: 2026-01-05", f"start: 2026-01-05{more}"
    )


def test_experiments_of_one_group_share_no_units(tmp_path: Path) -> None:
    first = in_group(TEXT, "[0, 0.6]", more="\n    end: 2026-02-01")
    [problem] = problems(tmp_path, first, knob=in_group(TEXT, "[0.5, 1]", "knob"))
    assert problem.startswith("experiments/knob.yml:11:")
    assert "takes 10% of the units of 'checkout' that 'button' has too" in problem
    beside = in_group(TEXT, "[0.6, 1]", "knob")
    assert len(load_catalog(declare(tmp_path, first, knob=beside)).experiments) == 2
    later = in_group(TEXT, "[0.5, 1]", "knob").replace("2026-01-05", "2026-02-01")
    assert len(load_catalog(declare(tmp_path, first, knob=later)).experiments) == 2


def test_hashed_ids_cannot_be_assigned_again(tmp_path: Path) -> None:
    asked = TEXT.replace("slices: [platform]", "assignment: {by: daybreak}")
    [spec] = load_catalog(declare(tmp_path, asked)).experiments
    assert (spec.assignment.by, spec.misassigned_limit) == ("daybreak", 0.01)
    hashed = "personal: {user_id: hash, anonymous_id: hash}\n"
    folder = declare(tmp_path, asked)
    (folder / "events.yml").write_text(hashed + EVENTS)
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)
    [problem] = map(str, caught.value.problems)
    assert "experiments/button.yml:11:" in problem
    assert "let the service land its assignments" in problem
    folder = declare(tmp_path, TEXT)
    (folder / "events.yml").write_text(hashed + EVENTS)
    assert load_catalog(folder).experiments[0].assignment.by == "others"


def test_a_file_elsewhere_is_not_read(tmp_path: Path) -> None:
    folder = declare(tmp_path, TEXT)
    (folder / "experiments" / "deeper").mkdir()
    (folder / "experiments" / "deeper" / "other.yml").write_text(TEXT)
    with pytest.raises(CatalogError, match=r"nothing reads 'experiments/deeper/other"):
        load_catalog(folder)


def test_the_schema_knows_the_shape(tmp_path: Path) -> None:
    schema = jsonschema.Draft202012Validator(catalog_json_schema()["experiments"])
    good = json.loads(json.dumps(yaml.safe_load(TEXT), default=str))
    assert schema.is_valid(good)
    for change in (
        {"status": "started"},
        {"metrics": []},
        {"unit": "cookie"},
        {"x": 1},
    ):
        [experiment] = good["experiments"]
        assert not schema.is_valid({"experiments": [experiment | change]})
    assert (
        ExperimentSpec.model_validate(good["experiments"][0]).control.name == "control"
    )

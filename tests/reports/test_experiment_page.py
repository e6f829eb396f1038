"""The page of an experiment: what it shows, and that it stands with nothing to show."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dagster_project.analysis.experiment_results.results import results_of
from dagster_project.experiment_frames import tables_of
from dagster_project.experiment_pages import power_curves
from dagster_project.reports.experiment_data import ExperimentData
from dagster_project.reports.experiment_listings import slice_tables
from dagster_project.reports.experiment_page import experiment_page, render_experiment
from dagster_project.reports.experiment_spread import spreads
from dagster_project.tables import (
    EXPERIMENT_DECISIONS,
    EXPERIMENT_INTERACTIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
)
from tests.analysis.experiment_results.experiments_of_test import (
    Declared,
    frames_of,
    overlaps_of,
    units_of,
)

DEFINITION: dict[str, Any] = {
    "experiment_name": "button",
    "label": "Checkout <button>",
    "hypothesis": "A larger button helps & hurts nobody.",
    "status": "running",
    "owner": None,
    "unit": "person",
    "template": "onboarding",
    "planned_units": 3_000,
    "power": 0.8,
    "confidence": 0.95,
    "start_date": pd.Timestamp("2026-01-05"),
    "end_date": pd.NaT,
}


def data_of(of: Declared, last: int = 16) -> ExperimentData:
    frames = frames_of(of, last=last)
    words = frames.metrics.assign(unit="USD")
    tables = tables_of(results_of(frames), words)
    return ExperimentData(
        definition=DEFINITION,
        as_of=datetime(2026, 1, 22),
        reporting_timezone="UTC",
        generated_for="run 1",
        results=tables[EXPERIMENT_RESULTS],
        decisions=tables[EXPERIMENT_DECISIONS],
        quality=tables[EXPERIMENT_QUALITY],
        power=power_curves(tables[EXPERIMENT_RESULTS]),
        distribution=percentiles_of(of, last),
    )


def percentiles_of(of: Declared, last: int) -> pd.DataFrame:
    """Percentiles of what matured units spent, by variant."""
    units = units_of(of)
    units = units[units["day"] + of.window <= last]
    parts = [
        pd.DataFrame(
            {
                "metric_name": "spend",
                "variant": of.variants[int(str(arm))],
                "percentile": range(1, 100),
                "unit_value": np.percentile(
                    group["spend"], range(1, 100), method="inverted_cdf"
                ),
                "unit_count": len(group),
            }
        )
        for arm, group in units.groupby("arm")
    ]
    return pd.concat(parts) if parts else pd.DataFrame()


@pytest.fixture(scope="module")
def shipped() -> ExperimentData:
    return data_of(
        Declared(lift=0.3, units=3_000, planned_units=3_000, caps=60.0, is_whole=True)
    )


def test_the_page_shows_every_part(shipped: ExperimentData) -> None:
    html = render_experiment(shipped)
    assert "Ship variant_a: converted" in html
    assert "Checkout &lt;button&gt;" in html
    assert "3,000 of 3,000 planned units have matured" in html
    for chart in (
        "Lifts of all metrics",
        "Lift of Converted by day",
        "p-values of the sample-ratio tests",
        "Chance to find a lift",
        "Share of units by variant: Converted",
        "Share of units with more than each value, by variant: Spend",
    ):
        assert f'aria-label="{chart}' in html
    assert 'href="weekly.html"' in html
    assert "Converted by platform" in html
    # Identifiers inside charts are unique, or one would clip another.
    identifiers = re.findall(r'\bid="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))
    assert "<script" not in html
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', html)


def test_units_are_told_by_variant(shipped: ExperimentData) -> None:
    page = experiment_page(shipped)
    assert [name for name, _ in page.variants] == ["control", "variant_a"]
    assert len({colour for _, colour in page.variants}) == 2
    converted, spent = page.spreads
    assert (converted.label, converted.kind) == ("Converted", "share of units")
    levels = [row for row in page.metrics if row.label == "Converted"]
    assert converted.words == (
        f"Units that did: control {levels[0].control}, variant_a {levels[0].treated}."
    )
    assert spent.kind == "total of a unit"
    # Everybody spends: nothing is said of units without.
    assert spent.words.startswith("One in ten has more than: control $")


def test_units_without_anything_and_debts_are_drawn(shipped: ExperimentData) -> None:
    rows = shipped.distribution.copy()
    control = rows["variant"] == "control"
    rows.loc[control & (rows["percentile"] <= 52), "unit_value"] = 0.0
    rows.loc[control & (rows["percentile"] <= 3), "unit_value"] = -5.0
    _, spent = spreads(replace(shipped, distribution=rows))
    assert spent.words.startswith("Nothing or less: control 52%, variant_a 0%. One in")
    only = rows.assign(unit_value=0.0)
    _, spent = spreads(replace(shipped, distribution=only))
    assert spent.chart.startswith("<svg")


def test_a_quantile_is_told_by_its_single_amounts(shipped: ExperimentData) -> None:
    results = shipped.results.copy()
    results.loc[results["metric_name"] == "spend", "metric_kind"] = "quantile"
    _, spent = spreads(replace(shipped, results=results))
    assert spent.kind == "single amounts"
    assert spent.words.startswith("One in ten is more than: control $")
    told = "Share of amounts of more than each value, by variant: Spend"
    assert f'aria-label="{told}' in spent.chart


def test_a_slice_is_good_in_the_direction_of_its_metric(
    shipped: ExperimentData,
) -> None:
    def tones(results: pd.DataFrame) -> list[str]:
        (table,) = slice_tables(replace(shipped, results=results))
        return [row.tone for row in table.rows]

    rises = shipped.results
    assert "good" in tones(rises)
    # Half the time to load is good news, more of it is not.
    slower = rises.assign(direction="down")
    assert "good" not in tones(slower)
    assert tones(slower.assign(lift=-slower["lift"])) == tones(rises)


def test_more_variants_than_colours_begin_anew() -> None:
    names = ("control", *(f"v{number}" for number in range(5)))
    of = Declared(units=900, variants=names, allocations=(1 / 6,) * 6)
    page = experiment_page(data_of(of, last=12))
    assert [name for name, _ in page.variants] == list(names)
    assert page.variants[0][1] == page.variants[5][1]
    assert len(page.spreads) == 2


def test_the_same_data_gives_the_same_page(shipped: ExperimentData) -> None:
    assert render_experiment(shipped) == render_experiment(shipped)


def test_metrics_stand_in_the_order_of_their_roles(shipped: ExperimentData) -> None:
    page = experiment_page(shipped)
    assert [(row.label, row.role, row.state) for row in page.metrics] == [
        ("Converted", "success", "better"),
        ("Spend, capped", "guardrail", "unharmed"),
        ("Items per order", "secondary", page.metrics[2].state),
    ]
    assert page.failed_checks == 0


def test_others_on_the_same_units_are_shown(shipped: ExperimentData) -> None:
    """A section of its own where there is one, the clearest change first."""
    assert "Other experiments on the same units" not in render_experiment(shipped)
    pair = Declared(units=50, caps=60.0), Declared("price", units=50, lift=0.0)
    _, cells = overlaps_of(*pair, change=1.0)
    frames = replace(frames_of(*pair, last=3), overlaps=cells)
    tables = tables_of(results_of(frames), frames.metrics.assign(unit="USD"))
    data = replace(shipped, interactions=tables[EXPERIMENT_INTERACTIONS])
    company = experiment_page(data).company
    assert company.rows[0].label == "Spend"
    assert len(company.rows) == 3
    first = company.rows[0]
    assert first.other == "price: variant_a"
    assert first.units == "900"
    assert first.tone == "warn"
    assert first.interval.startswith("[$")
    assert company.words == "1 experiment with units of this one; 1 effect changed"
    html = render_experiment(data)
    assert "Other experiments on the same units" in html
    unknown = data.interactions.assign(
        interaction_lower=None, adjusted_p_value=None, reason="empty_arm"
    )
    told = experiment_page(replace(data, interactions=unknown)).company
    assert told.rows[0].interval == "no units yet"
    assert told.words.endswith("nothing can be compared yet")


def test_alarms_are_counted_and_shown(shipped: ExperimentData) -> None:
    quality = shipped.quality.copy()
    bad = (quality["check_name"] == "sample_ratio") & (quality["dimension"] == "all")
    quality.loc[bad, ["is_passed", "value"]] = [False, 1e-7]
    page = experiment_page(replace(shipped, quality=quality))
    assert page.failed_checks == 1
    assert page.checks[0].tone == "failed"
    assert page.checks[0].value.startswith("p = 1e")


@pytest.mark.parametrize("last", [0, 2, 4])
def test_few_days_and_few_units_stand_too(last: int) -> None:
    html = render_experiment(data_of(Declared(units=30), last=last))
    assert "Keep running variant_a" in html


def test_nothing_at_all_says_so() -> None:
    empty = ExperimentData(
        definition=DEFINITION,
        as_of=None,
        reporting_timezone="UTC",
        generated_for="run 1",
    )
    html = render_experiment(empty)
    assert "Nothing can be decided yet" in html
    assert "No unit has been exposed yet" in html


def test_a_frame_without_its_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="decisions lacks the columns"):
        ExperimentData(
            definition=DEFINITION,
            as_of=None,
            reporting_timezone="UTC",
            generated_for="run 1",
            decisions=pd.DataFrame({"verdict": ["ship"]}),
        )


def test_units_that_saw_what_they_were_not_assigned_are_told() -> None:
    data = data_of(Declared(units=600), last=6)
    row = data.quality[data.quality["check_name"] == "several_variants"].iloc[[-1]]
    found = row.assign(
        check_name="exposed_as_assigned",
        day_date=data.quality["day_date"].max(),
        severity="warning",
        value=0.034,
        is_passed=False,
    )
    page = experiment_page(replace(data, quality=pd.concat([data.quality, found])))
    [told] = [row for row in page.checks if row.label == "Exposed as assigned"]
    assert (told.value, told.limit, told.tone) == ("3.4 %", "at most 1.0 %", "warned")

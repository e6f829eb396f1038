"""Writes a page for each experiment: frames from the warehouse in, HTML files out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dagster_project import figures
from dagster_project.analysis.experiments.power import power_to_detect
from dagster_project.reports.experiment_data import ExperimentData
from dagster_project.reports.experiment_page import render_experiment
from dagster_project.settings import Settings
from dagster_project.tables import (
    EXPERIMENT_DECISIONS,
    EXPERIMENT_INTERACTIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
)
from dagster_project.warehouse import Warehouse
from ingestion.durable import put_in_place

_POINTS = 81


def page_name(experiment: str) -> str:
    """File name of an experiment's page, beside the weekly report."""
    return f"experiment-{experiment}.html"


def write_pages(
    warehouse: Warehouse, settings: Settings, *, run_id: str, only: str | None = None
) -> tuple[Path, ...]:
    """Render the page of every declared experiment, or of one; return the files."""
    definitions = warehouse.read(
        "select * from marts.dim_experiments where status <> 'draft' "
        "order by experiment_name"
    )
    settings.reports.mkdir(parents=True, exist_ok=True)
    written = []
    for definition in definitions.to_dict("records"):
        name = str(definition["experiment_name"])
        if only not in (None, name):
            continue
        data = experiment_data(warehouse, settings, definition, run_id=run_id)
        path = settings.reports / page_name(name)
        aside = path.with_suffix(".tmp")
        aside.write_text(render_experiment(data), encoding="utf-8")
        put_in_place(aside, path)
        written.append(path)
    return tuple(written)


def experiment_data(
    warehouse: Warehouse,
    settings: Settings,
    definition: Mapping[Any, Any],
    *,
    run_id: str,
) -> ExperimentData:
    """Read what the page of one experiment shows."""
    name = str(definition["experiment_name"])
    frames = {
        key: warehouse.read(
            f"select * from {table.qualified} where experiment_name = ?", [name]
        )
        for key, table in (
            ("results", EXPERIMENT_RESULTS),
            ("decisions", EXPERIMENT_DECISIONS),
            ("quality", EXPERIMENT_QUALITY),
            ("interactions", EXPERIMENT_INTERACTIONS),
        )
    }
    return ExperimentData(
        definition={str(key): value for key, value in definition.items()},
        as_of=figures.watermark(warehouse).as_of,
        reporting_timezone=settings.reporting_timezone,
        generated_for=run_id,
        product_name=settings.product_name,
        power=power_curves(frames["results"]),
        distribution=warehouse.read(
            "select * from marts.fct_experiment_distributions "
            "where experiment_name = ? order by metric_name, variant, percentile",
            [name],
        ),
        **frames,
    )


def power_curves(results: pd.DataFrame) -> pd.DataFrame:
    """Chance to find each lift of the first success metric, now and at the plan.

    Columns: treatment, units (now, plan), lift, power. The error of the last look is
    taken to shrink with the root of the units; a two-sided test read once.
    """
    rows = results[(results["view"] == "closed") & (results["dimension"] == "all")]
    rows = rows[(rows["role"] == "success") & rows["std_error"].notna()]
    rows = rows[rows["mde"].notna() & (rows["control_level"].abs() > 0)]
    if rows.empty:
        return pd.DataFrame()
    rows = rows[rows["day_number"] == rows["day_number"].max()]
    rows = rows[rows["metric_name"] == rows["metric_name"].iloc[0]]
    rows = rows.sort_values("is_capped").drop_duplicates("treatment", keep="last")
    parts = []
    for row in rows.to_dict("records"):
        lifts = np.linspace(0, 3 * row["mde"], _POINTS)
        error = row["std_error"] / abs(row["control_level"])
        share = row["information"]
        spans = {"now": error}
        if share == share and 0 < share < 1:
            spans["plan"] = error * np.sqrt(share)
        for units, spread in spans.items():
            power = power_to_detect(lifts, spread, alpha=1 - row["confidence"])
            parts.append(
                pd.DataFrame(
                    {
                        "treatment": row["treatment"],
                        "units": units,
                        "lift": lifts,
                        "power": power,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)

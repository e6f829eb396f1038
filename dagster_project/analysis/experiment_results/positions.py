"""Where each experiment's arms, metrics and judged frames stand in the arrays.

Here belong names turned into positions and sums laid out by them. An array position
that no experiment fills has no units, no weight and no role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.analysis.experiment_results.frames import (
    QUANTILES,
    ExperimentFrames,
)
from dagster_project.analysis.experiments.arrays import CodeArray, FloatArray
from dagster_project.analysis.experiments.decisions import Role
from dagster_project.analysis.experiments.quantiles import (
    ArmQuantile,
    cluster_inflation,
)
from dagster_project.analysis.experiments.study import MetricKind
from dagster_project.analysis.experiments.sums import (
    PRODUCTS,
    VARIABLES,
    D,
    Sums,
    moments_of,
)

Places = npt.NDArray[np.int64]
# What makes a group of comparisons an experiment of its own.
UNIT: Final = (
    *("experiment_name", "view", "dimension", "dimension_value", "day_number"),
    "is_uncapped",
)
KINDS: Final = {
    "proportion": MetricKind.PROPORTION,
    "mean": MetricKind.MEAN,
    "ratio": MetricKind.RATIO,
    "quantile": MetricKind.QUANTILE,
}


@dataclass(frozen=True)
class Arms:
    """Variants of each experiment in the order of the arrays, the control first.

    ``table`` has experiment_name, variant, arm, allocation; ``weights`` (experiments,
    arms) by the row of ``experiments``, NaN where there is no such arm.
    """

    experiments: pd.Index
    table: pd.DataFrame
    weights: FloatArray

    @property
    def width(self) -> int:
        """Arms of the experiment that has most, at least 2."""
        return int(self.weights.shape[1])


def arms_of(frames: ExperimentFrames) -> Arms:
    """Number the declared variants of each experiment, the control 0.

    Raises ``ValueError`` for an experiment without exactly one control.
    """
    variants = frames.variants
    experiments = pd.Index(frames.definitions["experiment_name"])
    controls = variants.groupby("experiment_name")["is_control"].sum()
    wrong = [str(name) for name in experiments if controls.get(name, 0) != 1]
    if wrong:
        raise ValueError(f"experiments need exactly one control each: {wrong}")
    table = variants.sort_values("is_control", ascending=False, kind="stable")
    table = table[table["experiment_name"].isin(experiments)]
    table = table.assign(arm=table.groupby("experiment_name").cumcount())
    width = max(2, int(table["arm"].max()) + 1 if len(table) else 2)
    weights = np.full((len(experiments), width), np.nan)
    row = experiments.get_indexer(table["experiment_name"])
    weights[row, table["arm"].to_numpy()] = table["allocation"].to_numpy()
    columns = ["experiment_name", "variant", "arm", "allocation"]
    return Arms(experiments, table[columns].reset_index(drop=True), weights)


@dataclass(frozen=True)
class Layout:
    """Sums and what is declared of their metrics, by position.

    ``units`` one row per judged group: the columns of ``UNIT``, day_date,
    data_complete_through; ``metric_names`` (u, m) None where there is no metric;
    ``sums`` and ``quantiles`` (u, m, a), the latter NaN for other kinds of metric; the
    other arrays (u, m) as in ``Study``. ``experiment`` (u,) the
    row of the experiment in ``Arms``.
    """

    units: pd.DataFrame
    experiment: Places
    metric_names: npt.NDArray[np.object_]
    metric_labels: npt.NDArray[np.object_]
    is_capped: npt.NDArray[np.bool_]
    sums: Sums
    quantiles: ArmQuantile
    kind: CodeArray
    role: CodeArray
    direction: FloatArray
    margin: FloatArray
    mde: FloatArray


def laid_out(frames: ExperimentFrames, arms: Arms) -> Layout:
    """Lay the sums of all experiments out in one block.

    Where a metric has caps, its capped sums stand among the metrics that decide and the
    uncapped ones in a group of their own. Rows of undeclared variants, experiments and
    metrics are left out.
    """
    rows = _placed_rows(frames, arms)
    units = rows[[*UNIT, "day_date", "data_complete_through", "unit"]]
    units = units.groupby("unit", sort=True).first().reset_index(drop=True)
    shape = (len(units), max(1, int(rows["metric"].max()) + 1 if len(rows) else 1))
    place = (rows["unit"].to_numpy(), rows["metric"].to_numpy())
    return Layout(
        units=units,
        experiment=arms.experiments.get_indexer(pd.Index(units["experiment_name"])),
        metric_names=_filled(shape, place, rows["metric_name"], None),
        metric_labels=_filled(shape, place, rows["label"], None),
        is_capped=_filled(shape, place, rows["is_capped"], False),
        sums=_sums(rows, shape, arms.width),
        quantiles=_quantiles(rows, shape, arms.width),
        kind=_filled(shape, place, rows["kind"], np.int8(MetricKind.MEAN)),
        role=_filled(shape, place, rows["role_code"], np.int8(-1)),
        direction=_filled(shape, place, rows["sign"], 1.0),
        margin=_filled(shape, place, rows["margin"], np.nan),
        mde=_filled(shape, place, rows["mde"], np.nan),
    )


def _placed_rows(frames: ExperimentFrames, arms: Arms) -> pd.DataFrame:
    """Rows of sums with their unit, metric and arm as positions."""
    metrics = frames.metrics.assign(
        metric=frames.metrics.groupby("experiment_name").cumcount(),
        role_code=frames.metrics["role"].map(
            {role.name.lower(): np.int8(role) for role in Role}
        ),
        sign=np.where(frames.metrics["direction"] == "down", -1.0, 1.0),
    )
    if metrics["role_code"].isna().any():
        unknown = sorted(set(metrics.loc[metrics["role_code"].isna(), "role"]))
        raise ValueError(f"unknown roles of metrics: {unknown}")
    rows = frames.sums[frames.sums["metric_kind"].isin(KINDS)]
    rows = rows.merge(arms.table.drop(columns="allocation"), how="inner")
    rows = rows.merge(metrics, on=["experiment_name", "metric_name"], how="inner")
    has_caps = rows.groupby(["experiment_name", "metric_name"])["is_capped"]
    kind = rows["metric_kind"].map({name: np.int8(k) for name, k in KINDS.items()})
    rows = rows.assign(
        is_uncapped=has_caps.transform("any") & ~rows["is_capped"],
        kind=kind.astype(np.int8),
        role_code=rows["role_code"].astype(np.int8),
    )
    unit = rows.groupby(list(UNIT), sort=True, dropna=False).ngroup()
    return rows.assign(unit=unit.astype(np.int64))


def _filled(
    shape: tuple[int, int],
    place: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    values: pd.Series,
    empty: object,
) -> npt.NDArray[Any]:
    column = values.to_numpy()
    dtype = object if empty is None else np.asarray(empty).dtype
    table = np.full(shape, empty, dtype=dtype)
    table[place] = column
    return table


def _sums(rows: pd.DataFrame, shape: tuple[int, int], width: int) -> Sums:
    def column(names: Sequence[str]) -> FloatArray:
        return _of_arms(rows, names, (*shape, width), 0.0)

    return Sums(
        count=column(["unit_count"])[..., 0],
        first=column(VARIABLES),
        second=column(PRODUCTS),
        shift=column([f"shift_{name}" for name in VARIABLES]),
    )


def _quantiles(rows: pd.DataFrame, shape: tuple[int, int], width: int) -> ArmQuantile:
    """Quantiles with their bounds; the correction is that of the units with values."""
    rows = rows[rows["kind"] == MetricKind.QUANTILE]

    def column(names: Sequence[str]) -> FloatArray:
        return _of_arms(rows, names, (*shape, width), np.nan)

    quantile, units, value, lower, upper = np.moveaxis(column(QUANTILES), -1, 0)
    first, second = column(VARIABLES), column(PRODUCTS)
    clusters = moments_of(Sums(units, first, second, np.zeros_like(first)))
    share = np.where(np.isnan(quantile), 0.5, quantile)
    inflation = cluster_inflation(clusters, share)
    counts = np.nan_to_num(units)
    return ArmQuantile(first[..., D], value, lower, upper, inflation, counts)


def _of_arms(
    rows: pd.DataFrame, names: Sequence[str], shape: tuple[int, ...], empty: float
) -> FloatArray:
    table = np.full((*shape, len(names)), empty)
    place = tuple(rows[name].to_numpy() for name in ("unit", "metric", "arm"))
    table[place] = rows[list(names)].to_numpy(dtype=np.float64)
    return table

"""Experiments made of raw units, and their frames of sums added up plainly."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.frames import (
    QUANTILES,
    ExperimentFrames,
)
from dagster_project.analysis.experiments.sums import PRODUCTS, VARIABLES

START = date(2026, 1, 5)
KINDS = {"converted": "proportion", "spend": "mean", "items_per_order": "ratio"}


@dataclass(frozen=True)
class Declared:
    """An experiment as it was declared, and what is planted in it."""

    name: str = "button"
    variants: tuple[str, ...] = ("control", "variant_a")
    allocations: tuple[float, ...] = (0.5, 0.5)
    lift: float = 0.0
    units: int = 1_200
    days: int = 14
    window: int = 3
    planned_units: float = 1_200
    planned_days: float = 14
    end: date | None = None
    status: str = "running"
    confidence: float = 0.95
    seed: int = 1
    caps: float | None = None
    strata: str | None = None
    # All views and slices take a second each night of a test: few need them.
    is_whole: bool = False
    roles: dict[str, str] = field(
        default_factory=lambda: {
            "converted": "success",
            "spend": "guardrail",
            "items_per_order": "secondary",
        }
    )


def units_of(of: Declared) -> pd.DataFrame:
    """One row per unit: day of exposure, variant, platform, and what it did."""
    rng = np.random.default_rng(of.seed)
    n = of.units
    arm = rng.choice(len(of.variants), n, p=np.array(of.allocations))
    day = np.sort(rng.integers(0, of.days, n))
    past = rng.gamma(2.0, 10.0, n)
    lift = 1 + of.lift * (arm > 0)
    orders = rng.poisson(1.5, n) + 1.0
    return pd.DataFrame(
        {
            "arm": arm,
            "day": day,
            "platform": rng.choice(["web", "ios"], n),
            "delay": rng.integers(0, of.window, n),
            "converted": (rng.random(n) < 0.3 * lift) * 1.0,
            "spend": past * 0.5 + rng.gamma(2.0, 10.0, n) * lift,
            "past": past,
            "orders": orders,
            "items": orders * 2 + rng.poisson(1.0, n),
        }
    )


def sums_of_frame(of: Declared, units: pd.DataFrame, last: int) -> pd.DataFrame:
    """Every view, slice, day, metric and variant, added up unit by unit."""
    rows = []
    slices = [("all", "all", np.full(len(units), True))]
    for value in sorted(units["platform"].unique()) if of.is_whole else ():
        which = (units["platform"] == value).to_numpy()
        slices.append(("platform", value, which))
    for day in range(last + 1):
        exposed = (units["day"] <= day).to_numpy()
        matured = (units["day"] + of.window <= day).to_numpy()
        done = (units["day"] + units["delay"] <= day).to_numpy()
        today = (units["day"] + units["delay"] == day).to_numpy()
        views = (("closed", matured, done), ("cumulative", exposed, done))
        views = (*views, ("calendar_day", exposed, today))
        views = views if of.is_whole else views[:1]
        for view, inside, counted in views:
            for dimension, value, which in slices:
                rows += _rows_of(
                    of, units, (view, dimension, value, day), inside & which, counted
                )
    for since in range(of.window) if of.is_whole else ():
        old = (units["day"] + since <= last).to_numpy()
        counted = (units["delay"] == since).to_numpy()
        rows += _rows_of(
            of, units, ("day_since_exposure", "all", "all", since), old, counted
        )
    return pd.DataFrame(rows)


def _rows_of(
    of: Declared,
    units: pd.DataFrame,
    key: tuple[str, str, str, int],
    inside: np.ndarray,
    counted: np.ndarray,
) -> list[dict[str, object]]:
    view, dimension, value, day = key
    dated = None if view == "day_since_exposure" else START + timedelta(days=day)
    rows: list[dict[str, object]] = []
    for metric, kind in KINDS.items():
        for is_capped in (False, True) if of.caps and metric == "spend" else (False,):
            values, shift = _values(units, metric, counted, of.caps, is_capped)
            for arm, variant in enumerate(of.variants):
                some = values[inside & (units["arm"] == arm).to_numpy()] - shift
                rows.append(
                    {
                        "experiment_name": of.name,
                        "metric_name": metric,
                        "view": view,
                        "dimension": dimension,
                        "dimension_value": value,
                        "day_date": dated,
                        "day_number": day,
                        "variant": variant,
                        "is_capped": is_capped,
                        "metric_kind": kind,
                        "unit_count": len(some),
                        **{
                            f"shift_{v}": s
                            for v, s in zip(VARIABLES, shift, strict=True)
                        },
                        **dict(zip(VARIABLES, some.sum(axis=0), strict=True)),
                        **{
                            name: (
                                some[:, VARIABLES.index(name[0])]
                                * some[:, VARIABLES.index(name[1])]
                            ).sum()
                            for name in PRODUCTS
                        },
                        **dict.fromkeys(QUANTILES),
                        "data_complete_through": START + timedelta(days=day + 1),
                    }
                )
    return rows


def _values(
    units: pd.DataFrame,
    metric: str,
    counted: np.ndarray,
    cap: float | None,
    is_capped: bool,
) -> tuple[np.ndarray, np.ndarray]:
    zero = np.zeros(len(units))
    if metric == "converted":
        return np.stack([units["converted"] * counted, *[zero] * 3], 1), np.zeros(4)
    if metric == "spend":
        spend = units["spend"] * counted
        spend = np.minimum(spend, cap) if is_capped and cap else spend
        return (
            np.stack([spend, zero, units["past"], zero], 1),
            np.array([20.0, 0.0, 20.0, 0.0]),
        )
    return (
        np.stack([units["items"] * counted, units["orders"] * counted, zero, zero], 1),
        np.zeros(4),
    )


def overlaps_of(
    one: Declared, other: Declared, *, change: float = 0.0, units: int = 900
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Units of two experiments, and the cells of each metric of the first.

    ``change`` is what the other treatment adds to the lift of the treatment; the other
    columns of units are as in ``units_of``.
    """
    made = units_of(replace(one, units=units, days=1))
    rng = np.random.default_rng(one.seed + 100)
    made["other_arm"] = rng.choice(len(other.variants), units, p=other.allocations)
    made["spend"] += change * 20 * ((made["arm"] > 0) & (made["other_arm"] > 0))
    counted = np.full(units, True)
    rows = []
    for metric, kind in KINDS.items():
        for is_capped in (False, True) if one.caps and metric == "spend" else (False,):
            values, shift = _values(made, metric, counted, one.caps, is_capped)
            for (arm, other_arm), index in made.groupby(
                ["arm", "other_arm"]
            ).groups.items():
                some = values[index][:, :2] - shift[:2]
                rows.append(
                    {
                        "experiment_name": one.name,
                        "other_experiment_name": other.name,
                        "metric_name": metric,
                        "is_capped": is_capped,
                        "variant": one.variants[arm],
                        "other_variant": other.variants[other_arm],
                        "day_date": START + timedelta(days=16),
                        "metric_kind": kind,
                        "unit_count": len(some),
                        "shift_y": shift[0],
                        "shift_d": shift[1],
                        **dict(zip("yd", some.sum(axis=0), strict=True)),
                        "yy": some[:, 0] @ some[:, 0],
                        "yd": some[:, 0] @ some[:, 1],
                        "dd": some[:, 1] @ some[:, 1],
                        "data_complete_through": START + timedelta(days=17),
                    }
                )
    return made, pd.DataFrame(rows)


def frames_of(
    *declared: Declared, last: int = 16, units: dict[str, pd.DataFrame] | None = None
) -> ExperimentFrames:
    """The frames of experiments as they stand at the end of day ``last``."""
    known = units or {}
    made = {of.name: known.get(of.name, units_of(of)) for of in declared}
    return ExperimentFrames(
        definitions=pd.DataFrame(
            [
                {
                    "experiment_name": of.name,
                    "status": of.status,
                    "strata": of.strata,
                    "config_hash": f"hash of {of.name}",
                    "planned_days": of.planned_days,
                    "planned_units": of.planned_units,
                    "confidence": of.confidence,
                    "power": 0.8,
                    "several_variants_limit": 0.01,
                    "misassigned_limit": 0.01,
                    "start_date": START,
                    "end_date": of.end,
                }
                for of in declared
            ]
        ),
        variants=pd.DataFrame(
            [
                {
                    "experiment_name": of.name,
                    "variant": variant,
                    "allocation": share,
                    "is_control": variant == "control",
                }
                for of in declared
                for variant, share in zip(of.variants, of.allocations, strict=True)
            ]
        ),
        metrics=pd.DataFrame(
            [
                {
                    "experiment_name": of.name,
                    "metric_name": metric,
                    "label": metric.replace("_", " ").capitalize(),
                    "role": role,
                    "direction": "up",
                    "margin": 0.1 if role == "guardrail" else None,
                    "mde": 0.1,
                    "window_days": of.window,
                }
                for of in declared
                for metric, role in of.roles.items()
            ]
        ),
        sums=pd.concat(
            [sums_of_frame(of, made[of.name], last) for of in declared],
            ignore_index=True,
        ),
        traffic=pd.concat(
            [_traffic(of, made[of.name], last) for of in declared], ignore_index=True
        ),
    )


def _traffic(of: Declared, units: pd.DataFrame, last: int) -> pd.DataFrame:
    units = units[units["day"] <= last]
    parts = []
    for dimension in ("all", "platform"):
        value = "all" if dimension == "all" else units["platform"]
        counted = (
            units.assign(dimension=dimension, dimension_value=value)
            .groupby(["dimension", "dimension_value", "day", "arm"], as_index=False)
            .size()
        )
        parts.append(counted)
    rows = pd.concat(parts, ignore_index=True)
    return pd.DataFrame(
        {
            "experiment_name": of.name,
            "exposure_date": [START + timedelta(days=int(d)) for d in rows["day"]],
            "dimension": rows["dimension"],
            "dimension_value": rows["dimension_value"],
            "variant": [of.variants[arm] for arm in rows["arm"]],
            "is_declared": True,
            "unit_count": rows["size"],
            "several_variants_count": 0,
        }
    )

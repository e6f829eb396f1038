"""Results of a battery as frames, one row per comparison and one per decision.

Here belong the names of columns and of codes. Here does not belong any computation;
who the experiments and metrics are is joined by their positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.analysis.experiments.battery import Battery, Judged
from dagster_project.analysis.experiments.decisions import ground_names, verdict_names
from dagster_project.analysis.experiments.reasons import method_names, reason_names

Columns = dict[str, npt.NDArray[Any]]


def comparison_frame(battery: Battery) -> pd.DataFrame:
    """One row per (experiment, metric, treatment), each a position from 0.

    Treatment 0 is the first arm after the control. Effects and their bounds are in the
    metric's unit, lifts as shares of |control|; ``log_p`` columns are natural logs; a
    null figure has its ``reason`` (for a lift alone ``lift_reason``). Columns of the
    fixed, sequential and always-valid tests share names after their prefix.
    """
    columns = {
        **_basic_columns(battery),
        **_judged_columns("fixed", battery.fixed),
        **_judged_columns("sequential", battery.sequential),
        **_judged_columns("always_valid", battery.always_valid),
        "always_valid_log_p": battery.always_valid.absolute.log_p,
        **_posterior_columns(battery),
        "holm_p_value": battery.holm.p_value,
        "is_holm_significant": battery.holm.is_rejected,
        "discovery_p_value": battery.discovery.p_value,
        "is_discovery": battery.discovery.is_rejected,
        "is_superior": battery.guards.is_superior,
        "non_inferior_log_p": battery.guards.log_p_non_inferior,
        "is_non_inferior": battery.guards.is_non_inferior,
        "deteriorated_log_p": battery.guards.log_p_deteriorated,
        "is_deteriorated": battery.guards.is_deteriorated,
        "missing_units": battery.missing_units,
    }
    return pd.DataFrame({name: column.reshape(-1) for name, column in columns.items()})


def _basic_columns(battery: Battery) -> Columns:
    contrast, fixed = battery.contrast, battery.fixed.absolute
    place: Sequence[npt.NDArray[Any]] = list(np.indices(contrast.difference.shape))
    return {
        "experiment": place[0],
        "metric": place[1],
        "treatment": place[2],
        "method": method_names(battery.method),
        "reason": reason_names(fixed.reason),
        "lift_reason": reason_names(battery.fixed.relative.reason),
        "units": contrast.units,
        "control_level": contrast.baseline,
        "effect": contrast.difference,
        "lift": battery.fixed.relative.estimate,
        "std_error": fixed.std_error,
        "statistic": fixed.statistic,
        "p_value": fixed.p_value,
        "log_p": fixed.log_p,
    }


def _judged_columns(prefix: str, judged: Judged) -> Columns:
    return {
        f"{prefix}_lower": judged.absolute.lower,
        f"{prefix}_upper": judged.absolute.upper,
        f"{prefix}_lift_lower": judged.relative.lower,
        f"{prefix}_lift_upper": judged.relative.upper,
        f"is_{prefix}_significant": judged.absolute.is_significant,
    }


def _posterior_columns(battery: Battery) -> Columns:
    flat, shrunk = battery.posterior, battery.shrunk
    missing = np.full(flat.mean.shape, np.nan)
    return {
        "chance_to_beat": flat.chance_to_beat,
        "expected_loss": flat.loss_of_treatment,
        "shrunk_lift": missing if shrunk is None else shrunk.mean,
        "shrunk_lift_lower": missing if shrunk is None else shrunk.lower,
        "shrunk_lift_upper": missing if shrunk is None else shrunk.upper,
        "shrunk_chance_to_beat": missing if shrunk is None else shrunk.chance_to_beat,
    }


def decision_frame(battery: Battery) -> pd.DataFrame:
    """One row per (experiment, treatment): the verdict and what it rests on.

    ``grounds`` are names joined by commas; ``missing_information`` the share of the
    plan still to come; the sample-ratio columns repeat over treatments.
    """
    decision, ratio = battery.decision, battery.sample_ratio
    place: Sequence[npt.NDArray[Any]] = list(np.indices(decision.verdict.shape))
    names = ground_names(decision.grounds).reshape(-1)
    flat: Columns = {
        "experiment": place[0],
        "treatment": place[1],
        "verdict": verdict_names(decision.verdict),
        "superior_count": decision.superior_count,
        "cleared_count": decision.cleared_count,
        "deteriorated_count": decision.deteriorated_count,
        "missing_information": decision.missing_information,
        "sample_ratio_p_value": ratio.p_value[:, np.newaxis],
        "has_sample_ratio_mismatch": ratio.is_mismatch[:, np.newaxis],
    }
    shape = decision.verdict.shape
    frame = pd.DataFrame(
        {
            name: np.broadcast_to(column, shape).reshape(-1)
            for name, column in flat.items()
        }
    )
    frame.insert(3, "grounds", [",".join(each) for each in names])
    return frame

"""The rule that decides: ship, or why not, and what is missing.

Here belong the verdict of each treatment from its tested metrics and the experiment's
quality, as codes with names. Here does not belong the testing: flags come in, already
judged at their levels. No treatment is chosen because its figure is the largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

import numpy as np
import numpy.typing as npt

from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    CodeArray,
    FloatArray,
    floats,
)


class Role(IntEnum):
    """What a metric is to an experiment."""

    SUCCESS = 0
    GUARDRAIL = 1
    DETERIORATION = 2
    SECONDARY = 3


class Verdict(IntEnum):
    """What to do with a treatment."""

    SHIP = 0
    DO_NOT_SHIP = 1
    STOP_HARM = 2
    KEEP_RUNNING = 3
    INVALID = 4


class Ground(IntFlag):
    """Why: several may hold. The first five speak against shipping."""

    QUALITY_FAILED = 1
    DETERIORATED = 2
    GUARDRAIL_NOT_CLEARED = 4
    NO_SUPERIOR_METRIC = 8
    NO_SUCCESS_METRIC = 16
    SUPERIOR_METRIC = 32
    GUARDRAILS_CLEARED = 64
    PLAN_INCOMPLETE = 128


_AGAINST: Final = (
    Ground.QUALITY_FAILED
    | Ground.DETERIORATED
    | Ground.GUARDRAIL_NOT_CLEARED
    | Ground.NO_SUPERIOR_METRIC
    | Ground.NO_SUCCESS_METRIC
)


@dataclass(frozen=True)
class Decision:
    """Verdict per treatment, all (..., treatments).

    ``verdict`` a code of ``Verdict``, ``grounds`` a sum of ``Ground``;
    ``superior_count``, ``cleared_count`` and ``deteriorated_count`` metrics;
    ``missing_information`` the share of the plan still to come, 0 when complete.
    """

    verdict: CodeArray
    grounds: npt.NDArray[np.int64]
    superior_count: npt.NDArray[np.int64]
    cleared_count: npt.NDArray[np.int64]
    deteriorated_count: npt.NDArray[np.int64]
    missing_information: FloatArray


def decided(
    *,
    roles: npt.ArrayLike,
    is_superior: npt.ArrayLike,
    is_non_inferior: npt.ArrayLike,
    is_deteriorated: npt.ArrayLike,
    quality_passed: npt.ArrayLike,
    information: npt.ArrayLike,
) -> Decision:
    """Decide for each treatment: rule 2 of Schultzberg et al. (2024), arXiv:2402.11609.

    Ship exactly when at least one success metric is superior, every guardrail is
    non-inferior, no metric has deteriorated and quality passes. Otherwise: a failed
    quality check makes the experiment invalid, a deterioration stops it, a complete
    plan ends it without shipping, else it keeps running.

    ``roles`` (..., metrics) codes of ``Role``, NaN or -1 for no metric; the three flags
    (..., metrics, treatments), already corrected for looks and multiplicity (an
    undefined result is no evidence: False); ``quality_passed`` and ``information``
    (share of the planned units that have matured, 1 = complete) (..., 1) or (...,
    treatments). Deterioration counts on every role but secondary.
    """
    role = np.nan_to_num(floats(roles), nan=-1.0)[..., np.newaxis]
    superior = _counted(is_superior, role == Role.SUCCESS)
    guarded = (role == Role.GUARDRAIL).sum(axis=-2)
    cleared = _counted(is_non_inferior, role == Role.GUARDRAIL)
    watched = (role >= 0) & (role != Role.SECONDARY)
    worse = _counted(is_deteriorated, watched)
    share = floats(information)
    facts = {
        Ground.QUALITY_FAILED: ~np.asarray(quality_passed, dtype=np.bool_),
        Ground.DETERIORATED: worse > 0,
        Ground.GUARDRAIL_NOT_CLEARED: cleared < guarded,
        Ground.NO_SUPERIOR_METRIC: superior == 0,
        Ground.NO_SUCCESS_METRIC: (role == Role.SUCCESS).sum(axis=-2) == 0,
        Ground.SUPERIOR_METRIC: superior > 0,
        Ground.GUARDRAILS_CLEARED: (guarded > 0) & (cleared == guarded),
        Ground.PLAN_INCOMPLETE: ~(share >= 1),
    }
    grounds = np.zeros(superior.shape, dtype=np.int64)
    for ground, holds in facts.items():
        grounds = grounds | np.where(holds, np.int64(ground), np.int64(0))
    missing = np.broadcast_to(np.clip(1 - share, 0.0, 1.0), superior.shape)
    return Decision(
        _verdict(grounds), grounds, superior, cleared, worse, np.asarray(missing)
    )


def _counted(flags: npt.ArrayLike, which: BoolArray) -> npt.NDArray[np.int64]:
    held = np.asarray(flags, dtype=np.bool_) & which
    return np.asarray(held.sum(axis=-2), dtype=np.int64)


def _verdict(grounds: npt.NDArray[np.int64]) -> CodeArray:
    conditions = [
        (grounds & Ground.QUALITY_FAILED) > 0,
        (grounds & Ground.DETERIORATED) > 0,
        (grounds & _AGAINST) == 0,
        (grounds & Ground.PLAN_INCOMPLETE) > 0,
    ]
    codes = [
        Verdict.INVALID,
        Verdict.STOP_HARM,
        Verdict.SHIP,
        Verdict.KEEP_RUNNING,
    ]
    chosen = np.select(
        conditions, [np.int8(code) for code in codes], Verdict.DO_NOT_SHIP
    )
    return np.asarray(chosen, dtype=np.int8)


def verdict_names(codes: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """Names of verdicts in lower case."""
    names = np.array([item.name.lower() for item in Verdict], dtype=object)
    return np.asarray(names[np.asarray(codes, dtype=np.int64)])


def ground_names(grounds: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """The grounds of each decision as a tuple of names in lower case.

    Named once per distinct combination, whatever the number of decisions.
    """
    codes = np.asarray(grounds, dtype=np.int64)
    distinct, place = np.unique(codes, return_inverse=True)
    names = np.empty(distinct.shape, dtype=object)
    for position, code in enumerate(distinct):
        names[position] = tuple(
            ground.name.lower()
            for ground in Ground
            if ground.name and int(code) & ground
        )
    return np.asarray(names[place.reshape(codes.shape)])


def success_alpha(
    success_metrics: npt.ArrayLike, treatments: npt.ArrayLike, *, alpha: float = 0.05
) -> FloatArray:
    """Level for each success metric and treatment: Bonferroni over both.

    Guardrails need no correction of alpha, since all of them have to clear:
    Schultzberg et al. (2024), proposition 4.1.
    """
    tests = np.maximum(floats(success_metrics) * floats(treatments), 1.0)
    return np.asarray(alpha / tests)


def guarded_power(guardrails: npt.ArrayLike, *, power: float = 0.8) -> FloatArray:
    """Power each test needs so that success and all guardrails hold together.

    beta / (guardrails + 1): Schultzberg et al. (2024), proposition 4.2.
    """
    return np.asarray(1 - (1 - power) / (floats(guardrails) + 1))

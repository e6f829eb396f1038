"""One contrast and one p-value per comparison, each metric by its own kind.

Here belongs the choice of the estimator by kind of metric, over all experiments at
once. Here do not belong levels, intervals and verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dagster_project.analysis.experiments.arrays import (
    CodeArray,
    FloatArray,
    Record,
    fieldwise,
)
from dagster_project.analysis.experiments.contrasts import (
    Contrast,
    control_and_treatments,
    proportion_contrast,
)
from dagster_project.analysis.experiments.cuped import (
    cuped_contrast,
    lin_contrast,
    pooled_ratio_slope,
    pooled_slope,
    ratio_cuped_contrast,
)
from dagster_project.analysis.experiments.quantiles import (
    ArmQuantile,
    quantile_contrast,
)
from dagster_project.analysis.experiments.reasons import Method, Reason
from dagster_project.analysis.experiments.study import MetricKind, Study
from dagster_project.analysis.experiments.sums import Moments, moments_of
from dagster_project.analysis.experiments.tails import two_sided_log_p
from dagster_project.analysis.experiments.two_proportions import (
    ProportionEvidence,
    proportion_evidence,
)

Places = npt.NDArray[np.intp]
# Where slopes differ by the noise's deviation, one slope costs .5 % of the standard
# error at this ratio of the arms and 4 % at a ratio of 2; Lin's form costs nothing.
UNEQUAL_ARMS: Final = 1.25
_COUNTS: Final = (
    *("control_count", "control_hits"),
    *("treatment_count", "treatment_hits"),
)


@dataclass(frozen=True)
class Evidence:
    """One contrast and one two-sided log p per comparison, and what made them.

    Arrays (e, m, a - 1); ``proportions`` (rows, a - 1) are the comparisons of
    proportions, which stand in ``proportion_rows`` of the (e x m) metrics.
    """

    contrast: Contrast
    log_p: FloatArray
    method: CodeArray
    proportions: ProportionEvidence | None
    proportion_rows: Places


def gathered(study: Study) -> Evidence:
    """One contrast and p-value per comparison, each metric by its own kind.

    Raises ``ValueError`` when a metric of kind ``GIVEN`` has no given contrast, or one
    of kind ``QUANTILE`` no quantiles.
    """
    moments = moments_of(study.sums)
    *leading, arms = moments.count.shape
    rows = Moments(
        moments.count.reshape(-1, arms),
        moments.mean.reshape(-1, arms, 4),
        moments.covariance.reshape(-1, arms, 4, 4),
    )
    kind = np.broadcast_to(study.kind, leading).reshape(-1)
    result = _Rows(kind.size, arms - 1)
    for which, adjust in _ADJUSTMENTS:
        chosen = np.flatnonzero(kind == which)
        if chosen.size:
            result.put(chosen, *adjust(_taken(rows, chosen)))
    chosen = np.flatnonzero(kind == MetricKind.GIVEN)
    if chosen.size:
        result.put(chosen, *_given_rows(study.given, chosen))
    chosen = np.flatnonzero(kind == MetricKind.QUANTILE)
    if chosen.size:
        exposed = rows.count[chosen]
        result.put(chosen, *_quantile_rows(study.quantiles, chosen, exposed))
    chosen = np.flatnonzero(kind == MetricKind.PROPORTION)
    found = _proportion_rows(_taken(rows, chosen)) if chosen.size else None
    if found is not None:
        counts = (getattr(found, name) for name in _COUNTS)
        result.put(chosen, proportion_contrast(*counts), found.log_p, found.method)
    return result.evidence((*leading, arms - 1), chosen, found)


class _Rows:
    """Results of rows that were worked on by kind, put back in their places."""

    def __init__(self, rows: int, treatments: int) -> None:
        shape = (rows, treatments)
        self._columns = {
            field.name: np.zeros(
                shape, dtype=np.int8 if field.name == "reason" else float
            )
            for field in fields(Contrast)
        }
        self.log_p = np.full(shape, np.nan)
        self.method = np.zeros(shape, dtype=np.int8)

    def put(
        self,
        rows: Places,
        contrast: Contrast,
        log_p: FloatArray,
        method: CodeArray,
    ) -> None:
        for name, column in self._columns.items():
            column[rows] = getattr(contrast, name)
        self.log_p[rows] = log_p
        self.method[rows] = method

    def evidence(
        self, shape: tuple[int, ...], rows: Places, found: ProportionEvidence | None
    ) -> Evidence:
        return Evidence(
            reshaped(Contrast(**self._columns), shape),
            self.log_p.reshape(shape),
            self.method.reshape(shape),
            found,
            rows,
        )


def _taken(rows: Moments, chosen: Places) -> Moments:
    return Moments(rows.count[chosen], rows.mean[chosen], rows.covariance[chosen])


def reshaped(record: Record, shape: tuple[int, ...]) -> Record:
    """The same record of arrays in another shape."""
    return fieldwise(lambda column: column.reshape(shape), record)


def _mean_rows(arms: Moments) -> tuple[Contrast, FloatArray, CodeArray]:
    """CUPED with one slope; Lin's form where an arm is much larger than the other."""
    control, treatments = control_and_treatments(arms)
    contrast = cuped_contrast(control, treatments, pooled_slope(arms))
    larger = np.maximum(control.count, treatments.count)
    unequal = larger > UNEQUAL_ARMS * np.minimum(control.count, treatments.count)
    other = lin_contrast(control, treatments)

    def fitting(by_arm: FloatArray, pooled: FloatArray) -> FloatArray:
        return np.where(unequal, by_arm, pooled)

    method = np.where(unequal, np.int8(Method.LIN), np.int8(Method.CUPED))
    best = fieldwise(fitting, other, contrast)
    return _with_log_p(best, method.astype(np.int8))


def _ratio_rows(arms: Moments) -> tuple[Contrast, FloatArray, CodeArray]:
    control, treatments = control_and_treatments(arms)
    contrast = ratio_cuped_contrast(control, treatments, pooled_ratio_slope(arms))
    return _with_log_p(contrast, _all(contrast, Method.RATIO_CUPED))


def _all(contrast: Contrast, method: Method) -> CodeArray:
    return np.full(contrast.difference.shape, method, dtype=np.int8)


def _with_log_p(
    contrast: Contrast, method: CodeArray
) -> tuple[Contrast, FloatArray, CodeArray]:
    statistic = contrast.difference / np.sqrt(contrast.variance)
    return contrast, two_sided_log_p(statistic, contrast.dof), method


_ADJUSTMENTS: Final = (
    (MetricKind.MEAN, _mean_rows),
    (MetricKind.RATIO, _ratio_rows),
)


def _given_rows(
    given: Contrast | None, chosen: Places
) -> tuple[Contrast, FloatArray, CodeArray]:
    if given is None:
        raise ValueError("metrics of kind GIVEN need the study's given contrasts")
    flat = reshaped(given, (-1, given.difference.shape[-1]))
    contrast = fieldwise(lambda column: column[chosen], flat)
    return _with_log_p(contrast, _all(contrast, Method.GIVEN))


def _quantile_rows(
    quantiles: ArmQuantile | None, chosen: Places, exposed: FloatArray
) -> tuple[Contrast, FloatArray, CodeArray]:
    """Spread and freedom are those of units with values, units all that are exposed."""
    if quantiles is None:
        raise ValueError("metrics of kind QUANTILE need the study's quantiles")
    arms = exposed.shape[-1]
    flat = fieldwise(lambda column: column.reshape(-1, arms)[chosen], quantiles)
    control, treatments = (
        fieldwise(lambda column, part=part: column[:, part], flat)
        for part in (slice(0, 1), slice(1, None))
    )
    contrast = quantile_contrast(control, treatments)
    idle = (contrast.reason == Reason.EMPTY_ARM) & (exposed[:, :1] > 0)
    contrast = replace(
        contrast,
        units=exposed[:, :1] + exposed[:, 1:],
        reason=np.where(
            idle & (exposed[:, 1:] > 0),
            np.int8(Reason.ZERO_DENOMINATOR),
            contrast.reason,
        ),
    )
    return _with_log_p(contrast, _all(contrast, Method.QUANTILE))


def _proportion_rows(arms: Moments) -> ProportionEvidence:
    hits = np.rint(np.nan_to_num(arms.mean[..., 0] * arms.count))
    return proportion_evidence(
        arms.count[:, :1], hits[:, :1], arms.count[:, 1:], hits[:, 1:]
    )

"""What the battery reads: experiments side by side.

Here belong the arrays of a study and the kinds of its metrics. Here does not belong
any computation on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    CodeArray,
    FloatArray,
)
from dagster_project.analysis.experiments.bayes import Prior
from dagster_project.analysis.experiments.contrasts import Contrast
from dagster_project.analysis.experiments.quantiles import ArmQuantile
from dagster_project.analysis.experiments.sums import Sums


class MetricKind(IntEnum):
    """How a metric is estimated.

    ``PROPORTION`` is a share of units, tested without adjustment; pass a share that has
    a covariate as ``MEAN`` to adjust it. Means and ratios are adjusted by CUPED where
    their covariates have spread, else left as they are; means of unequal arms by Lin's
    form. A ``QUANTILE`` is of single values, of which a unit may have several.
    ``GIVEN`` metrics come as contrasts made elsewhere: post-stratified effects.
    """

    PROPORTION = 0
    MEAN = 1
    RATIO = 2
    GIVEN = 3
    QUANTILE = 4


@dataclass(frozen=True)
class Study:
    """Experiments side by side; e experiments, m metrics, a arms (control first).

    ``sums`` (e, m, a); ``kind``, ``role`` (e, m) codes of ``MetricKind`` and ``Role``
    (role -1: no such metric); ``direction`` (e, m) +1 where more is good, else -1;
    ``margin`` (e, m) the guardrail's non-inferiority margin as a share of the baseline;
    ``mde`` (e, m) the relative effect the plan is made for; ``units`` (e, a) exposed
    units and ``weights`` (e, a) their declared shares; ``information`` (e, looks) the
    matured share of the plan at each look so far, NaN after the present one (pass the
    sums as they were at the planned end once it is over: later ones belong to the
    always-valid test alone);
    ``planned_units`` (e,) of all arms; ``quality_passed`` (e,) from the hygiene
    checks; ``prior`` of relative effects per metric, broadcasting to (e, m, 1);
    ``given`` (e, m, a - 1) contrasts, read where ``kind`` is ``GIVEN``; ``quantiles``
    (e, m, a), read where it is ``QUANTILE``. Slices or
    views of an experiment are passed as experiments of their own.
    """

    sums: Sums
    kind: CodeArray
    role: CodeArray
    direction: FloatArray
    margin: FloatArray
    mde: FloatArray
    units: FloatArray
    weights: FloatArray
    information: FloatArray
    planned_units: FloatArray
    quality_passed: BoolArray
    prior: Prior | None = None
    given: Contrast | None = None
    quantiles: ArmQuantile | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        e, m, a = self.sums.count.shape
        shapes = {
            **dict.fromkeys(("kind", "role", "direction", "margin", "mde"), (e, m)),
            **dict.fromkeys(("units", "weights"), (e, a)),
            **dict.fromkeys(("planned_units", "quality_passed"), (e,)),
        }
        for name, shape in shapes.items():
            found = np.shape(getattr(self, name))
            if found != shape:
                raise ValueError(f"{name} must have shape {shape}, got {found}")
        if a < 2:
            raise ValueError("a study needs a control and at least one treatment")
        if not np.isin(self.kind, list(MetricKind)).all():
            raise ValueError(f"unknown kinds of metric in {np.unique(self.kind)}")
        if not np.isin(self.direction, [-1, 1]).all():
            raise ValueError("direction must be +1 or -1")

"""Everything about many experiments at once, from their sums.

Here belong the order of the steps and the arrays that pass between them: one contrast
per comparison, then the fixed test, the group sequential one, the always-valid one,
the posterior, corrections, guardrails and the decision. The statistics themselves are
in the other modules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    CodeArray,
    FloatArray,
    check_share,
    fieldwise,
)
from dagster_project.analysis.experiments.bayes import (
    Posterior,
    posterior_of,
    shrunk_effect,
)
from dagster_project.analysis.experiments.confidence_sequences import (
    always_valid_critical,
    always_valid_test,
)
from dagster_project.analysis.experiments.contrasts import Contrast, relative_by_delta
from dagster_project.analysis.experiments.decisions import (
    Decision,
    Role,
    decided,
    success_alpha,
)
from dagster_project.analysis.experiments.evidence import (
    Evidence,
    Places,
    gathered,
    reshaped,
)
from dagster_project.analysis.experiments.group_sequential import (
    boundaries,
    obrien_fleming_spending,
)
from dagster_project.analysis.experiments.inference import (
    Estimate,
    against_relative_margin,
    judged,
    mirrored,
)
from dagster_project.analysis.experiments.lifts import Interval, fieller_interval
from dagster_project.analysis.experiments.multiplicity import (
    Adjusted,
    benjamini_hochberg,
    holm,
)
from dagster_project.analysis.experiments.power import units_still_needed
from dagster_project.analysis.experiments.reasons import Reason
from dagster_project.analysis.experiments.sample_ratio import (
    SampleRatio,
    sample_ratio_test,
)
from dagster_project.analysis.experiments.study import Study
from dagster_project.analysis.experiments.tails import (
    log_student_tail,
    student_critical,
)
from dagster_project.analysis.experiments.two_proportions import (
    ProportionEvidence,
    judged_proportions,
)


@dataclass(frozen=True)
class Judged:
    """A test of every comparison: the absolute effect and, at the same level, the lift.

    Both of shape (e, m, a - 1); their intervals leave out 0 together.
    """

    absolute: Estimate
    relative: Interval


@dataclass(frozen=True)
class Guards:
    """What the decision reads, (e, m, a - 1), each at the level of the present look.

    ``log_p_non_inferior`` and ``log_p_deteriorated`` are one-sided natural logs.
    """

    is_superior: BoolArray
    log_p_non_inferior: FloatArray
    is_non_inferior: BoolArray
    log_p_deteriorated: FloatArray
    is_deteriorated: BoolArray


@dataclass(frozen=True)
class Battery:
    """All results of a study; arrays (e, m, a - 1) unless said otherwise.

    ``sequential`` is judged at the present look, at a level shared over success metrics
    and treatments; ``posterior`` and ``shrunk`` (None without a prior) are relative;
    ``holm`` runs over success metrics and treatments, ``discovery``
    (Benjamini-Hochberg) over the other metrics, both on the fixed test and NaN outside
    their family; ``missing_units`` of both arms together, to find the planned effect;
    ``sample_ratio`` (e,); ``decision`` (e, a - 1).
    """

    contrast: Contrast
    method: CodeArray
    fixed: Judged
    sequential: Judged
    always_valid: Judged
    posterior: Posterior
    shrunk: Posterior | None
    holm: Adjusted
    discovery: Adjusted
    guards: Guards
    missing_units: FloatArray
    sample_ratio: SampleRatio
    decision: Decision


def analysed(study: Study, *, alpha: float = 0.05, power: float = 0.8) -> Battery:
    """Run the full battery at level ``alpha``; intervals are at 1 - ``alpha``.

    Raises ``ValueError`` for an ``alpha`` or ``power`` outside (0, 1) and for
    information that is not in (0, 1] and increasing.
    """
    check_share("alpha", alpha)
    evidence = gathered(study)
    contrast = evidence.contrast
    level, tail = _present_levels(study, alpha)
    fixed = _at_level(evidence, np.full(level.shape, alpha))
    sequential = _at_level(evidence, level)
    lift = relative_by_delta(contrast)
    guards = _guarded(study, contrast, sequential.absolute, tail)
    ratio = sample_ratio_test(study.units, study.weights)
    posterior, shrunk = _posteriors(study, lift, alpha)
    return Battery(
        contrast=contrast,
        method=evidence.method,
        fixed=fixed,
        sequential=sequential,
        always_valid=_always_valid(study, contrast, alpha),
        posterior=posterior,
        shrunk=shrunk,
        holm=_family(holm, fixed, study.role == Role.SUCCESS, alpha),
        discovery=_family(benjamini_hochberg, fixed, study.role != Role.SUCCESS, alpha),
        guards=guards,
        missing_units=_missing_units(study, lift, alpha, power),
        sample_ratio=ratio,
        decision=_decision(study, guards, ratio),
    )


def _missing_units(
    study: Study, lift: Contrast, alpha: float, power: float
) -> FloatArray:
    error, mde = np.sqrt(lift.variance), study.mde[..., np.newaxis]
    return units_still_needed(error, lift.units, mde, alpha=alpha, power=power)


def _always_valid(study: Study, contrast: Contrast, alpha: float) -> Judged:
    # The plan's units of the two arms that are compared.
    pair = study.weights[:, :1] + study.weights[:, 1:]
    share = pair / np.maximum(study.weights.sum(axis=-1, keepdims=True), 1e-300)
    planned = study.planned_units[:, np.newaxis] * share
    tuning = np.maximum(np.nan_to_num(planned), 2.0)[:, np.newaxis, :]
    absolute = always_valid_test(contrast, tuning_units=tuning, alpha=alpha)
    reach = always_valid_critical(contrast.units, tuning, alpha=alpha)
    flag = absolute.is_significant
    return Judged(absolute, fieller_interval(contrast, reach, is_significant=flag))


def _posteriors(
    study: Study, lift: Contrast, alpha: float
) -> tuple[Posterior, Posterior | None]:
    direction = study.direction[..., np.newaxis]
    flat = posterior_of(
        lift.difference, lift.variance, direction=direction, alpha=alpha
    )
    if study.prior is None:
        return flat, None
    shrunk = shrunk_effect(
        lift.difference, lift.variance, study.prior, direction=direction, alpha=alpha
    )
    return flat, shrunk


def _guarded(
    study: Study, contrast: Contrast, sequential: Estimate, tail: FloatArray
) -> Guards:
    """Superiority, non-inferiority and deterioration at the present look."""
    good = mirrored(contrast, study.direction[..., np.newaxis])
    margin = np.nan_to_num(study.margin)[..., np.newaxis]
    limit = against_relative_margin(good, margin)
    cleared = log_student_tail(limit.difference / np.sqrt(limit.variance), limit.dof)
    harm = log_student_tail(-good.difference / np.sqrt(good.variance), good.dof)
    return Guards(
        is_superior=sequential.is_significant & (good.difference > 0),
        log_p_non_inferior=cleared,
        is_non_inferior=cleared < _log(tail),
        log_p_deteriorated=harm,
        is_deteriorated=harm < _log(tail),
    )


def _decision(study: Study, guards: Guards, ratio: SampleRatio) -> Decision:
    quality = study.quality_passed & ~ratio.is_mismatch
    return decided(
        roles=study.role,
        is_superior=guards.is_superior,
        is_non_inferior=guards.is_non_inferior,
        is_deteriorated=guards.is_deteriorated,
        quality_passed=quality[:, np.newaxis],
        information=np.fmax.reduce(study.information, axis=-1, keepdims=True),
    )


def _at_level(evidence: Evidence, level: FloatArray) -> Judged:
    """The two-sided verdict of every comparison at its own nominal level (e, 1, 1)."""
    contrast = evidence.contrast
    alpha = np.broadcast_to(level, contrast.difference.shape)
    critical = student_critical(alpha / 2, contrast.dof)
    absolute = judged(contrast, critical, log_alpha=_log(alpha), log_p=evidence.log_p)
    if evidence.proportions is not None:
        rows = evidence.proportion_rows
        absolute = _with_proportions(absolute, evidence.proportions, rows, alpha)
    absolute = _silenced(absolute, alpha <= 0)
    flag = absolute.is_significant
    return Judged(absolute, fieller_interval(contrast, critical, is_significant=flag))


def _silenced(found: Estimate, where: BoolArray) -> Estimate:
    """Null with ``NO_INFORMATION`` what is judged before the first look."""
    if not np.any(where):
        return found
    silent = where & (found.reason == Reason.NONE)
    columns = {
        field.name: np.where(silent, np.nan, getattr(found, field.name))
        for field in fields(Estimate)
        if field.name not in ("estimate", "is_significant", "reason")
    }
    reason = np.where(silent, np.int8(Reason.NO_INFORMATION), found.reason)
    return replace(found, **columns, reason=reason.astype(np.int8))


def _with_proportions(
    found: Estimate, proportions: ProportionEvidence, rows: Places, alpha: FloatArray
) -> Estimate:
    """Put the proportions' own tests and intervals in their rows."""
    flat = (-1, alpha.shape[-1])
    level = alpha.reshape(flat)[rows]
    theirs = judged_proportions(
        proportions,
        critical=student_critical(level / 2, np.inf),
        log_alpha=_log(level),
    )

    def replaced(column: FloatArray, ours: FloatArray) -> FloatArray:
        whole = column.reshape(flat).copy()
        whole[rows] = ours
        return whole.reshape(alpha.shape)

    return fieldwise(replaced, found, theirs)


def _log(level: FloatArray) -> FloatArray:
    """Log of a level that may be 0, at a look that brings nothing."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(level))


def _present_levels(study: Study, alpha: float) -> tuple[FloatArray, FloatArray]:
    """Nominal levels of the present look: two-sided and one-sided, (e, 1, 1)."""
    # Arms that only pad an experiment out to the widest share no error with it.
    treatments = (np.nan_to_num(study.weights[:, 1:]) > 0).sum(axis=-1)
    successes = (study.role == Role.SUCCESS).sum(axis=-1)
    side = success_alpha(successes, treatments, alpha=alpha) / 2
    levels = [
        _latest_level(study.information, error)
        for error in (side, np.full(side.shape, alpha))
    ]
    return levels[0], levels[1] / 2


def _latest_level(looks: FloatArray, error: FloatArray) -> FloatArray:
    """Two-sided nominal level of the latest look that brought information; else 0."""
    spent = obrien_fleming_spending(looks, alpha=error[:, np.newaxis])
    level = np.nan_to_num(boundaries(looks, spent).nominal_alpha)
    last = level.shape[1] - 1 - np.argmax(level[:, ::-1] > 0, axis=1)
    present = np.take_along_axis(level, last[:, np.newaxis], axis=1)
    return np.asarray(present[..., np.newaxis])


def _family(
    correct: Callable[..., Adjusted], fixed: Judged, member: BoolArray, alpha: float
) -> Adjusted:
    """Correct the p-values of the members over an experiment's metrics and arms."""
    p = np.where(member[..., np.newaxis], fixed.absolute.p_value, np.nan)
    found = correct(p.reshape(p.shape[0], -1), alpha=alpha)
    return reshaped(found, p.shape)

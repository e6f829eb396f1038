"""The whole battery: what each number is alone, coherence, company."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from dagster_project.analysis.experiments import (
    contrasts,
    cuped,
    group_sequential,
    inference,
    sums,
    tails,
    two_proportions,
)
from dagster_project.analysis.experiments.battery import Battery, analysed
from dagster_project.analysis.experiments.bayes import Prior
from dagster_project.analysis.experiments.decisions import Role, Verdict
from dagster_project.analysis.experiments.reasons import Method, Reason
from dagster_project.analysis.experiments.results import (
    comparison_frame,
    decision_frame,
)
from dagster_project.analysis.experiments.study import MetricKind, Study

E, M, A, LOOKS = 6, 6, 3, 5
KINDS = np.array([0, 1, 2, 0, 1, 2], dtype=np.int8)


@pytest.fixture(scope="module")
def study() -> Study:
    """Experiments of raw units, with everything odd in the last ones."""
    rng = np.random.default_rng(21)
    n = 600
    x = rng.normal(10, 3, (E, M, A, n))
    w = 1.0 + rng.poisson(2, (E, M, A, n))
    d = 1.0 + rng.poisson(2, (E, M, A, n))
    lift = np.linspace(0, 1, E)[:, None, None, None] * np.arange(A)[:, None]
    y = 0.7 * x + d + lift + rng.normal(0, 1, (E, M, A, n))
    share = (rng.random((E, M, A, n)) < 0.2 + 0.05 * lift).astype(float)
    proportion = (KINDS == MetricKind.PROPORTION)[:, None, None]
    y = np.where(proportion, share, y)
    y[4, 0] = 0.0  # nobody converts
    y[4, 1, 1] = 3.0  # no spread in one arm
    x[4, 1, 1] = 3.0
    y[5, 3] *= rng.random((A, n)) < 0.05  # too rare for a normal approximation
    rows = np.stack([y, d, x, w], axis=-1)
    some = sums.sums_of_units(
        rows, shift=np.where(proportion[..., None], 0, rows[..., 0, :])
    )
    some.count[3, 2, 2] = 0.0  # an empty arm
    some.first[3, 2, 2], some.second[3, 2, 2] = 0.0, 0.0
    looks = np.array([0.2, 0.5, 0.6, 0.8, 1.0])
    seen = np.array([1, 2, 3, 4, 5, 5])[:, None]
    return Study(
        sums=some,
        kind=np.broadcast_to(KINDS, (E, M)),
        role=np.broadcast_to(np.array([0, 0, 1, 2, 3, 3], dtype=np.int8), (E, M)),
        direction=np.ones((E, M)),
        margin=np.full((E, M), 0.05),
        mde=np.full((E, M), 0.02),
        units=np.full((E, A), 600.0),
        weights=np.ones((E, A)),
        information=np.where(np.arange(LOOKS) < seen, looks, np.nan),
        planned_units=np.full(E, 1_800.0),
        quality_passed=np.array([True] * 5 + [False]),
        prior=Prior(*(np.full((1, M, 1), value) for value in (0.0, 0.01, 0.001, 30.0))),
    )


@pytest.fixture(scope="module")
def battery(study: Study) -> Battery:
    return analysed(study)


def arm(study: Study, e: int, m: int, a: int) -> sums.Moments:
    one = sums.Sums(
        *(
            getattr(study.sums, name)[e, m, a]
            for name in ("count", "first", "second", "shift")
        )
    )
    return sums.moments_of(one)


def arms(study: Study, e: int, m: int) -> sums.Moments:
    one = sums.Sums(
        *(
            getattr(study.sums, name)[e, m]
            for name in ("count", "first", "second", "shift")
        )
    )
    return sums.moments_of(one)


def alone(study: Study, e: int, m: int, t: int) -> inference.Estimate:
    control, treatment = arm(study, e, m, 0), arm(study, e, m, t + 1)
    if KINDS[m] == MetricKind.PROPORTION:
        counts = (
            *(control.count, np.rint(control.mean[0] * control.count)),
            *(treatment.count, np.rint(treatment.mean[0] * treatment.count)),
        )
        return two_proportions.proportion_test(*counts)
    if KINDS[m] == MetricKind.MEAN:
        slope = cuped.pooled_slope(arms(study, e, m))[0]
        return inference.welch_test(cuped.cuped_contrast(control, treatment, slope))
    slope = cuped.pooled_ratio_slope(arms(study, e, m))[0]
    return inference.welch_test(cuped.ratio_cuped_contrast(control, treatment, slope))


def test_each_comparison_is_what_it_is_alone(study: Study, battery: Battery) -> None:
    for e, m, t in np.ndindex(E, M, A - 1):
        if (e, m) == (3, 2):
            continue
        one = alone(study, e, m, t)
        for field in fields(inference.Estimate):
            np.testing.assert_allclose(
                getattr(battery.fixed.absolute, field.name)[e, m, t],
                getattr(one, field.name),
                rtol=1e-9,
                err_msg=f"{(e, m, t)} {field.name}",
            )


def test_p_interval_and_flag_never_contradict(battery: Battery) -> None:
    pairs = [
        battery.fixed,
        battery.sequential,
        battery.always_valid,
    ]
    for pair in pairs:
        absolute, relative = pair.absolute, pair.relative
        known = absolute.reason == Reason.NONE
        for interval in (absolute, relative):
            outside = (interval.lower > 0) | (interval.upper < 0)
            bounded = np.isfinite(interval.lower) & np.isfinite(interval.upper)
            assert bounded[known & (interval.reason == Reason.NONE)].all()
            np.testing.assert_array_equal(
                outside[bounded], absolute.is_significant[bounded]
            )
            assert np.isnan(interval.lower[~known]).all()
        assert not absolute.is_significant[~known].any()
        assert np.isnan(absolute.p_value[~known]).all()
    assert (battery.fixed.absolute.reason != Reason.NONE).sum() >= 4


def test_odd_arms_have_their_reasons(battery: Battery) -> None:
    assert (battery.fixed.absolute.reason[4, 0] == Reason.ZERO_VARIANCE).all()
    assert battery.fixed.absolute.reason[4, 1].tolist() == [
        *(Reason.ZERO_VARIANCE, Reason.NONE)
    ]
    assert battery.fixed.absolute.reason[3, 2, 1] == Reason.EMPTY_ARM
    assert battery.method[5, 3].tolist() == [Method.BOSCHLOO] * 2


def test_the_present_look_decides_the_sequential_level(
    study: Study, battery: Battery
) -> None:
    for e in range(E):
        looks = study.information[e][np.isfinite(study.information[e])]
        # Two success metrics by two treatments share the level.
        spent = group_sequential.obrien_fleming_spending(looks, alpha=0.05 / 4 / 2)
        level = group_sequential.boundaries(looks, spent).nominal_alpha[-1]
        known = battery.fixed.absolute.reason[e] == Reason.NONE
        flags = battery.fixed.absolute.p_value[e] < level
        np.testing.assert_array_equal(
            battery.sequential.absolute.is_significant[e][known], flags[known]
        )
        good = battery.contrast.difference[e] > 0
        np.testing.assert_array_equal(
            battery.guards.is_superior[e],
            battery.sequential.absolute.is_significant[e] & good,
        )


def test_guardrails_are_judged_one_sided_at_the_look(
    study: Study, battery: Battery
) -> None:
    e, m = 4, 2
    spent = group_sequential.obrien_fleming_spending(study.information[e], alpha=0.05)
    tail = group_sequential.boundaries(study.information[e], spent).nominal_alpha[-1]
    contrast = contrasts.Contrast(
        *(
            getattr(battery.contrast, field.name)[e, m]
            for field in fields(contrasts.Contrast)
        )
    )
    found = inference.non_inferiority_test(contrast, margin=0.05, alpha=tail / 2)
    np.testing.assert_array_equal(
        battery.guards.is_non_inferior[e, m], found.is_significant
    )
    np.testing.assert_allclose(battery.guards.log_p_non_inferior[e, m], found.log_p)


def test_where_less_is_good_everything_turns(study: Study, battery: Battery) -> None:
    turned = analysed(replace(study, direction=-np.ones((E, M))))
    np.testing.assert_array_equal(
        turned.guards.is_superior,
        battery.sequential.absolute.is_significant & (battery.contrast.difference < 0),
    )
    np.testing.assert_allclose(
        turned.posterior.chance_to_beat,
        1 - battery.posterior.chance_to_beat,
        atol=1e-12,
    )
    assert turned.guards.is_deteriorated.sum() > battery.guards.is_deteriorated.sum()


def test_company_changes_nothing(study: Study, battery: Battery) -> None:
    """An experiment's results do not depend on what else is analysed."""
    for e in (0, 4, 5):
        one = {
            field.name: getattr(study, field.name)[e : e + 1]
            for field in fields(Study)
            if field.name not in ("sums", "prior", "given", "quantiles")
        }
        some = sums.Sums(
            *(
                getattr(study.sums, name)[e : e + 1]
                for name in ("count", "first", "second", "shift")
            )
        )
        found = analysed(Study(sums=some, prior=study.prior, **one))
        pairs = [
            (getattr(found, kind), getattr(battery, kind))
            for kind in ("fixed", "sequential", "always_valid")
        ]
        pairs = [
            (getattr(ours, scale), getattr(theirs, scale))
            for ours, theirs in pairs
            for scale in ("absolute", "relative")
        ]
        pairs += [(found.holm, battery.holm), (found.shrunk, battery.shrunk)]
        for ours, theirs in pairs:
            for field in fields(ours):
                np.testing.assert_allclose(
                    getattr(ours, field.name)[0],
                    getattr(theirs, field.name)[e],
                    rtol=1e-7,
                )
        assert (found.decision.verdict[0] == battery.decision.verdict[e]).all()


def test_families_and_decisions(study: Study, battery: Battery) -> None:
    success = study.role[0] == Role.SUCCESS
    assert np.isnan(battery.holm.p_value[:, ~success]).all()
    assert np.isnan(battery.discovery.p_value[:, success]).all()
    known = np.isfinite(battery.holm.p_value)
    assert (battery.holm.p_value >= battery.fixed.absolute.p_value)[known].all()
    assert (battery.decision.verdict[5] == Verdict.INVALID).all()
    assert (battery.decision.verdict[:5] != Verdict.INVALID).all()
    assert battery.decision.missing_information[0].tolist() == [0.8, 0.8]
    assert not battery.sample_ratio.is_mismatch.any()


def test_a_mismatch_of_samples_makes_the_experiment_invalid(study: Study) -> None:
    skewed = study.units.copy()
    skewed[1] = [600, 600, 900]
    found = analysed(replace(study, units=skewed))
    assert (found.decision.verdict[1] == Verdict.INVALID).all()


def test_shrunk_effects_lie_between_prior_and_lift(battery: Battery) -> None:
    assert battery.shrunk is not None
    raw = battery.posterior.mean
    known = np.isfinite(raw)
    assert (np.abs(battery.shrunk.mean) <= np.abs(raw))[known].all()


def test_without_a_prior_nothing_is_shrunk(study: Study) -> None:
    assert analysed(replace(study, prior=None)).shrunk is None


def test_levels_change_intervals_not_p_values(study: Study, battery: Battery) -> None:
    wide = analysed(study, alpha=0.01)
    np.testing.assert_array_equal(
        wide.fixed.absolute.p_value, battery.fixed.absolute.p_value
    )
    known = battery.fixed.absolute.reason == Reason.NONE
    assert (wide.fixed.absolute.lower <= battery.fixed.absolute.lower)[known].all()
    with pytest.raises(ValueError, match="alpha"):
        analysed(study, alpha=95)
    critical = tails.student_critical(0.005, battery.contrast.dof)
    assert np.isfinite(critical[known]).any()


def test_given_contrasts_are_judged_like_any_other(
    study: Study, battery: Battery
) -> None:
    kind = np.array(study.kind)
    kind[:, 1] = MetricKind.GIVEN
    found = analysed(replace(study, kind=kind, given=battery.contrast))
    for field in fields(inference.Estimate):
        np.testing.assert_allclose(
            getattr(found.fixed.absolute, field.name),
            getattr(battery.fixed.absolute, field.name),
        )
    assert (found.method[:, 1] == Method.GIVEN).all()
    with pytest.raises(ValueError, match="GIVEN need"):
        analysed(replace(study, kind=kind))


def test_frames_hold_every_comparison_and_decision(
    study: Study, battery: Battery
) -> None:
    rows = comparison_frame(battery)
    assert len(rows) == E * M * (A - 1)
    assert not rows.duplicated(["experiment", "metric", "treatment"]).any()
    some = rows.set_index(["experiment", "metric", "treatment"]).loc[(2, 1, 1)]
    assert some["method"] == "cuped"
    assert some["effect"] == battery.fixed.absolute.estimate[2, 1, 1]
    assert some["sequential_lift_lower"] == battery.sequential.relative.lower[2, 1, 1]
    assert rows["p_value"].isna().equals(rows["reason"].notna())
    assert set(rows["reason"].dropna()) == {"zero_variance", "empty_arm"}
    decisions = decision_frame(battery)
    assert len(decisions) == E * (A - 1)
    last = decisions[decisions["experiment"] == 5]
    assert last["verdict"].tolist() == ["invalid"] * 2
    assert last["grounds"].str.contains("quality_failed").all()
    unshrunk = comparison_frame(analysed(replace(study, prior=None)))
    assert unshrunk["shrunk_lift"].isna().all()


def test_before_the_first_look_the_sequential_test_is_silent(study: Study) -> None:
    looks = study.information.copy()
    looks[2] = np.nan
    found = analysed(replace(study, information=looks))
    sequential = found.sequential.absolute
    assert (sequential.reason[2] == Reason.NO_INFORMATION).all()
    assert np.isnan(sequential.p_value[2]).all()
    assert np.isnan(sequential.lower[2]).all()
    assert np.isnan(found.sequential.relative.lower[2]).all()
    assert np.isfinite(found.fixed.absolute.p_value[2]).all()
    assert not found.guards.is_non_inferior[2].any()
    assert (found.decision.verdict[2] == Verdict.KEEP_RUNNING).all()


def test_a_look_without_news_keeps_the_level_of_the_last_one(
    study: Study, battery: Battery
) -> None:
    repeated = np.concatenate([study.information, study.information[:, -1:]], axis=1)
    found = analysed(replace(study, information=repeated))
    np.testing.assert_allclose(
        found.sequential.absolute.lower, battery.sequential.absolute.lower
    )


def test_an_experiment_without_units_keeps_running(study: Study) -> None:
    nothing = sums.Sums(
        *(
            0 * getattr(study.sums, name)
            for name in ("count", "first", "second", "shift")
        )
    )
    found = analysed(replace(study, sums=nothing, units=np.zeros((E, A))))
    assert (found.fixed.absolute.reason == Reason.EMPTY_ARM).all()
    assert (found.decision.verdict[0] == Verdict.KEEP_RUNNING).all()
    assert (found.sample_ratio.reason == Reason.EMPTY_ARM).all()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("margin", np.zeros(3), "margin must have shape"),
        ("kind", np.full((E, M), 9, dtype=np.int8), "unknown kinds"),
        ("direction", np.zeros((E, M)), "direction must be"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    study: Study, name: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(study, **{name: value})


def test_means_of_unequal_arms_are_adjusted_by_lins_form(study: Study) -> None:
    doubled = sums.merged(study.sums, study.sums)
    mixed = sums.Sums(
        *(
            np.concatenate(
                [getattr(study.sums, name)[:, :, :2], getattr(doubled, name)[:, :, 2:]],
                axis=2,
            )
            for name in ("count", "first", "second", "shift")
        )
    )
    wider = replace(study, sums=mixed)
    found = analysed(wider)
    assert (found.method[:, 1, 0] == Method.CUPED).all()
    assert (found.method[:, 1, 1] == Method.LIN).all()
    one = cuped.lin_contrast(arm(wider, 2, 1, 0), arm(wider, 2, 1, 2))
    assert found.contrast.difference[2, 1, 1] == pytest.approx(float(one.difference))
    assert found.contrast.variance[2, 1, 1] == pytest.approx(float(one.variance))


def test_arms_that_pad_an_experiment_take_no_share_of_its_error(study: Study) -> None:
    narrow = replace(
        study, weights=np.where(np.arange(A) < 2, 1.0, 0.0) * study.weights
    )
    wide = analysed(study).sequential.absolute
    found = analysed(narrow).sequential.absolute
    usable = np.isfinite(wide.upper[..., 0]) & np.isfinite(found.upper[..., 0])
    shorter = (found.upper - found.lower < wide.upper - wide.lower)[..., 0]
    assert usable.sum() > 10
    assert shorter[usable].all()


def test_the_digits_of_a_schedule_do_not_depend_on_its_company() -> None:
    rng = np.random.default_rng(4)
    looks = np.sort(rng.uniform(0.01, 1.0, (70, 28)), axis=1)
    looks[np.arange(28) > rng.integers(3, 28, 70)[:, np.newaxis]] = np.nan
    spent = group_sequential.obrien_fleming_spending(looks, alpha=0.025)
    together = group_sequential.boundaries(looks, spent).critical
    for row in range(0, 70, 7):
        alone = group_sequential.boundaries(looks[row : row + 1], spent[row : row + 1])
        np.testing.assert_array_equal(alone.critical[0], together[row])

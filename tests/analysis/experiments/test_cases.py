"""Every worked case: sufficient statistics in, published or computed numbers out.

A method is a function here; a case of the same method with other numbers needs nothing
new. A case of an unknown method fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dagster_project.analysis.experiments import (
    bayes,
    confidence_sequences,
    contrasts,
    cuped,
    exact_tables,
    group_sequential,
    inference,
    lifts,
    multiplicity,
    power,
    quantiles,
    reasons,
    sample_ratio,
    stratification,
    sums,
    tails,
    two_proportions,
)
from dagster_project.analysis.experiments.arrays import fieldwise

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "experiments"
Numbers = dict[str, Any]
COLUMNS = {
    "main_sum": "y",
    "main_sum_squares": "yy",
    "denominator_sum": "d",
    "denominator_sum_squares": "dd",
    "main_denominator_sum_product": "yd",
    "covariate_sum": "x",
    "covariate_sum_squares": "xx",
    "main_covariate_sum_product": "yx",
    "denominator_covariate_sum_product": "dx",
    "covariate_denominator_sum": "w",
    "covariate_denominator_sum_squares": "ww",
    "main_covariate_denominator_sum_product": "yw",
    "denominator_covariate_denominator_sum_product": "dw",
    "covariate_covariate_denominator_sum_product": "xw",
    "main_pre_sum": "x",
    "main_pre_sum_squares": "xx",
    "denominator_pre_sum": "w",
    "denominator_pre_sum_squares": "ww",
    "main_post_main_pre_sum_of_products": "yx",
    "main_post_denominator_post_sum_of_products": "yd",
    "main_post_denominator_pre_sum_of_products": "yw",
    "main_pre_denominator_post_sum_of_products": "dx",
    "main_pre_denominator_pre_sum_of_products": "xw",
    "denominator_post_denominator_pre_sum_of_products": "dw",
}


def all_cases() -> list[Any]:
    files = sorted(CASES.glob("*.json")) if CASES.is_dir() else []
    found = [case for file in files for case in json.loads(file.read_text())]
    return [pytest.param(case, id=case["id"]) for case in found]


def arms(case: Numbers) -> list[Numbers]:
    return list(case["input"]["variants"].values())


def setting(case: Numbers, name: str, default: Any = None) -> Any:
    return case["input"]["settings"].get(name, default)


def alpha_of(case: Numbers) -> float:
    return float(setting(case, "alpha", 0.05))


def moments(arm: Numbers) -> sums.Moments:
    columns = {COLUMNS[name]: value for name, value in arm.items() if name in COLUMNS}
    return sums.moments_of(sums.sums_of(arm["n"], **columns))


def contrast(case: Numbers) -> contrasts.Contrast:
    """The contrast that the statistics allow: proportion, mean or ratio."""
    control, treatment = arms(case)
    if "denominator_sum" in control:
        return contrasts.ratio_contrast(moments(control), moments(treatment))
    is_rate = setting(case, "variance", "p(1-p)").startswith("p(1-p)")
    if "main_sum_squares" not in control and is_rate:
        return contrasts.proportion_contrast(
            *(control["n"], control["main_sum"]),
            *(treatment["n"], treatment["main_sum"]),
        )
    return contrasts.mean_contrast(moments(control), moments(treatment))


def scaled(
    case: Numbers, plain: contrasts.Contrast, expanded_at: Any = None
) -> contrasts.Contrast:
    said = setting(case, "difference")
    relative = said == "relative" if said else "relative" in case["method"]
    if not relative:
        return plain
    return contrasts.relative_by_delta(plain, expanded_at=expanded_at)


def reported(estimate: inference.Estimate) -> Numbers:
    return {
        "effect": estimate.estimate,
        "rel_effect": estimate.estimate,
        "t": estimate.statistic,
        "z": estimate.statistic,
        "abs_z": abs(estimate.statistic),
        "std_error": estimate.std_error,
        "p_value": estimate.p_value,
        "ci_lower": estimate.lower,
        "ci_upper": estimate.upper,
    }


def welch(case: Numbers) -> Numbers:
    return reported(
        inference.welch_test(scaled(case, contrast(case)), alpha=alpha_of(case))
    )


def one_sided(case: Numbers) -> Numbers:
    test = {
        "greater": inference.superiority_test,
        "less": inference.inferiority_test,
    }[setting(case, "alternative")]
    return reported(test(scaled(case, contrast(case)), alpha=alpha_of(case)))


def log_ratio(case: Numbers) -> Numbers:
    plain = contrast(case)
    interval = lifts.log_ratio_interval(*map(moments, arms(case)), alpha=alpha_of(case))
    return {
        "rel_effect": interval.estimate,
        "ci_lower": interval.lower,
        "ci_upper": interval.upper,
        "p_value": inference.welch_test(plain, alpha=alpha_of(case)).p_value,
    }


def counts(case: Numbers) -> tuple[float, float, float, float]:
    control, treatment = arms(case)
    return (
        *(control["n"], control["main_sum"]),
        *(treatment["n"], treatment["main_sum"]),
    )


def pooled_z(case: Numbers) -> Numbers:
    z = two_proportions.pooled_z(*counts(case))
    n_c, x_c, n_t, x_t = counts(case)
    return {
        "effect": x_t / n_t - x_c / n_c,
        "z": z,
        "abs_z": abs(z),
        "p_value": np.exp(tails.two_sided_log_p(z, np.inf)),
    }


def difference_intervals(case: Numbers) -> Numbers:
    critical = tails.student_critical(alpha_of(case) / 2, np.inf)
    plain = contrasts.proportion_contrast(*counts(case))
    reach = critical * np.sqrt(plain.variance)
    return {
        "wald": [plain.difference - reach, plain.difference + reach],
        "newcombe": list(
            two_proportions.newcombe_interval(*counts(case), critical=critical)
        ),
    }


def exact(case: Numbers) -> Numbers:
    n_c, x_c, n_t, x_t = map(int, counts(case))
    table = exact_tables.ExactTable(n_c, x_c, n_t, x_t)
    return {
        "boschloo_p": exact_tables.boschloo_p(table),
        "barnard_p": exact_tables.barnard_p(table),
        "fisher_p": stats.fisher_exact([[x_c, n_c - x_c], [x_t, n_t - x_t]]).pvalue,
    }


def cuped_test(case: Numbers) -> Numbers:
    control, treatment = map(moments, arms(case))
    # The reference takes the gradient at the unadjusted ratio.
    raw = contrast(case)
    if "denominator_sum" in arms(case)[0]:
        adjusted = cuped.ratio_cuped_contrast(control, treatment)
        theta: Any = None
    else:
        adjusted = cuped.cuped_contrast(control, treatment)
        both = sums.Moments(
            *(
                np.stack([getattr(control, name), getattr(treatment, name)])
                for name in ("count", "mean", "covariance")
            )
        )
        theta = cuped.pooled_slope(both)[0]
    found = reported(
        inference.welch_test(
            scaled(case, adjusted, raw.difference / raw.baseline), alpha=alpha_of(case)
        )
    )
    return found | {"theta": theta}


def lin(case: Numbers) -> Numbers:
    adjusted = cuped.lin_contrast(*map(moments, arms(case)))
    return reported(inference.welch_test(adjusted, alpha=alpha_of(case)))


def stratified(case: Numbers) -> Numbers:
    build = (
        stratification.ancova_contrast
        if "cuped" in case["method"]
        else contrasts.mean_contrast
    )
    cells = [
        build(*map(moments, stratum.values()))
        for stratum in case["input"]["variants"].values()
    ]
    strata = fieldwise(lambda *columns: np.stack(columns), *cells)
    whole = scaled(case, stratification.post_stratified(strata))
    return reported(inference.welch_test(whole, alpha=alpha_of(case)))


def quantile(case: Numbers) -> Numbers:
    parts = []
    for arm in arms(case):
        seen = quantiles.ArmQuantile(
            *(
                np.asarray(float(arm[name]))
                for name in ("n", "quantile", "quantile_lower", "quantile_upper")
            ),
            np.asarray(1.0),
            np.asarray(float(arm["n"])),
        )
        parts.append(quantiles.rescaled(seen, arm["n_star"]))
    plain = quantiles.quantile_contrast(*parts)
    return reported(inference.welch_test(scaled(case, plain), alpha=alpha_of(case)))


def confidence_sequence(case: Numbers) -> Numbers:
    return reported(
        confidence_sequences.always_valid_test(
            scaled(case, contrast(case)),
            tuning_units=setting(case, "tuning_n"),
            alpha=alpha_of(case),
        )
    )


def bernoulli(case: Numbers) -> Numbers:
    (arm,) = arms(case)
    lower, upper = confidence_sequences.bernoulli_sequence(
        arm["n"],
        arm["main_sum"],
        tuning_count=setting(case, "t_opt"),
        alpha=alpha_of(case),
    )
    return {"ci_lower": lower, "ci_upper": upper}


def spending_level(case: Numbers) -> Numbers:
    share = setting(case, "day") / setting(case, "planned_days")
    alpha = 1 - setting(case, "confidence_level")
    spent = group_sequential.obrien_fleming_spending(share, alpha=alpha)
    # The reference caps the level and rounds it.
    return {"confidence_level": np.round(np.minimum(1 - spent, 0.9999), 4)}


def sequential_bounds(case: Numbers) -> Numbers:
    information = setting(case, "information_fractions")
    side = alpha_of(case) / setting(case, "sides")
    said = setting(case, "spending", "obrien_fleming")
    if "^" in said:
        rho = float(said.split("^")[1])
        spent = group_sequential.power_spending(information, alpha=side, rho=rho)
    else:
        spent = group_sequential.obrien_fleming_spending(information, alpha=side)
    return {"z_bounds": group_sequential.boundaries(information, spent).critical}


def sample_ratio_chi2(case: Numbers) -> Numbers:
    found = sample_ratio.sample_ratio_test(
        [arm["n"] for arm in arms(case)], setting(case, "weights")
    )
    return {"p_value": found.p_value, "statistic": found.statistic}


def sample_ratio_sequential(case: Numbers) -> Numbers:
    daily = np.array(setting(case, "daily_counts"))
    log_p = sample_ratio.sequential_log_p(
        np.cumsum(daily, axis=0), setting(case, "weights")
    )
    return {"p_value": np.exp(log_p[-1]), "p_values": np.exp(log_p)}


def sample_ratio_band(case: Numbers) -> Numbers:
    first, second = (arm["n"] for arm in arms(case))
    lower, upper = sample_ratio.share_band(
        first + second, setting(case, "expected_share"), alpha=alpha_of(case)
    )
    observed = first / (first + second)
    return {
        "observed_share": observed,
        "ci_lower": lower,
        "ci_upper": upper,
        "srm_detected": not lower <= observed <= upper,
    }


def normal_posterior(case: Numbers) -> Numbers:
    plain = contrast(case)
    chosen = scaled(case, plain)
    prior = setting(case, "prior")
    mean, variance = 0.0, np.inf
    if prior["proper"]:
        on_lift = setting(case, "difference") == "relative"
        unit = (
            1.0
            if on_lift or prior["scale"] != "relative"
            else abs(float(plain.baseline))
        )
        mean, variance = prior["mean"] * unit, prior["variance"] * unit**2
    found = bayes.posterior_of(
        chosen.difference,
        chosen.variance,
        prior_mean=mean,
        prior_variance=variance,
        direction=-1.0 if setting(case, "inverse") else 1.0,
        alpha=alpha_of(case),
    )
    return {
        "effect": found.mean,
        "ci_lower": found.lower,
        "ci_upper": found.upper,
        "posterior_sd": found.std_dev,
        "chance_to_win": found.chance_to_beat,
        "risk_choose_control": found.loss_of_control,
        "risk_choose_treatment": found.loss_of_treatment,
    }


def beta_binomial(case: Numbers) -> Numbers:
    found = bayes.compared_rates(*counts(case))
    return {
        "chance_to_win": found.chance_to_beat,
        "expected_loss_choose_treatment": found.loss_of_treatment,
        "expected_loss_choose_control": found.loss_of_control,
    }


def adjusted(case: Numbers) -> Numbers:
    methods = {
        "holm": multiplicity.holm,
        "bh": multiplicity.benjamini_hochberg,
        "by": multiplicity.benjamini_yekutieli,
        "bonferroni": multiplicity.bonferroni,
        "hochberg": multiplicity.hochberg,
        "holm_sidak": multiplicity.holm_sidak,
    }
    p_values = setting(case, "p_values")
    return {
        name: method(p_values, alpha=alpha_of(case)).p_value
        for name, method in methods.items()
    }


def non_inferiority(case: Numbers) -> Numbers:
    margin = setting(case, "margin_relative")
    lift = contrasts.relative_by_delta(contrast(case))
    more = "increase" in setting(case, "direction")
    test = inference.superiority_test if more else inference.inferiority_test
    found = test(lift, alpha=alpha_of(case), null=margin)
    return reported(found) | {"non_inferior": bool(found.is_significant)}


def detectable(case: Numbers) -> Numbers:
    (arm,) = arms(case)
    found = moments(arm)
    effect = power.detectable_effect(
        np.sqrt(found.covariance[0, 0]),
        setting(case, "n_obs"),
        alpha=alpha_of(case),
        power=setting(case, "power"),
        ratio=setting(case, "ratio", 1.0),
    )
    return {"mde_absolute": effect, "mde_relative": effect / found.mean[0]}


def units_mean(case: Numbers) -> Numbers:
    alpha = power.alpha_per_treatment(
        setting(case, "n_variants") - 1, alpha=alpha_of(case)
    )
    return {
        "n_per_variant": power.units_for_means(
            setting(case, "rel_effect") * setting(case, "mean"),
            setting(case, "std"),
            alpha=alpha,
            power=setting(case, "power"),
        )
    }


def units_proportions(case: Numbers) -> Numbers:
    return {
        "n_per_variant": power.units_for_proportions(
            setting(case, "baseline"),
            setting(case, "mde_absolute"),
            alpha=alpha_of(case),
            power=setting(case, "power"),
        )
    }


METHODS: dict[str, Callable[[Numbers], Numbers]] = {
    "welch_t_absolute": welch,
    "welch_t_absolute_delta": welch,
    "welch_t_relative_delta": welch,
    "welch_t_one_sided": one_sided,
    "ratio_delta_absolute": welch,
    "ratio_delta_relative": welch,
    "relative_ci_log_ratio": log_ratio,
    "two_proportion_z_pooled": pooled_z,
    "diff_ci_wald_and_newcombe": difference_intervals,
    "small_sample_exact": exact,
    "cuped_absolute": cuped_test,
    "cuped_relative": cuped_test,
    "ratio_cuped_absolute": cuped_test,
    "ratio_cuped_relative": cuped_test,
    "cuped_ratio_absolute": cuped_test,
    "cuped_ratio_relative": cuped_test,
    "ancova_from_raw_rows": cuped_test,
    "lin_from_raw_rows": lin,
    "post_stratified_cuped_relative": stratified,
    "post_stratified_cuped_absolute": stratified,
    "post_stratified_relative": stratified,
    "post_stratified_absolute": stratified,
    "quantile_outer_ci_relative": quantile,
    "quantile_outer_ci_absolute": quantile,
    "asymptotic_confidence_sequence_relative": confidence_sequence,
    "asymptotic_confidence_sequence_absolute": confidence_sequence,
    "bernoulli_confidence_sequence_beta_binomial": bernoulli,
    "obrien_fleming_confidence_level": spending_level,
    "lan_demets_power_family_bounds": sequential_bounds,
    "lan_demets_obrien_fleming_bounds": sequential_bounds,
    "pearson_chi2_gof": sample_ratio_chi2,
    "sequential_dirichlet_multinomial": sample_ratio_sequential,
    "srm_binomial_ci": sample_ratio_band,
    "gaussian_effect_posterior": normal_posterior,
    "beta_binomial_uniform_prior": beta_binomial,
    "adjusted_p_values": adjusted,
    "one_sided_relative_delta_vs_margin": non_inferiority,
    "mde_absolute_from_baseline": detectable,
    "n_per_variant_mean": units_mean,
    "sample_size_two_proportions": units_proportions,
}


@pytest.mark.parametrize("case", all_cases())
def test_case(case: Numbers, shared_dir: Path) -> None:
    if case["expected"].get("no_inference"):
        without_inference(case)
        return
    found = METHODS[case["method"]](case)
    for name, expected in case["expected"].items():
        np.testing.assert_allclose(
            np.asarray(found[name], dtype=np.float64),
            np.asarray(expected, dtype=np.float64),
            err_msg=f"{case['id']}: {name}",
            **case["tolerance"],
        )


def without_inference(case: Numbers) -> None:
    """No p, no interval, and a reason that a machine can read."""
    lift = contrasts.relative_by_delta(contrast(case))
    found = inference.welch_test(lift, alpha=alpha_of(case))
    for value in (found.p_value, found.lower, found.upper):
        assert np.isnan(value)
    assert not found.is_significant
    assert reasons.reason_names(found.reason) is not None


def test_the_cases_are_there(shared_dir: Path) -> None:
    assert len(all_cases()) >= 60

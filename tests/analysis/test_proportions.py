"""Wilson interval against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from dagster_project.analysis.proportions import wilson_interval


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99])
def test_agrees_with_statsmodels(level: float) -> None:
    trials = np.repeat([1, 2, 7, 50, 1234], 5)
    hits = np.concatenate(
        [np.linspace(0, n, 5).astype(int) for n in (1, 2, 7, 50, 1234)]
    )
    lower, upper = wilson_interval(hits, trials, level=level)
    theirs = proportion_confint(hits, trials, alpha=1 - level, method="wilson")
    np.testing.assert_allclose(lower, theirs[0], atol=1e-12)
    np.testing.assert_allclose(upper, theirs[1], atol=1e-12)


def test_no_trials_is_unknown_and_the_ends_are_exact() -> None:
    lower, upper = wilson_interval([0, 0, 5], [0, 5, 5])
    assert np.isnan(lower[0])
    assert np.isnan(upper[0])
    assert lower[1] == 0.0
    assert upper[2] == 1.0


@pytest.mark.parametrize(("hits", "trials"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="between 0 and the number"):
        wilson_interval(hits, trials)


def test_impossible_level_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        wilson_interval(1, 2, level=95)

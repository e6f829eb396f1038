"""Histories with a known truth for the tests of the statistics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

MakeHistory = Callable[..., pd.DataFrame]
LAST_DAY = date(2025, 6, 30)


@pytest.fixture
def make_history() -> MakeHistory:
    """Long history from a matrix (series, days) whose last column is ``last``."""

    def make(values: npt.ArrayLike, *, last: date = LAST_DAY) -> pd.DataFrame:
        matrix = np.atleast_2d(np.asarray(values, dtype=np.float64))
        days = pd.date_range(end=pd.Timestamp(last), periods=matrix.shape[1])
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "metric_name": f"metric_{number:03d}",
                        "dimension": "all",
                        "dimension_value": "all",
                        "date": days,
                        "value": row,
                    }
                )
                for number, row in enumerate(matrix)
            ],
            ignore_index=True,
        )

    return make


@pytest.fixture
def make_seasonal() -> Callable[..., npt.NDArray[np.float64]]:
    """The simulated series below, as a factory."""
    return seasonal_series


def seasonal_series(
    rng: np.random.Generator, *, series: int, days: int, noise: float = 0.08
) -> npt.NDArray[np.float64]:
    """Weekly profile times slow growth times independent log-normal noise."""
    level = rng.uniform(50, 5000, size=(series, 1))
    profile = rng.uniform(0.6, 1.4, size=(series, 7))
    weekday = np.tile(profile, (1, days // 7 + 1))[:, :days]
    growth = np.exp(rng.normal(0, 3e-4, size=(series, 1)) * np.arange(days))
    return level * weekday * growth * np.exp(rng.normal(0, noise, (series, days)))

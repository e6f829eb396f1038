"""History as a matrix: shape, bad input, causal filling."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from dagster_project.analysis.series_matrix import (
    fill_missing,
    median_or_nan,
    to_matrix,
    trailing_sum,
    weekday_medians,
)


def _row(metric: str, dimension_value: object, day: str, value: object) -> dict:
    return {
        "metric_name": metric,
        "dimension": None if dimension_value is None else "platform",
        "dimension_value": dimension_value,
        "date": day,
        "value": value,
    }


def test_null_and_empty_dimension_values_are_two_series() -> None:
    history = pd.DataFrame(
        [
            _row("a", None, "2025-01-01", 1.0),
            _row("a", "", "2025-01-01", 2.0),
            _row("a", "web", "2025-01-03", 3.0),
        ]
    )
    matrix = to_matrix(history, through=date(2025, 1, 3))
    assert matrix.first_date == date(2025, 1, 1)
    by_value = {
        None if pd.isna(value) else value: row
        for value, row in zip(
            matrix.keys["dimension_value"], matrix.values, strict=True
        )
    }
    np.testing.assert_array_equal(by_value[None], [1, np.nan, np.nan])
    np.testing.assert_array_equal(by_value[""], [2, np.nan, np.nan])
    np.testing.assert_array_equal(by_value["web"], [np.nan, np.nan, 3])


def test_days_after_the_end_and_before_the_window_are_left_out() -> None:
    days = pd.date_range("2025-01-01", "2025-01-10")
    history = pd.DataFrame(
        [_row("a", "web", f"{day:%F}", float(day.day)) for day in days]
    )
    matrix = to_matrix(history, through=date(2025, 1, 8), max_days=3)
    np.testing.assert_array_equal(matrix.values, [[6, 7, 8]])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("2025-01-01", 1.0), ("2025-01-01", 2.0)], "more than one row"),
        ([("2025-01-01", np.inf)], "infinite"),
        ([("2025-01-01 05:00", 1.0)], "no whole day"),
        ([(None, 1.0)], "null"),
    ],
)
def test_bad_rows_are_refused_by_name(
    rows: list[tuple[str, float]], message: str
) -> None:
    history = pd.DataFrame([_row("a", "web", day, value) for day, value in rows])
    with pytest.raises(ValueError, match=message):
        to_matrix(history, through=date(2025, 1, 2))


def test_a_lacking_column_is_named() -> None:
    with pytest.raises(ValueError, match="dimension_value"):
        to_matrix(
            pd.DataFrame(columns=["metric_name", "dimension", "date", "value"]),
            through=date(2025, 1, 2),
        )


def test_median_agrees_with_numpy_and_is_silent_on_nothing() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(5, 20, 9))
    values[rng.random(values.shape) < 0.4] = np.nan
    values[:, 3] = np.nan
    with np.errstate(all="raise"):
        ours = median_or_nan(values, axis=2)
    with pytest.warns(RuntimeWarning):
        theirs = np.nanmedian(values, axis=2)
    np.testing.assert_allclose(ours, theirs)


def test_trailing_sum_leaves_no_dust_after_large_values() -> None:
    values = np.array([[1e17, 0.1, 0.2, 0.3, np.nan, 0.0]])
    total = trailing_sum(values, 2)
    np.testing.assert_allclose(total[0, 2:], [0.3, 0.5, 0.3, 0.0])


def test_missing_day_becomes_the_median_of_its_weekday_before() -> None:
    values = np.arange(35.0)[np.newaxis]
    values[0, 30] = np.nan
    filled = fill_missing(values)
    assert filled[0, 30] == np.median([2, 9, 16, 23])
    # A later gap uses the filled day; the future changes nothing.
    values[0, 31:] = -1000
    assert fill_missing(values)[0, 30] == filled[0, 30]


def test_days_before_a_series_starts_stay_missing() -> None:
    values = np.full((1, 40), np.nan)
    values[0, 20:] = 5.0
    filled = fill_missing(values)
    assert np.isnan(filled[0, :20]).all()
    assert (filled[0, 20:] == 5).all()


def test_weekday_medians_by_brute_force() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(2, 60))
    medians = weekday_medians(values)
    for day in range(60):
        same = [values[1, past] for past in range(day, max(-1, day - 28), -7)]
        assert medians[1, day] == pytest.approx(np.median(same))

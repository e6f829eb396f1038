"""Equal halves of real persons: how often does the engine call them different?

Here belong the drawing of the halves, their sums by one product of matrices, and the
rate of false positives with its interval. Here do not belong the tests themselves
(``experiments``) nor the reading of persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from dagster_project.analysis.experiments.arrays import (
    FloatArray,
    check_share,
)
from dagster_project.analysis.experiments.evidence import gathered
from dagster_project.analysis.experiments.reasons import Method
from dagster_project.analysis.experiments.study import MetricKind, Study
from dagster_project.analysis.experiments.sums import Sums
from dagster_project.analysis.proportions import wilson_interval

SPLITS: Final = 512
# Persons whose halves are drawn at once: 512 splits of them are 34 MB of numbers.
_CHUNK: Final = 8_192
_LEFT, _RIGHT = np.triu_indices(4)
# Persons with a figure below which a test that is not exact has no rate to keep: 3 with
# a refund gave 0 of 512, 4 who cancelled 12.5 %, the chance that all lie in one half.
SPARSE: Final = 30
# The chance that one of all metrics leaves the band by luck, each night of new data.
BAND_DOUBT: Final = 0.001


@dataclass(frozen=True)
class Persons:
    """Figures of persons: ``values`` (m, n, 4) as (y, d, x, w) of each metric.

    ``names`` and ``kinds`` (codes of ``MetricKind``) of the m metrics. Persons stand in
    an order that does not change by chance (by id), so that a night can be repeated.
    """

    names: tuple[str, ...]
    kinds: npt.NDArray[np.int8]
    values: FloatArray

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together."""
        m = len(self.names)
        if self.kinds.shape != (m,) or self.values.ndim != 3:
            raise ValueError("persons need one kind and one (n, 4) block per metric")
        if self.values.shape[0] != m or self.values.shape[2] != 4:
            raise ValueError(f"values must be ({m}, n, 4), got {self.values.shape}")


def split_sums(persons: Persons, *, splits: int, seed: int) -> Sums:
    """Sums of both halves of each random split: count (splits, m, 2).

    Each person goes to either half by a fair coin. Sums of all halves are one product
    of the coins (splits x persons) with the persons' figures and their products,
    shifted by the metric's mean; the other half is the rest. Persons are taken in
    chunks, so that memory does not grow with them.
    """
    m, n, _ = persons.values.shape
    shift = persons.values.mean(axis=1) if n else np.zeros((m, 4))
    used = _used_terms(persons)
    width = int(used.sum()) + 1
    inside, whole = np.zeros((splits, width)), np.zeros(width)
    rng = np.random.default_rng(seed)
    for start in range(0, n, _CHUNK):
        block = _terms(persons.values[:, start : start + _CHUNK], shift, used)
        inside += _coins(rng, splits, block.shape[1]) @ block.T
        whole += block.sum(axis=1)
    return _halves(inside, whole, shift, used)


def _used_terms(persons: Persons) -> npt.NDArray[np.bool_]:
    """Which of the 14 sums each metric needs (m, 14): a third of them on average."""
    variables = (persons.values != 0).any(axis=1)
    # Shares are not adjusted by what was before.
    variables[persons.kinds == MetricKind.PROPORTION, 1:] = False
    return np.concatenate(
        [variables, variables[:, _LEFT] & variables[:, _RIGHT]], axis=1
    )


def _terms(
    values: FloatArray, shift: FloatArray, used: npt.NDArray[np.bool_]
) -> FloatArray:
    """A row of ones, then the used sums of each metric by person (terms, persons)."""
    block = np.ones((int(used.sum()) + 1, values.shape[1]))
    row = 1
    for metric, which in enumerate(used):
        own = (values[metric] - shift[metric]).T
        for term in np.flatnonzero(which):
            if term < 4:
                block[row] = own[term]
            else:
                left, right = _LEFT[term - 4], _RIGHT[term - 4]
                np.multiply(own[left], own[right], out=block[row])
            row += 1
    return block


def _coins(rng: np.random.Generator, splits: int, rows: int) -> FloatArray:
    """Fair coins (splits, rows), 64 to each random number."""
    words = -(-rows // 64)
    drawn = rng.integers(0, 2**64, size=(splits, words), dtype=np.uint64)
    bits = np.unpackbits(drawn.view(np.uint8), axis=1)[:, :rows]
    return bits.astype(np.float64)


def _halves(
    inside: FloatArray,
    whole: FloatArray,
    shift: FloatArray,
    used: npt.NDArray[np.bool_],
) -> Sums:
    splits, m = inside.shape[0], shift.shape[0]
    both = np.stack([whole - inside, inside], axis=1)
    counts = np.rint(both[:, :, 0])
    terms = np.zeros((splits, 2, m, used.shape[1]))
    terms[:, :, used] = both[:, :, 1:]
    terms = terms.swapaxes(1, 2)
    return Sums(
        count=np.broadcast_to(counts[:, np.newaxis], (splits, m, 2)).copy(),
        first=terms[..., :4].copy(),
        second=terms[..., 4:].copy(),
        shift=np.broadcast_to(shift[np.newaxis, :, np.newaxis], (splits, m, 2, 4)),
    )


def p_values(persons: Persons, *, splits: int, seed: int) -> tuple[FloatArray, Any]:
    """p-values (splits, m) of the tests that experiments use, and their methods."""
    sums = split_sums(persons, splits=splits, seed=seed)
    shape = sums.count.shape[:2]
    study = Study(
        sums=sums,
        kind=np.broadcast_to(persons.kinds, shape),
        role=np.full(shape, 3, dtype=np.int8),
        direction=np.ones(shape),
        margin=np.full(shape, np.nan),
        mde=np.full(shape, np.nan),
        units=sums.count[:, 0],
        weights=np.ones((splits, 2)),
        information=np.full((splits, 1), np.nan),
        planned_units=np.full(splits, np.nan),
        quality_passed=np.ones(splits, dtype=np.bool_),
    )
    found = gathered(study)
    undefined = found.contrast.reason != 0
    p = np.where(undefined, np.nan, np.exp(found.log_p))
    return p[..., 0], found.method[..., 0]


def aa_validation(
    persons: Persons, *, splits: int = SPLITS, seed: int = 0, alpha: float = 0.05
) -> pd.DataFrame:
    """One row per metric: its false-positive rate over ``splits`` random halves.

    The band is where the rate of a sound test lies with chance 1 - ``BAND_DOUBT`` for
    all metrics together: alpha -+ z sqrt(alpha (1 - alpha) / splits), the splits of one
    population being nearly independent. Exact tests are conservative: their band has no
    lower end. Null with a reason where fewer than half of the splits have a p-value;
    not judged, with a reason, where fewer than ``SPARSE`` persons have a figure, or the
    rarer side of a ratio.
    """
    check_share("alpha", alpha)
    n = persons.values.shape[1]
    p, method = p_values(persons, splits=splits, seed=seed)
    judged = np.isfinite(p).sum(axis=0)
    hits = (p < alpha).sum(axis=0)
    enough = judged * 2 >= splits
    rate = np.where(enough, hits / np.maximum(judged, 1), np.nan)
    lower, upper = wilson_interval(hits, judged, level=0.95)
    reach = _band(alpha, splits, len(persons.names))
    active = _active_counts(persons)
    exact = np.isin(method, [Method.BOSCHLOO, Method.FISHER]).any(axis=0)
    sparse = ~exact & (active < SPARSE)
    least = np.where(exact, 0.0, max(alpha - reach, 0.0))
    within = (rate >= least) & (rate <= alpha + reach)
    return pd.DataFrame(
        {
            "metric_name": list(persons.names),
            "metric_kind": [MetricKind(kind).name.lower() for kind in persons.kinds],
            "person_count": n,
            "active_count": active,
            **spreads_of(persons),
            "split_count": splits,
            "judged_count": judged,
            "alpha": alpha,
            "false_positive_count": hits,
            "false_positive_rate": rate,
            "rate_lower": np.where(enough, lower, np.nan),
            "rate_upper": np.where(enough, upper, np.nan),
            "allowed_lower": least,
            "allowed_upper": alpha + reach,
            "is_within_band": pd.Series(within, dtype="boolean").mask(~enough | sparse),
            "seed": seed,
            "reason": _reasons(enough, sparse),
        }
    )


def _active_counts(persons: Persons) -> npt.NDArray[np.int64]:
    """Persons with a figure (m,); of a ratio, of its rarer side.

    Where nearly every payment succeeds, the few persons who had one that failed make
    the spread, as a few who had one that succeeded would.
    """
    numerator, denominator = persons.values[..., 0], persons.values[..., 1]
    of_figure = (numerator != 0).sum(axis=1)
    of_rest = (numerator != denominator).sum(axis=1)
    is_ratio = persons.kinds == MetricKind.RATIO
    rarer = np.minimum(of_figure, of_rest)
    return np.asarray(np.where(is_ratio, rarer, of_figure), dtype=np.int64)


def _reasons(
    enough: npt.NDArray[np.bool_], sparse: npt.NDArray[np.bool_]
) -> pd.Series[str]:
    names = np.where(enough, "too_few_active", "too_few_units").tolist()
    return pd.Series(names, dtype="str").mask(enough & ~sparse)


def spreads_of(persons: Persons) -> dict[str, FloatArray]:
    """Level, spread between persons, and spread once the past is known, (m,) each.

    A ratio R spreads as (y - R d) / mean(d): Deng, Knoblich & Lu (2018), KDD, equation
    3. What the past leaves is sd sqrt(1 - rho^2): Deng, Xu, Kohavi & Walker (2013),
    WSDM, equation 4.
    """
    columns = np.full((3, len(persons.names)), np.nan)
    for place, (kind, values) in enumerate(
        zip(persons.kinds, persons.values, strict=True)
    ):
        y, x = values[:, 0], values[:, 2]
        level = y.mean() if len(y) else np.nan
        if kind == MetricKind.RATIO and values[:, 1].sum() > 0:
            level = y.sum() / values[:, 1].sum()
            y = (y - level * values[:, 1]) / values[:, 1].mean()
            x = values[:, 2] - level * values[:, 3]
        spread = y.std(ddof=1) if len(y) > 1 else np.nan
        shared = np.corrcoef(y, x)[0, 1] if spread > 0 and x.std() > 0 else 0.0
        adjusts = kind != MetricKind.PROPORTION
        left = spread * np.sqrt(1 - shared**2) if adjusts else spread
        columns[:, place] = level, spread, left
    names = ("level", "std_dev", "adjusted_std_dev")
    return dict(zip(names, columns, strict=True))


def _band(alpha: float, splits: int, metrics: int) -> float:
    z = -special.ndtri(BAND_DOUBT / (2 * max(metrics, 1)))
    return float(z * np.sqrt(alpha * (1 - alpha) / splits))

"""How fast the full battery of statistics is over many experiments at once.

Run: `python -m tests.benchmarks.bench_experiments [experiments]` (default 1,000).
Each experiment has 20 metrics (a third each of proportions, means and ratios, the
latter two with covariates) and 3 variants, its own schedule of up to 28 looks, and one
of 200 metrics too rare for a normal approximation. Prints seconds and processor
seconds of `analysed` alone; the limit is 1 s for 1,000 experiments. The first run
warms the process up and is not counted; the best of three is.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from dagster_project.analysis.experiments.battery import Battery, analysed
from dagster_project.analysis.experiments.bayes import Prior
from dagster_project.analysis.experiments.study import Study
from dagster_project.analysis.experiments.sums import Sums, sums_of

EXPERIMENTS = 1_000
METRICS = 20
VARIANTS = 3
LOOKS = 28
LIMIT_SECONDS = 1.0


def drawn_sums(rng: np.random.Generator, experiments: int) -> Sums:
    """Sums as real ones would be: moments drawn around a population's."""
    shape = (experiments, METRICS, VARIANTS)
    n = rng.integers(2_000, 60_000, size=(experiments, 1, VARIANTS)) + np.zeros(shape)
    kind = np.arange(METRICS) % 3
    rare = (np.arange(METRICS) == 18) & (rng.random((experiments, 1)) < 0.1)
    rate = np.where(rare, 2e-4, 0.12)[..., np.newaxis]
    hits = rng.binomial(n.astype(np.int64), rate + np.zeros(shape))
    mean = 5 + rng.normal(0, 3 / np.sqrt(n))
    base = 4 + rng.normal(0, 3 / np.sqrt(n))
    share = kind[:, np.newaxis] == 0
    y, x = np.where(share, hits, mean * n), np.where(share, 0.0, base * n)
    yy = np.where(share, hits, n * (9 + mean**2))
    xx = np.where(share, 0.0, n * (9 + base**2))
    yx = np.where(share, 0.0, n * (5 + mean * base))
    d, w = 2 * n, 2 * n
    return sums_of(
        n,
        **{"y": y, "x": x, "d": d, "w": w, "yy": yy, "xx": xx, "yx": yx},
        **{"dd": 5 * n, "ww": 5 * n, "yd": 2 * y + n, "yw": 2 * y + n / 2},
        **{"dx": 2 * x + n / 2, "dw": 4.5 * n, "xw": 2 * x + n},
    )


def drawn_study(experiments: int, *, seed: int = 7) -> Study:
    """A study with all that the battery reads."""
    rng = np.random.default_rng(seed)
    sums = drawn_sums(rng, experiments)
    metrics = (experiments, METRICS)
    looks = np.cumsum(rng.uniform(0.5, 1.5, (experiments, LOOKS)), axis=1)
    looks /= looks[:, -1:]
    today = rng.integers(1, LOOKS + 1, size=(experiments, 1))
    looks = np.where(np.arange(LOOKS) < today, looks, np.nan)
    role = np.broadcast_to(np.array([0, 0, 1, 1, 2] + [3] * 15), metrics)
    flat = (experiments, METRICS, 1)
    return Study(
        sums=sums,
        kind=np.broadcast_to(np.arange(METRICS) % 3, metrics).astype(np.int8),
        role=role.astype(np.int8),
        direction=np.ones(metrics),
        margin=np.full(metrics, 0.02),
        mde=np.full(metrics, 0.03),
        units=sums.count[:, 0, :],
        weights=sums.count[:, 0, :],
        information=looks,
        planned_units=sums.count[:, 0, :].sum(axis=-1) / np.nanmax(looks, axis=-1),
        quality_passed=np.ones(experiments, dtype=np.bool_),
        prior=Prior(
            np.zeros(flat), np.full(flat, 4e-4), np.full(flat, 1e-3), np.full(flat, 40)
        ),
    )


def timed(study: Study) -> tuple[float, float, Battery]:
    """Seconds, processor seconds and the result."""
    began, used = time.perf_counter(), time.process_time()
    battery = analysed(study)
    return time.perf_counter() - began, time.process_time() - used, battery


def main() -> None:
    """Run and print."""
    experiments = int(sys.argv[1]) if len(sys.argv) > 1 else EXPERIMENTS
    study = drawn_study(experiments)
    timed(study)
    runs = [timed(study) for _ in range(3)]
    seconds, processor, battery = min(runs, key=lambda run: run[0])
    comparisons = battery.fixed.absolute.estimate.size
    limit = LIMIT_SECONDS * experiments / EXPERIMENTS
    print(
        f"{experiments:,} experiments x {METRICS} metrics x {VARIANTS} variants: "
        f"{comparisons:,} comparisons in {seconds:.2f} s ({processor:.2f} s of "
        f"processor), limit {limit:.2f} s: {'kept' if seconds <= limit else 'BROKEN'}"
    )


if __name__ == "__main__":
    main()

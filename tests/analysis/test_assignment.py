"""Assignment: fair, independent between experiments, stable, exclusive in a group."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dagster_project.analysis.assignment import (
    HOLDOUT,
    OUTSIDE,
    PLACES,
    Assignment,
    assigned,
    place_of,
)

UNITS = [f"user-{number}" for number in range(60_000)]
HALVES = Assignment("button", [("control", 0.5), ("a", 0.5)])


def test_a_place_is_what_the_description_says() -> None:
    digest = hashlib.md5("variant:s:ünit 1".encode()).hexdigest()
    assert place_of("variant", "s", "ünit 1") == int(digest[:13], 16) % PLACES
    # A service in another language can hold itself to this one.
    assert place_of("variant", "checkout_button", "user-1") == 567_768_126


def test_places_are_uniform() -> None:
    found = np.array([place_of("variant", "button", unit) for unit in UNITS])
    counts = np.histogram(found, bins=100, range=(0, PLACES))[0]
    assert stats.chisquare(counts).pvalue > 0.001
    assert stats.kstest(found / PLACES, "uniform").pvalue > 0.001
    # Neighbouring ids, which services number in sequence, are as good as any.
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 4 / np.sqrt(len(found))


@pytest.mark.parametrize(
    "weights", [(0.5, 0.5), (0.9, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.34, 0.33, 0.0, 0.33)]
)
def test_variants_get_their_shares(weights: tuple[float, ...]) -> None:
    of = Assignment("s", [(str(place), share) for place, share in enumerate(weights)])
    counts = Counter(assigned(of, unit) for unit in UNITS)
    expected = {str(p): w * len(UNITS) for p, w in enumerate(weights) if w}
    assert set(counts) == set(expected)
    seen = [counts[name] for name in expected]
    assert stats.chisquare(seen, list(expected.values())).pvalue > 0.001


def test_two_experiments_know_nothing_of_each_other() -> None:
    other = Assignment("other salt", HALVES.variants)
    table = Counter((assigned(HALVES, unit), assigned(other, unit)) for unit in UNITS)
    cells = np.array(
        [[table[a, b] for b in ("control", "a")] for a in ("control", "a")]
    )
    assert stats.chi2_contingency(cells).pvalue > 0.001


def test_a_holdout_is_of_all_units_and_the_rest_keeps_its_variant() -> None:
    held = Assignment("button", HALVES.variants, holdout=0.1)
    pairs = [(assigned(HALVES, unit), assigned(held, unit)) for unit in UNITS]
    out = [before for before, now in pairs if now == HOLDOUT]
    assert len(out) / len(UNITS) == pytest.approx(0.1, abs=0.005)
    assert stats.binomtest(out.count("a"), len(out)).pvalue > 0.001
    assert all(before == now for before, now in pairs if now != HOLDOUT)


def test_experiments_of_a_group_never_share_a_unit() -> None:
    first = Assignment("one", HALVES.variants, 0.0, "pages", (0.0, 0.4))
    second = Assignment("two", HALVES.variants, 0.0, "pages", (0.4, 1.0))
    inside = [
        (assigned(first, unit) != OUTSIDE, assigned(second, unit) != OUTSIDE)
        for unit in UNITS
    ]
    assert set(inside) == {(True, False), (False, True)}
    assert inside.count((True, False)) / len(UNITS) == pytest.approx(0.4, abs=0.01)


def test_growing_a_variant_moves_nobody_out_of_it() -> None:
    grown = Assignment("button", [("control", 0.7), ("a", 0.3)])
    for unit in UNITS[:5_000]:
        if assigned(HALVES, unit) == "control":
            assert assigned(grown, unit) == "control"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"variants": [("a", 0.5)]}, "add up to 1"),
        ({"variants": [("a", 1.5), ("b", -0.5)]}, "add up to 1"),
        ({"holdout": 1.0}, "holdout"),
        ({"slot": (0.5, 0.5)}, "slot"),
    ],
)
def test_what_would_leave_units_out_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    arguments: dict[str, Any] = {"salt": "s", "variants": HALVES.variants, **changes}
    with pytest.raises(ValueError, match=words):
        Assignment(**arguments)

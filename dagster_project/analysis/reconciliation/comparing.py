"""Two sets of figures about the same things: where do they differ?

Only the comparison belongs here; the figures come from elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_EXAMPLES = 10
# Shares of a whole are rounded to 10^-9 in the warehouse, their weights to 2^-40.
NEAR = 1e-6

# (person, what of the person) -> figure -> value.
Thing = tuple[str, str]
Figures = Mapping[Thing, Mapping[str, object]]


@dataclass(frozen=True)
class Example:
    """One figure that differs; a side that knows nothing of the thing says None."""

    person_id: str
    thing: str
    figure: str
    recomputed: str | None
    found: str | None


@dataclass(frozen=True)
class Comparison:
    """What came of comparing one definition of one area.

    ``figures`` counts values that at least one side has. ``differing_figures`` names
    what differs, without whom it is about. ``reason`` says what was left
    out and why; None: nothing was.
    """

    area: str
    definition: str
    persons: int
    figures: int
    differing: int
    examples: tuple[Example, ...] = ()
    differing_figures: tuple[str, ...] = ()
    reason: str | None = None


def compare(
    area: str,
    definition: str,
    recomputed: Figures,
    found: Figures,
    *,
    persons: Iterable[str],
    reason: str | None = None,
) -> Comparison:
    """Compare value by value; a thing that one side lacks differs in all its figures.

    Fractional numbers (float) may differ by `NEAR`, everything else must be equal.
    ``persons`` are all that were recomputed, also those without any figure.
    """
    count = 0
    examples: list[Example] = []
    for thing in sorted(recomputed.keys() | found.keys()):
        ours, theirs = recomputed.get(thing, {}), found.get(thing, {})
        for figure in sorted(ours.keys() | theirs.keys()):
            count += 1
            sides = (ours.get(figure), theirs.get(figure))
            is_known = thing in recomputed and thing in found
            if not is_known or not _is_same(*sides):
                examples.append(Example(*thing, figure, *map(_shown, sides)))
    return Comparison(
        area=area,
        definition=definition,
        persons=len(set(persons)),
        figures=count,
        differing=len(examples),
        examples=tuple(examples[:MOST_EXAMPLES]),
        # A figure of one of several things is named `credit of thing`.
        differing_figures=tuple(
            sorted({one.figure.split(" of ")[0] for one in examples})
        ),
        reason=reason,
    )


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=NEAR, abs_tol=NEAR)
    return one == other


def _shown(value: object) -> str | None:
    return None if value is None else str(value)

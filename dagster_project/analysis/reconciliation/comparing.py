"""Two sets of figures about the same things: where do they differ?

Only the comparison belongs here; the figures come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_EXAMPLES = 10

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

    ``figures`` counts values that at least one side has. ``reason`` says what was left
    out and why; None: nothing was.
    """

    area: str
    definition: str
    persons: int
    figures: int
    differing: int
    examples: tuple[Example, ...] = ()
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
            if not is_known or sides[0] != sides[1]:
                examples.append(Example(*thing, figure, *map(_shown, sides)))
    return Comparison(
        area=area,
        definition=definition,
        persons=len(set(persons)),
        figures=count,
        differing=len(examples),
        examples=tuple(examples[:MOST_EXAMPLES]),
        reason=reason,
    )


def _shown(value: object) -> str | None:
    return None if value is None else str(value)

"""Which variant a unit gets: a function that any service can carry out alike.

Here belongs the salted hash and what is read off it. The same in SQL is
``macros/experiments/assignment.sql``; both must agree to the last unit, so both count
in whole numbers and neither keeps any state.

A unit's place for a purpose is ``md5("<purpose>:<salt>:<unit id>")`` in UTF-8, its
first 13 hexadecimal digits as a whole number, modulo ``PLACES``. Different purposes
and salts give places that know nothing of each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# 52 bits modulo 1e9: no place is favoured by more than 1 in 4 million.
PLACES: Final = 1_000_000_000
_DIGITS: Final = 13
HOLDOUT, OUTSIDE = "holdout", "excluded"


@dataclass(frozen=True)
class Assignment:
    """How an experiment assigns: variants with their shares, in the declared order.

    ``holdout`` is the share of units that no variant is shown to. Of the units of an
    ``exclusion_group`` the experiment takes those whose place in the group lies in
    ``slot`` (from, to); experiments of one group whose slots do not meet never share a
    unit. Raises ``ValueError`` for shares that do not add up to 1, and for a holdout or
    slot outside [0, 1].
    """

    salt: str
    variants: Sequence[tuple[str, float]]
    holdout: float = 0.0
    exclusion_group: str | None = None
    slot: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse what would leave units without a variant."""
        shares = [share for _, share in self.variants]
        if any(share < 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"shares of variants must add up to 1, got {shares}")
        if not 0 <= self.holdout < 1:
            raise ValueError(f"holdout must lie in [0, 1), got {self.holdout}")
        if not 0 <= self.slot[0] < self.slot[1] <= 1:
            raise ValueError(f"slot must be a part of [0, 1], got {self.slot}")


def place_of(purpose: str, salt: str, unit_id: str) -> int:
    """The unit's place for a purpose, a whole number in [0, ``PLACES``)."""
    text = f"{purpose}:{salt}:{unit_id}".encode()
    digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
    return int(digest[:_DIGITS], 16) % PLACES


def places(share: float) -> int:
    """How many places a share takes, to the nearest whole number."""
    return round(share * PLACES)


def assigned(assignment: Assignment, unit_id: str) -> str:
    """The unit's variant, or ``HOLDOUT`` or ``OUTSIDE`` (of the experiment's slot).

    Variants take the places from 0 upwards in their declared order; the last one with
    a share takes what rounding leaves.
    """
    group = assignment.exclusion_group
    if group is not None:
        place = place_of("group", group, unit_id)
        first, end = (places(edge) for edge in assignment.slot)
        if not first <= place < end:
            return OUTSIDE
    if place_of("holdout", assignment.salt, unit_id) < places(assignment.holdout):
        return HOLDOUT
    place = place_of("variant", assignment.salt, unit_id)
    taken = 0
    for name, share in assignment.variants:
        taken += places(share)
        if place < taken:
            return name
    return [name for name, share in assignment.variants if share > 0][-1]

"""The nearest valid name for a mistyped one.

Only spelling belongs here; who asks, and what is done with the answer, does not.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

_LEAST_LIKENESS = 0.6


def nearest_name(name: str, valid: Collection[str]) -> str | None:
    """Give the valid name most like `name`, or None when none is near.

    Case is ignored; ties go to the name first in alphabetical order, so that the
    same mistake always gets the same advice.
    """
    by_lower = {candidate.lower(): candidate for candidate in sorted(valid)}
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=_LEAST_LIKENESS)
    return by_lower[found[0]] if found else None

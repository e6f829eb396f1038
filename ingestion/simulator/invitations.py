"""Open invitations: sent by members, accepted by persons who sign up later."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

VALID_DAYS = 30


def _none() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


@dataclass
class Invitations:
    """Invitations sent and not yet accepted, numbered from 0 in order of sending."""

    sent_count: int = 0
    number: NDArray[np.int64] = field(default_factory=_none)
    inviter: NDArray[np.int64] = field(default_factory=_none)
    day: NDArray[np.int64] = field(default_factory=_none)

    def send(self, inviter: NDArray[np.int32], day: int) -> NDArray[np.int64]:
        """Record one invitation of each inviter; returns their numbers."""
        numbers = self.sent_count + np.arange(len(inviter))
        self.sent_count += len(inviter)
        self.number = np.concatenate([self.number, numbers])
        self.inviter = np.concatenate([self.inviter, inviter.astype(np.int64)])
        self.day = np.concatenate([self.day, np.full(len(inviter), day)])
        return numbers

    def accept(
        self, wanted: int, day: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Use up at most `wanted` open invitations; returns numbers and inviters."""
        self._keep(self.day >= day - VALID_DAYS)
        order = rng.permutation(len(self.number))
        used = order[:wanted]
        numbers, inviters = self.number[used], self.inviter[used]
        self._keep(np.sort(order[wanted:]))
        return numbers, inviters

    def _keep(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> None:
        self.number = self.number[which]
        self.inviter = self.inviter[which]
        self.day = self.day[which]

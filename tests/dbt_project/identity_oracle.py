"""Who somebody is, resolved link by link: the slow, plain way to compare with.

Every landed copy of an event counts, since a copy that lost the draw for its event id
still saw its two ids together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

Row = dict[str, Any]
JUNK = {"", "guest", "anonymous", "0", "null", "undefined"}


def known(identity: str | None) -> str | None:
    """An id that stands for somebody, e-mail addresses in lower case."""
    if identity is None or identity.strip().lower() in JUNK:
        return None
    return identity.lower() if "@" in identity else identity


def carried(event: Row) -> list[str]:
    """The further ids of an event."""
    ids = json.loads(event.get("properties") or "{}").get("$ids", [])
    return [found for found in map(known, ids) if found is not None]


class Resolution:
    """Components of ids, links taken in order of time, two users never joined."""

    def __init__(self, copies: Sequence[Row], max_ids: int) -> None:
        self._seen: dict[str, datetime] = {}
        self.users: set[str] = set()
        links: dict[tuple[str, str], datetime] = {}
        for event in copies:
            user, device = known(event["user_id"]), known(event["anonymous_id"])
            at = event["occurred_at"]
            for one, is_user in ((user, True), (device, False)):
                if one is not None:
                    self._seen[one] = min(self._seen.get(one, at), at)
                    self.users |= {one} if is_user else set()
            anchor = user or device
            pairs = [(device, user), *((anchor, other) for other in carried(event))]
            for left, right in pairs:
                if left and right and left != right:
                    pair = (min(left, right), max(left, right))
                    links[pair] = min(links.get(pair, at), at)
        self._join(links, max_ids)

    def _join(self, links: dict[tuple[str, str], datetime], max_ids: int) -> None:
        for (left, right), at in links.items():
            for one in (left, right):
                self._seen[one] = min(self._seen.get(one, at), at)
        group = {one: {one} for one in self._seen}
        for (left, right), _ in sorted(links.items(), key=lambda x: (x[1], x[0])):
            one, other = group[left], group[right]
            if one is other or (one & self.users and other & self.users):
                continue
            one |= other
            for member in other:
                group[member] = one
        self.person = {
            one: min(members, key=lambda i: (self._seen[i], i))
            if len(members) <= max_ids
            else one
            for one, members in group.items()
        }
        self.groups = {frozenset(members) for members in group.values()}


def person_of(
    copies: Iterable[Row], *, max_ids: int = 100, last_user: bool = False
) -> Callable[[Row], str | None]:
    """Give the function that tells the person of an event."""
    copies = list(copies)
    resolution = Resolution(copies, max_ids)
    logins: dict[str, list[tuple[datetime, str, str]]] = defaultdict(list)
    for event in copies:
        user, device = known(event["user_id"]), known(event["anonymous_id"])
        if user and device and user != device:
            login = (event["occurred_at"], event["event_id"], user)
            logins[device].append(login)

    def holder(device: str, at: datetime) -> str:
        history = sorted(logins[device])
        if last_user:
            return history[-1][2]
        before = [user for moment, _, user in history if moment <= at]
        return before[-1] if before else history[0][2]

    def person(event: Row) -> str | None:
        user, device = known(event["user_id"]), known(event["anonymous_id"])
        looked_up = (device or user) if last_user else (user or device)
        if looked_up is None:
            return None
        users = {user for _, _, user in logins.get(looked_up, ())}
        if len(users) > 1:
            looked_up = holder(looked_up, event["occurred_at"])
        return resolution.person[looked_up]

    return person

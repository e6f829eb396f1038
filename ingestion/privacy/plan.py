"""What a catalog and its keys say about personal data, ready to be carried out.

Belongs here: from declarations to rules by name, aliases included. Not here: the shapes
of the declarations (`catalog.privacy_models`), the SQL (`fields`, `consent`, `door`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ingestion.catalog.event_models import JUNK_IDS, EventsFile
from ingestion.catalog.privacy_models import (
    ID_FIELDS,
    ConsentRules,
    IpAddresses,
    PersonalAction,
)
from ingestion.events import ALIASES, CONTEXT_PATHS, EVENT_COLUMNS
from ingestion.privacy.keys import KeyRing, KeyRingError

# Columns a load's files have beside those of events, until the door has read them.
FILE_COLUMN: Final = "__file"
CONTENT_ID_COLUMN: Final = "__is_content_id"

# Where vendors put ids beside those that became columns.
ID_PROPERTIES: Final = (
    *("$user_id", "$device_id", "$distinct_id", "$anon_distinct_id", "amplitude_id"),
    *("$distinct_id_before_identity", "$anonymous_id", "previousId", "previous_id"),
    *("alias", "user.id", "$set.id", "context.traits.id"),
)
_COLUMNS: Final = frozenset(column.name for column in EVENT_COLUMNS)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What is done with a field; `event` None = in every event.

    A name with a dot is a place below the root of the properties, one without stands
    for itself at any depth. `rank` orders rules for one field, lowest first.
    """

    name: str
    action: PersonalAction
    event: str | None = None

    @property
    def rank(self) -> int:
        """An event's own rule before one of all events, a place before a name."""
        return 2 * (self.event is None) + ("." not in self.name)


@dataclass(frozen=True, slots=True)
class PrivacyPlan:
    """All that a landing has to know about personal data.

    `columns` are rules of event columns, `fields` those of the properties, aliases of
    columns among them. `categories` gives the category of each declared event.
    """

    ip_addresses: IpAddresses = "truncate"
    columns: tuple[FieldRule, ...] = ()
    fields: tuple[FieldRule, ...] = ()
    declared: frozenset[str] = frozenset()
    hashes_ids: bool = False
    junk_ids: frozenset[str] = frozenset()
    consent: ConsentRules | None = None
    categories: Mapping[str, str] = field(default_factory=dict)
    ring: KeyRing | None = None

    @property
    def rewrites_fields(self) -> bool:
        """Say whether any field is dropped, hashed or encrypted."""
        return any(rule.action != "keep" for rule in (*self.columns, *self.fields))

    @property
    def is_active(self) -> bool:
        """Say whether the files of a load have to be looked at once more."""
        return self.rewrites_fields or self.consent is not None

    @property
    def hides_identity(self) -> bool:
        """Say whether events without consent stay, without identity."""
        consent = self.consent
        return (
            consent is not None and consent.without_consent == "keep_without_identity"
        )

    @property
    def is_keyed(self) -> bool:
        """Say whether what is written depends on a key."""
        return self.rewrites_fields or self.hides_identity

    def the_ring(self) -> KeyRing:
        """Give the keys; a plan that needs them has them."""
        if self.ring is None:
            raise KeyRingError(
                "events.yml declares personal data, and there is no key: set "
                'DAYBREAK_PERSONAL_KEYS="k1:$(openssl rand -hex 32)" and keep it as '
                "long as the data"
            )
        return self.ring


NO_PRIVACY_PLAN: Final = PrivacyPlan()


def privacy_plan(events: EventsFile, ring: KeyRing | None) -> PrivacyPlan:
    """Give the plan of a catalog.

    Raises KeyRingError when something is declared personal (other than `keep`), or
    events without consent are kept without identity, and there is no key: even what is
    dropped stands in the hash that is the id of an event without one, and in the text
    of refused lines, which are kept encrypted.
    """
    plan = declared_fields(events, ring)
    if plan.is_keyed:
        plan.the_ring()
    return plan


def declared_fields(events: EventsFile, ring: KeyRing | None = None) -> PrivacyPlan:
    """Give the plan of a catalog for those who only read, so that no key is needed."""
    declared = list(_declared(events))
    junk = {*JUNK_IDS, *(one.strip().lower() for one in events.identity.junk_ids)}
    return PrivacyPlan(
        ip_addresses=events.ip_addresses,
        columns=tuple(rule for rule in declared if rule.name in _COLUMNS),
        fields=tuple(_with_aliases(declared)),
        declared=frozenset(rule.name for rule in declared),
        hashes_ids=events.personal.get("user_id") == "hash",
        junk_ids=frozenset(junk),
        consent=events.consent,
        categories={
            event.name: event.category for event in events.events if event.category
        },
        ring=ring,
    )


def _declared(events: EventsFile) -> Iterator[FieldRule]:
    for name, action in events.personal.items():
        yield FieldRule(name, action)
    for event in events.events:
        for name, action in event.personal.items():
            yield FieldRule(name, action, event.name)


def _with_aliases(declared: list[FieldRule]) -> Iterator[FieldRule]:
    """Give the names under which a declared field may stand in the properties.

    What a column is called by clients is that column, wherever they put it.
    """
    named = {(rule.name, rule.event) for rule in declared}
    for rule in declared:
        yield rule
        for alias in aliases(rule.name):
            if (alias, rule.event) not in named:
                yield FieldRule(alias, rule.action, rule.event)


def aliases(column: str) -> tuple[str, ...]:
    """Give the other names of an event column, none for anything else."""
    names = [name for name in ALIASES.get(column, ()) if name != column]
    names += [f"context{path[1:]}" for path in CONTEXT_PATHS.get(column, ())]
    if column == ID_FIELDS[0]:
        names += ID_PROPERTIES
    return tuple(names)

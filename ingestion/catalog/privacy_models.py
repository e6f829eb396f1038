"""The part of `events.yml` that is about personal data: fields, IP addresses, consent.

Shapes, defaults and what can be judged from one declaration alone. Not here: how a
declaration is carried out (`ingestion.privacy`), names across files (`checks`).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ingestion.catalog.fields import (
    Declared,
    EventName,
    Name,
    Text,
)

PersonalAction = Literal["drop", "hash", "encrypt", "keep"]

ID_FIELDS: Final = ("user_id", "anonymous_id")
# Without these an event is no event, or no figure can be trusted.
NEVER_PERSONAL: Final = (
    *("event_id", "event_name", "occurred_at", "received_at", "source", "load_id"),
)
NUMBER_FIELDS: Final = ("revenue", "value")
_NOT_IN_A_NAME: Final = '"\\[]'


def _listed_means_drop(value: object) -> object:
    """Read `[email, phone]` as `{email: drop, phone: drop}`."""
    if isinstance(value, list):
        return dict.fromkeys(value, "drop")
    return value


def _usable_fields(fields: dict[str, PersonalAction]) -> dict[str, PersonalAction]:
    for name, action in fields.items():
        if name in NEVER_PERSONAL:
            raise ValueError(f"'{name}' cannot be personal: every event needs it")
        if name in NUMBER_FIELDS and action not in ("drop", "keep"):
            raise ValueError(f"'{name}' is a number: it can be dropped or kept only")
        if any(sign in name for sign in _NOT_IN_A_NAME) or not name.isprintable():
            raise ValueError(
                f"'{name}' is no name of a field: write such as $set.email"
            )
    return fields


PersonalFields = Annotated[
    dict[Text, PersonalAction],
    BeforeValidator(
        _listed_means_drop,
        json_schema_input_type=dict[Text, PersonalAction] | list[Text],
    ),
    AfterValidator(_usable_fields),
]
"""Field name to what is done with it; a plain list of names means drop."""


def check_ids_go_together(fields: dict[str, PersonalAction]) -> None:
    """Raise ValueError unless both ids are declared alike, and as `hash` or `keep`."""
    declared = {name: fields[name] for name in ID_FIELDS if name in fields}
    for name, action in declared.items():
        if action not in ("hash", "keep"):
            raise ValueError(
                f"'{name}' can be hashed or kept: without it nobody is anybody, and "
                "an encrypted id is longer and no safer than a hashed one"
            )
    if len(set(declared.values())) > 1 or len(declared) == 1:
        raise ValueError(
            "user_id and anonymous_id go together, because clients send one as the "
            "other: declare both, with the same action"
        )


class PurposeSpec(Declared):
    """One purpose that persons can allow or refuse."""

    name: Name = Field(description="Such as analytics or marketing.")
    default: Literal["granted", "denied"] = Field(
        description="What holds for a person of whom no decision is known."
    )


class ConsentSignal(Declared):
    """An event by which a person decides.

    Either the event itself says yes or no (`grants`, `withdraws`), or a property does:
    true, granted, yes, 1, opt_in, ... allow; null and blank say nothing; all else
    refuses.
    """

    event: EventName = Field(description="Name of the event.")
    grants: tuple[Name, ...] = Field(
        default=(), description="Purposes this event allows."
    )
    withdraws: tuple[Name, ...] = Field(
        default=(), description="Purposes this event refuses."
    )
    properties: dict[Text, Name] = Field(
        default_factory=dict,
        description="Property (dots lead into objects) to the purpose it decides.",
        examples=[{"consent.analytics": "analytics"}],
    )

    @property
    def purposes(self) -> tuple[str, ...]:
        """Every purpose this event decides."""
        return (*self.grants, *self.withdraws, *self.properties.values())

    @model_validator(mode="after")
    def _decides_each_once(self) -> Self:
        if not self.purposes:
            raise ValueError(
                f"'{self.event}' decides nothing: declare grants, withdraws or "
                "properties"
            )
        if len(set(self.purposes)) < len(self.purposes):
            raise ValueError(f"'{self.event}' decides a purpose twice")
        return self


class ConsentRules(Declared):
    """For what events may be used, as their persons decided."""

    purposes: tuple[PurposeSpec, ...] = Field(
        min_length=1, description="What persons can allow or refuse."
    )
    signals: tuple[ConsentSignal, ...] = Field(
        default=(),
        description="Events by which they decide; the table `consents` counts too.",
    )
    needs: Name | None = Field(
        default=None,
        description="The purpose an event needs that is not named below; none = it "
        "needs no consent.",
    )
    category_needs: dict[Text, Name | None] = Field(
        default_factory=dict,
        description="Category to the purpose its events need.",
        examples=[{"marketing": "marketing"}],
    )
    event_needs: dict[EventName, Name | None] = Field(
        default_factory=dict,
        description="Event to the purpose it needs.",
        examples=[{"ad_clicked": "marketing"}],
    )
    without_consent: Literal["drop", "keep_without_identity"] = Field(
        default="drop",
        description="What happens to an event without consent: dropped and counted as "
        "skipped, or kept without ids, session, person traits and personal fields.",
    )

    @model_validator(mode="after")
    def _purposes_are_declared(self) -> Self:
        names = [purpose.name for purpose in self.purposes]
        if len(set(names)) < len(names):
            raise ValueError("a purpose is declared twice")
        used = [name for signal in self.signals for name in signal.purposes]
        needed = (self.needs, *self.category_needs.values(), *self.event_needs.values())
        used += [name for name in needed if name is not None]
        for name in used:
            if name not in names:
                raise ValueError(
                    f"the purpose '{name}' is not declared; declared are "
                    f"{', '.join(names)}"
                )
        return self


IpAddresses = Literal["truncate", "drop"]
IP_NAMES: Final = (
    *("ip", "$ip", "ip_address", "ipAddress", "$ip_address", "ipaddress"),
    *("user_ip", "userIp", "user_ipaddress", "client_ip", "clientIp", "remote_ip"),
    "$initial_ip",
)

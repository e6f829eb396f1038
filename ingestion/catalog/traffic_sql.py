"""The declared traffic rules as one condition each: a robot's event, one of your own.

Belongs here: how lists of networks, domains and users become SQL beside the
expressions. Not here: which user agent is a crawler's (`ingestion.user_agents`).
"""

from __future__ import annotations

from ingestion.catalog.columns import LANDED_COLUMNS
from ingestion.catalog.event_models import TrafficRules
from ingestion.catalog.expressions import compile_expression
from ingestion.catalog.networks import in_networks
from ingestion.sql_text import text_list

_ADDRESSES = ("ip", "$ip", "ip_address", "user_ipaddress", "client_ip", "context.ip")
_ADDRESS = "coalesce(" + ", ".join(f"property('{key}')" for key in _ADDRESSES) + ")"
_EMAILS = ("user_id", "property('email')", "property('$set.email')")


def bot_filter(rules: TrafficRules, dialect: str) -> str:
    """Give the condition that an event is a robot's; never null.

    It reads the column `is_known_crawler`, which comes with the user agent.
    """
    flags = [_flag(rules.bots, dialect)]
    if rules.known_crawlers:
        flags.append("coalesce(is_known_crawler, FALSE)")
    return " OR ".join(flags)


def internal_filter(rules: TrafficRules, dialect: str) -> str:
    """Give the condition that an event comes from one's own people; never null."""
    conditions = [rules.internal] if rules.internal else []
    if rules.internal_networks:
        conditions.append(in_networks(rules.internal_networks, _ADDRESS))
    if rules.internal_email_domains:
        domains = text_list(domain.lower() for domain in rules.internal_email_domains)
        conditions += [
            f"lower(split_part({sent}, '@', 2)) in ({domains})" for sent in _EMAILS
        ]
    if rules.internal_user_ids:
        conditions.append(f"user_id in ({text_list(rules.internal_user_ids)})")
    flags = [_flag(condition, dialect) for condition in conditions]
    return " OR ".join(flags) or _flag(None, dialect)


def _flag(condition: str | None, dialect: str) -> str:
    if condition is None:
        return "false"
    compiled = compile_expression(
        condition, columns=LANDED_COLUMNS, kind="condition", dialect=dialect
    )
    return f"coalesce({compiled.sql}, FALSE)"

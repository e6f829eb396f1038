"""What the server does after an event: e-mails, payments, refunds."""

from __future__ import annotations

import numpy as np

from ingestion.simulator.behaviours import CONSEQUENCES, Consequence
from ingestion.simulator.clock import SECOND
from ingestion.simulator.kinds import KIND
from ingestion.simulator.rows import Rows, server_rows
from ingestion.simulator.vocabulary import EMAIL_TEMPLATES


class Mailbox:
    """Numbers the e-mails sent, from 0."""

    def __init__(self) -> None:
        self.sent_count = 0

    def number(self, rows: Rows, template: str) -> None:
        """Give new e-mails their number and template."""
        rows["number"] = self.sent_count + np.arange(len(rows))
        rows["subject"] = EMAIL_TEMPLATES.index(template)
        self.sent_count += len(rows)


def consequences(rows: Rows, mailbox: Mailbox, rng: np.random.Generator) -> Rows:
    """The server's events that follow `rows`, directly or through one another."""
    causes = {KIND[entry.trigger] for entry in CONSEQUENCES}
    known = rows[np.isin(rows["kind"], list(causes)) & rows["known"]]
    results: Rows = known[:0]
    for entry in CONSEQUENCES:
        triggers = np.concatenate([known, results])
        triggers = triggers[triggers["kind"] == KIND[entry.trigger]]
        follows = _follow(entry, triggers, rng)
        if entry.template is not None:
            mailbox.number(follows, entry.template)
        results = np.concatenate([results, follows])
    return results


def _follow(entry: Consequence, triggers: Rows, rng: np.random.Generator) -> Rows:
    causes = triggers[rng.random(len(triggers)) < entry.share]
    noise = np.exp(entry.spread * rng.standard_normal(len(causes)))
    delay = np.rint(SECOND * entry.delay_seconds * noise).astype(np.int64)
    sign = -1 if entry.result == "refund_issued" else 1
    return server_rows(
        rng,
        len(causes),
        kind=KIND[entry.result],
        person=causes["person"],
        occurred=causes["occurred"] + np.maximum(delay, SECOND),
        subject=causes["subject"],
        number=sign * causes["number"],
    )

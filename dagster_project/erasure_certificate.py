"""The certificate of an erasure: what was removed, without saying who.

Belongs here: what it says and how it is written down. Not here: counting (`erasing`).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """What was erased, without saying who.

    `id_hashes` are keyed. Counts are of rows, or of lines of landing files; `words` are
    places in rows, reports, logs and histories of others where a word stands for an id
    now. `warehouse` and `postgres` say what became of them. `shared_devices` were used
    by others too: they stay, what the persons did there is gone. `other_users` are
    linked to the persons and were not erased. `unreadable` are landing files that
    nobody can search. `found_again` counts mentions after all.
    """

    erasure_id: str
    began_at: str
    ended_at: str
    id_hashes: tuple[str, ...]
    rows: dict[str, int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    warehouse: str = ""
    postgres: str = ""
    shared_devices: int = 0
    other_users: int = 0
    unreadable: tuple[str, ...] = ()
    found_again: int = 0

    def to_text(self) -> str:
        """Give the certificate as people read it."""
        known_as = len(self.id_hashes)
        lines = [
            f"Erasure {self.erasure_id}",
            f"Began    {self.began_at}",
            f"Ended    {self.ended_at}",
            f"Ids      {known_as}, kept as keyed hashes only",
            *self._counts(),
            "",
            f"Shared devices that stay      {self.shared_devices}",
            f"Linked users who stay         {self.other_users}",
            f"Mentions found after all      {self.found_again}",
            *(f"Could not be searched: {name}" for name in self.unreadable),
        ]
        return "\n".join(lines) + "\n"

    def to_preview(self) -> str:
        """Give the counts of what was not done yet."""
        lines = [
            f"Ids of the persons  {len(self.id_hashes)}",
            *self._counts(),
            "",
            f"Shared devices that stay  {self.shared_devices}",
            f"Linked users who stay     {self.other_users}",
            *(f"Cannot be searched: {name}" for name in self.unreadable),
        ]
        return "\n".join(lines) + "\n"

    def _counts(self) -> list[str]:
        return [
            "",
            "Rows and lines removed",
            *(f"  {count:>10,}  {where}" for where, count in self.rows.items()),
            "Ids replaced by a word, in what is not theirs",
            *(f"  {count:>10,}  {where}" for where, count in self.words.items()),
            f"Warehouse   {self.warehouse}",
            f"PostgreSQL  {self.postgres}",
        ]


def write_certificate(folder: Path, certificate: Certificate) -> None:
    """Write the certificate for people and for machines."""
    text = json.dumps(asdict(certificate), indent=2) + "\n"
    write_whole(folder / f"{certificate.erasure_id}.txt", certificate.to_text())
    write_whole(folder / f"{certificate.erasure_id}.json", text)


def write_whole(path: Path, content: str, mode: int = 0o640) -> None:
    """Write a text file whole or not at all; it is on the disk afterwards."""
    aside = path.with_name(f".{path.name}.tmp")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    aside.replace(path)

"""What the exit code of `daybreak` means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes, the same for every command."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    BUSY = 3
    CRASH = 4


MEANINGS = {
    ExitCode.OK: "done; every gate passed",
    ExitCode.GATE_FAILED: "a gate stopped the night; what is published stands",
    ExitCode.USAGE: "wrong command, setting or catalog; nothing was changed",
    ExitCode.BUSY: "another run is at work in this home",
    ExitCode.CRASH: "something broke; see the log file the message names",
}

"""Files of the landing folder: which there are, and what their bytes are like.

Belongs here: discovery, the kind of a file by its name, and one streaming pass that
gives checksum, line count and over-long lines without DuckDB, so that what DuckDB
read can be held against it. Not here: parsing (`readers`).

DuckDB reads a truncated zstd stream without a word and drops a line that is longer
than its buffer; both are found here.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Final, Literal

import pyarrow as pa

Format = Literal["lines", "array", "csv", "parquet"]

_CHUNK: Final = 1 << 20
_COMPRESSIONS: Final = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_FORMATS: Final[dict[str, Format]] = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json", ".log", ".txt"), "lines"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
}
_WRITING_SUFFIXES: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
_TEXT_CLAUSE: Final = (
    "name it .jsonl, .json, .csv, .tsv or .parquet (text also .gz or .zst), or move "
    "it out of the landing folder"
)
# Unicode keeps these two code points free of characters for ever. The one stands for a
# byte that is no text in the declared encoding; the other is the delimiter that
# read_csv must have even where a line is one field.
BAD_BYTE: Final = "\U0010fffe"
NO_DELIMITER: Final = "\U0010ffff"
# The first byte of both in UTF-8, and of nothing else that anybody writes.
_THEIR_FIRST_BYTE: Final = b"\xf4"


class UnusableFileError(ValueError):
    """A file that cannot be landed; the message says why and what to do."""


class DamagedFileError(UnusableFileError):
    """A file whose content is at fault: refused as a whole, until it changes."""

    def __init__(self, reason_code: str, message: str, sha256: str = "") -> None:
        super().__init__(message)
        self.reason_code = reason_code
        self.sha256 = sha256


@dataclass(frozen=True, slots=True)
class LandingFile:
    """A file as it stood when it was found; `path` is relative to the landing."""

    path: str
    absolute: Path
    source: str
    bytes: int
    mtime_ns: int

    def is_unchanged(self) -> bool:
        """Say whether size and time are still those of the discovery."""
        try:
            now = self.absolute.stat()
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (self.bytes, self.mtime_ns)


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line over the limit: its number from 1, where it starts, how long it is."""

    line_number: int
    offset: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one pass over the bytes says; lines and long lines of text files only.

    `has_reserved`: it may hold the characters that are marks here. `ending` is the
    last byte that is no white space.
    """

    sha256: str
    prefix_sha256: str | None
    lines: int
    long_lines: tuple[LongLine, ...]
    has_quotes: bool
    has_reserved: bool
    content_bytes: int
    ending: bytes


def compression_of(path: Path) -> str | None:
    """Give "gzip", "zstd" or None by the file's last suffix."""
    return _COMPRESSIONS.get(path.suffix.lower())


def suffix_of(path: Path) -> str:
    """Give the suffix below the compression's: `.jsonl` of `a.jsonl.gz`."""
    return Path(path.stem).suffix if compression_of(path) else path.suffix


def is_being_written(path: Path) -> bool:
    """Say whether the name is one that programs give to unfinished files."""
    return path.suffix.lower() in _WRITING_SUFFIXES


def look_at(path: Path, landing_dir: Path, source: str) -> LandingFile:
    """Give the file as it stands; UnusableFileError if it is none."""
    try:
        found = path.stat()
    except OSError as error:
        raise UnusableFileError(
            f"cannot be looked at ({error.strerror}): repair or remove it"
        ) from None
    if stat.S_ISDIR(found.st_mode):
        raise UnusableFileError(
            "is a directory where a file should be: move its files one level up, or "
            f"rename it without {path.suffix}"
        )
    if not stat.S_ISREG(found.st_mode):
        raise UnusableFileError("is no regular file: put a plain file in its place")
    relative = path.relative_to(landing_dir).as_posix()
    return LandingFile(relative, path, source, found.st_size, found.st_mtime_ns)


def has_data_suffix(path: Path) -> bool:
    """Say whether the name is that of a data file."""
    return suffix_of(path).lower() in _FORMATS


def format_of(path: Path) -> Format:
    """Give the format of a native file; UnusableFileError for unknown names.

    A `.json` whose first character is `[` is one array, any other holds lines.
    """
    suffix = suffix_of(path).lower()
    if suffix not in _FORMATS:
        raise UnusableFileError(f"has a name of no known format: {_TEXT_CLAUSE}")
    if suffix == ".json":
        return json_layout(path)
    return _FORMATS[suffix]


def json_layout(path: Path) -> Format:
    """Say whether a JSON file is one array or lines, by its first character."""
    with opened(path) as stream:
        for chunk in _chunks(stream):
            start = chunk.removeprefix(codecs.BOM_UTF8).lstrip()
            if start:
                return "array" if start[:1] == b"[" else "lines"
    return "lines"


def opened(path: Path) -> IO[bytes] | pa.CompressedInputStream:
    """Open the decompressed content for reading."""
    compression = compression_of(path)
    try:
        if compression:
            return pa.CompressedInputStream(pa.OSFile(str(path)), compression)
        return path.open("rb")
    except OSError as error:
        raise UnusableFileError(
            f"cannot be opened ({error.strerror or error}): give the user that runs "
            "the ingestion the right to read it"
        ) from None


def inspect(file: LandingFile, *, limit: int, prefix_bytes: int = 0) -> Inspection:
    """Read every byte once: checksum, lines, lines longer than `limit` bytes.

    `prefix_bytes` asks for the checksum of that many first bytes too. A line of less
    than 1 MiB may pass a smaller limit here; the verdicts catch it. Raises
    DamagedFileError for compressed files that end early.
    """
    content = _Content(limit)
    raw = _Checksum(prefix_bytes)
    compressed = compression_of(file.absolute) is not None
    with opened_plain(file.absolute) as stream:
        for chunk in _chunks(stream):
            raw.add(chunk)
            if not compressed:
                content.add(chunk)
    if compressed and file.bytes:
        try:
            with opened(file.absolute) as stream:
                for chunk in _chunks(stream):
                    content.add(chunk)
        except OSError as error:
            raise DamagedFileError(
                "truncated_file",
                f"is cut off or damaged inside its compression ({error}): copy it "
                "again as a whole; it is tried anew when it changes",
                raw.whole.hexdigest(),
            ) from None
    return content.finish(raw)


def opened_plain(path: Path) -> BufferedIOBase | IO[bytes]:
    """Open the file's own bytes; UnusableFileError when that is not allowed."""
    try:
        return path.open("rb")
    except OSError as error:
        raise UnusableFileError(
            f"cannot be opened ({error.strerror}): give the user that runs the "
            "ingestion the right to read it"
        ) from None


def write_clean_copy(
    file: LandingFile,
    target: Path,
    *,
    encoding: str,
    drop: tuple[LongLine, ...] = (),
    one_newline: bool = True,
) -> None:
    """Write the content as UTF-8 with bad bytes marked and over-long lines emptied.

    A byte that is no text in `encoding` becomes BAD_BYTE and its two hex digits; line
    numbers stay as they are. With `one_newline` every line ends in LF: DuckDB counts
    CR LF as two ends in a file where other lines end in LF.
    """
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder(encoding)(errors="daybreak_mark"),
        translate=one_newline,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened(file.absolute) as stream, target.open("wb") as out:
        for chunk in _without(_chunks(stream), drop):
            out.write(_as_utf8(decoder.decode(chunk)))
        out.write(_as_utf8(decoder.decode(b"", final=True)))


def _as_utf8(decoded: str) -> bytes:
    plain = decoded.replace(NO_DELIMITER, f"{BAD_BYTE}f48fbfbf")
    return plain.encode("utf-8", errors="replace")


def first_bytes(file: LandingFile, line: LongLine, size: int) -> str:
    """Give the start of a line as text, for people to recognise it."""
    with opened(file.absolute) as stream:
        left = line.offset
        while left > 0:
            left -= len(stream.read(min(left, _CHUNK)))
        return bytes(stream.read(size)).decode("utf-8", errors="replace")


class _Checksum:
    """SHA-256 of a stream, and of its first bytes when asked for."""

    def __init__(self, prefix_bytes: int) -> None:
        self.whole = hashlib.sha256()
        self.prefix: str | None = None
        self._left = prefix_bytes

    def add(self, chunk: bytes) -> None:
        if self._left > len(chunk):
            self._left -= len(chunk)
        elif self._left:
            head = self.whole.copy()
            head.update(chunk[: self._left])
            self.prefix, self._left = head.hexdigest(), 0
        self.whole.update(chunk)


class _Content:
    """Lines of a stream by the universal rule: LF, CR LF and CR end a line."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines = 0
        self._offset = 0
        self._line_start = 0
        self._after_cr = False
        self._last = b"\n"
        self._mark = 0
        self._quotes = False
        self._reserved = False
        self._ending = b""
        self._long: list[LongLine] = []

    def add(self, chunk: bytes) -> None:
        if not self._offset and chunk.startswith(codecs.BOM_UTF8):
            self._mark = len(codecs.BOM_UTF8)
        first = chunk.find(b"\n")
        if first < 0:
            self._lines += self._returns(chunk)
        else:
            self._close_line(self._offset + first)
            self._lines += chunk.count(b"\n") + self._returns(chunk)
            self._line_start = self._offset + chunk.rfind(b"\n") + 1
        self._quotes = self._quotes or b'"' in chunk
        self._reserved = self._reserved or _THEIR_FIRST_BYTE in chunk
        self._offset += len(chunk)
        self._last = chunk[-1:]
        self._ending = chunk[-4096:].rstrip()[-1:] or self._ending

    def _returns(self, chunk: bytes) -> int:
        """Count the CRs that end a line by themselves."""
        lone = -1 if self._after_cr and chunk[:1] == b"\n" else 0
        self._after_cr = chunk[-1:] == b"\r"
        if b"\r" not in chunk:
            return lone
        return lone + chunk.count(b"\r") - chunk.count(b"\r\n")

    def _close_line(self, end: int) -> None:
        size = end - self._line_start
        if size > max(self._limit, _CHUNK):
            self._long.append(LongLine(self._lines + 1, self._line_start, size))

    def finish(self, raw: _Checksum) -> Inspection:
        unended = self._offset > self._mark and self._last not in (b"\n", b"\r")
        if unended:
            self._close_line(self._offset)
        return Inspection(
            sha256=raw.whole.hexdigest(),
            prefix_sha256=raw.prefix,
            lines=self._lines + unended,
            long_lines=tuple(self._long),
            has_quotes=self._quotes,
            has_reserved=self._reserved,
            content_bytes=self._offset,
            ending=self._ending,
        )


def _chunks(
    stream: IO[bytes] | BufferedIOBase | pa.CompressedInputStream,
) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _without(chunks: Iterator[bytes], drop: tuple[LongLine, ...]) -> Iterator[bytes]:
    """Leave the bytes of the given lines out of a stream of chunks."""
    holes = [(line.offset, line.offset + line.bytes) for line in drop]
    offset = 0
    for chunk in chunks:
        start, end, position = offset, offset + len(chunk), 0
        for hole_start, hole_end in holes:
            if hole_start < end and hole_end > start:
                yield chunk[position : max(hole_start - start, position)]
                position = max(position, min(hole_end - start, len(chunk)))
        yield chunk[position:]
        offset = end


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    marked = "".join(
        f"{BAD_BYTE}{byte:02x}" for byte in error.object[error.start : error.end]
    )
    return marked, error.end


codecs.register_error("daybreak_mark", _mark_bad_bytes)

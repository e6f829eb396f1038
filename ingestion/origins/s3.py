"""Objects of a bucket of S3, or of a store that speaks its protocol.

Belongs here: listing, what is new, and downloads that go on where they broke off. Not
here: where a kept file is remembered (`ledger`), which keys are wanted (`object_keys`).

The protocol: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html. An
object is new when its ETag (else size and time) is not the one kept last. Every request
of a download asks for that ETag, so that a file is never made of two versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from ingestion.catalog.models import S3Origin, SourceSpec
from ingestion.origins.ledger import FetchedFile, OriginLedger
from ingestion.origins.models import FetchOptions, OriginError
from ingestion.origins.object_keys import is_wanted, landing_path

if TYPE_CHECKING:
    from obstore.store import S3Config

_CHUNK_BYTES = 1 << 20
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """An object as the listing has it; `path` is where it lands."""

    key: str
    path: str
    version: str
    etag: str | None
    bytes: int


@dataclass(slots=True)
class Listing:
    """What a bucket holds: what is new, how much is known, what cannot be fetched."""

    new: list[RemoteObject]
    unchanged: int
    problems: list[str]


def open_store(origin: S3Origin, options: FetchOptions) -> S3Store:
    """Give the store of an origin; nothing is asked yet. OriginError without a key."""
    config: S3Config = {
        "region": origin.region,
        "skip_signature": origin.anonymous,
        # Other stores have no name in DNS for each bucket.
        "virtual_hosted_style_request": origin.endpoint is None,
    }
    if origin.endpoint:
        config["endpoint"] = origin.endpoint
    if origin.access_key and origin.secret_key:
        config["access_key_id"] = options.secret(origin.access_key)
        config["secret_access_key"] = options.secret(origin.secret_key)
    return S3Store(
        origin.bucket,
        config=config,
        client_options={
            "allow_http": (origin.endpoint or "").startswith("http://"),
            "connect_timeout": timedelta(seconds=options.connect_seconds),
            "read_timeout": timedelta(seconds=options.read_seconds),
            # A big object may take hours; it must only keep coming.
            "timeout": timedelta(days=1),
        },
        retry_config={
            "max_retries": 2,
            "retry_timeout": timedelta(seconds=options.connect_seconds),
        },
    )


def look_for_new(
    store: S3Store, origin: S3Origin, spec: SourceSpec, ledger: OriginLedger
) -> Listing:
    """List the bucket and hold it against what was kept. Raises OriginError."""
    listing = Listing([], 0, [])
    try:
        for batch in obstore.list(store, prefix=origin.prefix or None):
            for found in batch:
                key = str(found["path"])
                inner = key.removeprefix(origin.prefix)
                # The mark of a folder, whose name comes without its slash; an empty
                # file would land nothing either.
                if not found["size"] or not is_wanted(inner, spec.files):
                    continue
                path = landing_path(inner)
                if path is None:
                    listing.problems.append(
                        f"{key}: no file can be named so; rename the object"
                    )
                    continue
                etag = found["e_tag"]
                version = etag or f"{found['size']} {found['last_modified']}"
                known = ledger.latest.get(path)
                if known and known.version == version:
                    listing.unchanged += 1
                else:
                    listing.new.append(
                        RemoteObject(key, path, version, etag, found["size"])
                    )
    except BaseError as error:
        raise _problem(error, origin) from None
    listing.new.sort(key=lambda one: one.path)
    return listing


def download(
    store: S3Store,
    origin: S3Origin,
    objects: list[RemoteObject],
    ledger: OriginLedger,
    options: FetchOptions,
    problems: list[str],
) -> Iterator[FetchedFile]:
    """Fetch objects and keep them one by one, in their order.

    An object that changed or vanished since the listing is named in `problems`; the
    next fetch sees it as it is then. Raises OriginError when the bucket is away; what
    was kept stays, and what was begun is gone on with next time.
    """
    places = {one.key: ledger.staged(one.path, one.version) for one in objects}
    ledger.clear_staging(keep=frozenset(place.name for place in places.values()))

    def fetch(one: RemoteObject) -> str | OriginError | None:
        return _fetch(store, origin, one, ledger)

    with ThreadPoolExecutor(options.parallel) as pool:
        for start in range(0, len(objects), _AT_ONCE):
            part = objects[start : start + _AT_ONCE]
            failure: OriginError | None = None
            for one, outcome in zip(part, pool.map(fetch, part), strict=True):
                if isinstance(outcome, OriginError):
                    failure = failure or outcome
                elif outcome is not None:
                    problems.append(outcome)
                else:
                    file = FetchedFile(
                        one.path, one.version, one.bytes, places[one.key].name
                    )
                    try:
                        ledger.keep(file)
                    except (FileExistsError, NotADirectoryError):
                        problems.append(
                            f"{one.key}: its name is a folder of other objects; "
                            "rename the object"
                        )
                        continue
                    yield file
            if failure is not None:
                raise failure


def _fetch(
    store: S3Store, origin: S3Origin, one: RemoteObject, ledger: OriginLedger
) -> str | OriginError | None:
    """Fetch one object aside, from where an earlier try broke off; None = whole."""
    place = ledger.staged(one.path, one.version)
    try:
        have = place.stat().st_size if place.exists() else 0
        if have > one.bytes:
            place.unlink()
            have = 0
        with place.open("ab") as handle:
            if have < one.bytes:
                found = obstore.get(
                    store,
                    one.key,
                    options={
                        **({"if_match": one.etag} if one.etag else {}),
                        **({"range": {"offset": have}} if have else {}),
                    },
                )
                for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                    handle.write(chunk)
        size = place.stat().st_size
        if size != one.bytes:
            return OriginError(
                f"{one.key}: {size} of {one.bytes} bytes came", is_passing=True
            )
    except (PreconditionError, NotFoundError):
        place.unlink(missing_ok=True)
        return f"{one.key}: changed or removed while it was read; fetched next time"
    except BaseError as error:
        return _problem(error, origin)
    return None


def _problem(error: BaseError, origin: S3Origin) -> OriginError:
    """Say what is wrong with a bucket, and the usual cure."""
    where = origin.endpoint or f"S3 in {origin.region}"
    # A listing that is refused is no NotFoundError; only its text tells.
    if isinstance(error, NotFoundError) or "404 Not Found" in str(error):
        return OriginError(
            f"there is no bucket {origin.bucket} at {where}: correct `url` or "
            "`endpoint`"
        )
    refused = isinstance(error, (PermissionDeniedError, UnauthenticatedError))
    if refused or "403 Forbidden" in str(error):
        return OriginError(
            f"{where} does not let these keys read {origin.url}: allow them to list "
            "the bucket and get its objects, or correct the variables"
        )
    first = str(error).split("\n")[0][:300]
    if isinstance(error, InvalidPathError):
        return OriginError(
            f"{origin.url} holds a key that is no path ({first}): rename that object, "
            "or narrow `url`"
        )
    return OriginError(
        f"the bucket {origin.bucket} at {where} cannot be read ({first}): see whether "
        "the store is up and reachable from here",
        is_passing=True,
    )

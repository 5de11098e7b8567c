"""What belongs to an image in its registry: lock, smoke reports, SBOMs. Asks the registry.

Of all of it the manifests are read, which are small, and of the newest smoke report that is there the report.
Lists by tag keep what was deleted by other means: what is listed and gone is said, and passed over.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envbuild.errors import RegistryError
from envbuild.registry import kinds
from envbuild.registry.model import Manifest
from envbuild.registry.write import TITLE
from envbuild.remote.model import Attached, SmokeSaid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.names import Reference
    from envbuild.registry.client import RegistryClient
    from envbuild.registry.model import Descriptor

MOST = 12
"""Artifacts whose manifests are read; an image may have collected any number of reports."""
LARGEST_REPORT = 64 << 10
"""Bytes. One of ours has some KiB, with the output of checks that failed some more."""


def attached_to(
    client: RegistryClient, image: Reference
) -> tuple[tuple[Attached, ...] | None, SmokeSaid | None, tuple[str, ...]]:
    """What belongs to the image of this digest, its newest smoke report, and what could not be read of it.

    None when the registry does not answer: what it has of the image is of use all the same.
    """
    try:
        listed = client.referrers(image)
    except RegistryError as error:
        return None, None, (f"what belongs to it cannot be told: {error.message}",)
    doubts: list[str] = []
    chosen = _newest_first(listed)
    found = [_attached(client, image, entry, doubts) for entry in chosen[:MOST]]
    found += [_as_listed(entry) for entry in chosen[MOST:]]
    reports = [row for row in found if row.artifact_type == kinds.SMOKE]
    reports.sort(key=lambda row: row.created, reverse=True)
    said = _report(client, image, reports, doubts) if reports else None
    return tuple(found), said, tuple(doubts)


def _newest_first(listed: Sequence[Descriptor]) -> list[Descriptor]:
    """Ours before what is not known here, the newest first; among equals the last of the list, as pushed."""
    latest_first = listed[::-1]
    ordered = sorted(latest_first, key=lambda entry: _when(entry.annotations), reverse=True)
    return sorted(ordered, key=lambda entry: entry.artifact_type not in kinds.WORDS)


def _when(annotations: Mapping[str, str]) -> str:
    return annotations.get(kinds.CREATED, "")


def _attached(client: RegistryClient, image: Reference, entry: Descriptor, doubts: list[str]) -> Attached:
    if entry.artifact_type not in kinds.WORDS:
        return _as_listed(entry)
    try:
        manifest = client.manifest(replace(image, tag="", digest=entry.digest))
    except RegistryError as error:
        doubts.append(f"an artifact of it cannot be read: {error.message}")
        return _as_listed(entry)
    if not isinstance(manifest, Manifest) or not manifest.layers:
        doubts.append(f"an artifact of it holds no file: {entry.digest}")
        return _as_listed(entry)
    file = manifest.layers[0]
    return Attached(
        artifact_type=entry.artifact_type,
        digest=entry.digest,
        size=sum(layer.size for layer in manifest.layers),
        file=file.digest,
        title=file.annotations.get(TITLE, ""),
        created=_when(manifest.annotations) or _when(entry.annotations),
    )


def _as_listed(entry: Descriptor) -> Attached:
    """As far as the list tells, which gives the manifest's own size."""
    return Attached(
        artifact_type=entry.artifact_type,
        digest=entry.digest,
        size=entry.size,
        created=_when(entry.annotations),
    )


def _report(
    client: RegistryClient, image: Reference, reports: Sequence[Attached], doubts: list[str]
) -> SmokeSaid | None:
    from envbuild.registry.model import Descriptor

    for newest in reports:
        if not newest.file:  # its manifest is gone, or was not read
            continue
        if newest.size > LARGEST_REPORT:
            doubts.append(f"its smoke report is none of ours: it has {newest.size} bytes")
            return None
        blob = Descriptor(media_type=kinds.SMOKE, digest=newest.file, size=newest.size)
        try:
            data = client.read_blob(image, blob, LARGEST_REPORT, what=f"the smoke report of {image}")
            found = json.loads(data)
        except RegistryError as error:
            doubts.append(f"its smoke report cannot be read: {error.message}")
            if error.trouble == "missing":
                continue
            return None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            doubts.append("its smoke report is no JSON object")
            return None
        return replace(smoke_said(found), created=newest.created, reports=len(reports))
    return None


def smoke_said(report: Mapping[str, Any]) -> SmokeSaid:
    """A report, as far as its fields are what they should be. Pure."""
    counts = report.get("counts")
    seconds, passed = report.get("seconds"), report.get("passed")
    return SmokeSaid(
        run=report.get("run") is not False,
        passed=passed if isinstance(passed, bool) else None,
        why=_text(report.get("why")),
        counts={
            str(status): count
            for status, count in (counts.items() if isinstance(counts, dict) else ())
            if isinstance(count, int) and not isinstance(count, bool)
        },
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        where=tuple(_text(report.get(key)) for key in ("engine", "gpu") if _text(report.get(key))),
        report=report,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

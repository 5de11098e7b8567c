"""What is attached to an image: its lock, its smoke report, an SBOM → artifacts. Pure.

The same image and report give the same artifacts, to the byte: so pushing again attaches nothing twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.publish.sbom import cyclonedx
from envbuild.registry import kinds, write
from envbuild.registry.model import Attachment, Descriptor
from envbuild.registry.parse import digest_of
from envbuild.smoke.report import to_json

if TYPE_CHECKING:
    from envbuild.publish.model import Subject
    from envbuild.smoke.model import SmokeReport

LEFT_OUT = {"run": False, "why": "--no-smoke"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One artifact with its only file."""

    artifact_type: str
    file: Attachment

    def digest(self, subject: Descriptor) -> str:
        """The digest that it has when it belongs to `subject`, as the registry client writes it."""
        layer = Descriptor(
            media_type=self.file.media_type,
            digest=digest_of(self.file.data),
            size=len(self.file.data),
            annotations={write.TITLE: self.file.title},
        )
        return digest_of(write.artifact(subject, self.artifact_type, [layer], {}))


def artifacts(subject: Subject, report: SmokeReport | None, *, version: str) -> tuple[Artifact, ...]:
    """Lock, smoke report (or that it was left out) and SBOM of an image; `version` is envbuild's own."""
    said = LEFT_OUT if report is None else to_json(report)
    text = json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return (
        _artifact(kinds.LOCK, subject.lock_text, subject.lock_name),
        _artifact(kinds.SMOKE, text.encode(), "smoke.json"),
        _artifact(kinds.CYCLONEDX, cyclonedx(subject.lock, version=version), f"{subject.lock.name}.cdx.json"),
    )


def _artifact(kind: str, data: bytes, title: str) -> Artifact:
    return Artifact(artifact_type=kind, file=Attachment(data=data, media_type=kind, title=title))

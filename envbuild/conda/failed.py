"""What micromamba or a script says when a build's stage fails → our error, at the spec's `conda`. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.errors import BuildError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.conda.model import CondaRecord

_MISMATCH = re.compile(
    r"(?i)\b(sha256|md5|size|checksum)\b.*(match|incorrect|mismatch|invalid)|incorrect download"
)
_STATUS = re.compile(r"(?i)(?:error|code|status)\D{0,12}\b(?P<status>[45]\d\d)\b")
_AWAY = re.compile(
    r"(?i)could ?n.t (connect|resolve)|could not (connect|resolve)|timed? ?out|connection refused"
)
_TLS = re.compile(r"(?i)\bssl\b.*(certificate|verify|not ok)|certificate verify failed")
_OURS = "envbuild: "
"""How the stage's own scripts begin what they say: the reason, and after a semicolon what to do."""
_DOCTOR = "check the address, the proxy, the CA bundle and the credentials: envbuild doctor"


def conda_failed(error: BuildError, records: Iterable[CondaRecord]) -> BuildError:
    """`error` of the stage that installs conda packages, with the reason and the package that its log names.

    Any other error, and one whose log says nothing known, comes back as it is.
    """
    if not error.problem or error.problem.path != "conda":
        return error
    log = "\n".join(error.log)
    record = next((record for record in records if _names(log, record)), None)
    told = _told(log, record)
    if told is None:
        return error
    what, hint = told
    problem = error.problem
    if record:
        problem = Problem(
            file=problem.file,
            line=problem.line,
            path=problem.path,
            what=f"{record.exact} is locked from there",
        )
    return BuildError(
        what,
        step=error.step,
        log=error.log,
        dockerfile_line=error.dockerfile_line,
        problem=problem,
        hint=hint or error.hint,
    )


def _told(log: str, record: CondaRecord | None) -> tuple[str, str] | None:
    last = log.rpartition("\n")[2]
    if last.startswith(_OURS):
        what, _, todo = last.removeprefix(_OURS).partition("; ")
        return what, todo
    file = record.file if record else "a conda package"
    channel = record.url.rsplit("/", 2)[0] if record else "the channel"
    if _MISMATCH.search(log):
        accept = f"envbuild lock --upgrade-package {record.name}" if record else "envbuild lock --upgrade"
        return (
            f"{file}: hash mismatch: {channel} has another file of this name than the lock",
            f"find out why before you trust it; to accept the new file: {accept}",
        )
    if found := _STATUS.search(log):
        status = found["status"]
        if status in {"401", "403"}:
            hint = "name the channel with its login or token in the site config: conda_mirrors"
            return f"{file}: {channel} refuses without the right credentials ({status})", hint
        if status in {"404", "410"}:
            renew = "renew the lock: envbuild lock --upgrade"
            return f"{file}: {channel} has it no more ({status})", renew
        return f"{file}: {channel} answers with an error ({status})", "try again later, or name a mirror"
    if _TLS.search(log):
        return f"{file}: the certificate of {channel} is not trusted", _DOCTOR
    if _AWAY.search(log):
        return f"{file}: {channel} cannot be reached from the build", _DOCTOR
    return None


def _names(log: str, record: CondaRecord) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(record.file)}(?![\w])", log) is not None

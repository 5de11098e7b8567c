"""Spec and lock as an image carries them, held against its labels: files → `Contained`. Pure but for parsing.

Nothing here raises for what an image holds: what cannot be trusted is left out, and said. The spec stays text
until somebody needs it parsed, which takes longer than all the rest.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError
from envbuild.remote.model import Contained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.lock.model import Lock
    from envbuild.spec.model import Spec

SPEC = "spec.yml"
_LOCK_LABEL = "dev.envbuild.lock"
_SPEC_LABEL = "dev.envbuild.spec"
_NAME_LABEL = "dev.envbuild.name"


def contained(files: Mapping[str, bytes], labels: Mapping[str, str]) -> Contained:
    """What `files` (of /opt/envbuild, by name) say."""
    doubts: list[str] = []
    spec_text = _text(files, SPEC, doubts)
    digest = f"sha256:{hashlib.sha256(files.get(SPEC, b'')).hexdigest()}"
    if spec_text and labels.get(_SPEC_LABEL, digest) != digest:
        doubts.append("the spec in it is not the one that its labels name")
    lock_text = _text(files, lock_name(files, labels), doubts)
    lock = _lock(lock_text, lock_name(files, labels), doubts) if lock_text else None
    if lock and labels.get(_LOCK_LABEL, lock.digest) != lock.digest:
        doubts.append("the lock in it is not the one that its labels name")
    return Contained(spec_text=spec_text, lock_text=lock_text, lock=lock, doubts=tuple(doubts))


def spec_in(held: Contained, where: str) -> tuple[Spec | None, str]:
    """The spec that an image carries, and why it cannot be had, as a sentence; `where` names the image."""
    if not held.spec_text:
        return None, ""
    from envbuild.spec.parse import parse_spec

    try:
        # A folder that is not there: the files that a spec names are not beside one in an image.
        return parse_spec(held.spec_text.encode(), Path(where, SPEC), look=False), ""
    except EnvbuildError as error:
        return None, f"this envbuild does not understand its spec: {error.message.splitlines()[0]}"


def lock_name(files: Mapping[str, bytes], labels: Mapping[str, str]) -> str:
    """The name of the lock file: by the label, else the only one that there is."""
    named = f"pylock.{labels.get(_NAME_LABEL, '')}.toml"
    found = [name for name in files if name.startswith("pylock.") and name.endswith(".toml")]
    return found[0] if named not in files and len(found) == 1 else named


def _text(files: Mapping[str, bytes], name: str, doubts: list[str]) -> str:
    if name not in files:
        doubts.append(f"it holds no {name}")
        return ""
    try:
        return files[name].decode("utf-8")
    except UnicodeDecodeError:
        doubts.append(f"its {name} is not UTF-8 text")
        return ""


def _lock(text: str, name: str, doubts: list[str]) -> Lock | None:
    from envbuild.lock.pylock import parse_lock

    try:
        return parse_lock(text, name)
    except EnvbuildError as error:
        doubts.append(f"its lock is not to be trusted: {error.message}")
        return None

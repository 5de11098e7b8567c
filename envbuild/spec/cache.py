"""Specs that were found good, as small JSON files in the user's cache folder. Losing one costs time only.

An entry answers for the same bytes under the same path, checked by the same code, while every requirements
file holds what it held and every copy source is what it was (a file or a folder).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from envbuild import __version__
from envbuild.files import cache_folder, digest_tree, write_atomically
from envbuild.spec import model
from envbuild.spec.model import Spec, SpecSource

_KINDS = {
    kind.__name__: kind
    for kind in (
        Spec, model.Cuda, model.Conda, model.Pip, model.Requirement, model.Copy, model.Smoke, model.ImageName,
    )
}  # fmt: skip


def recall(data: bytes, path: Path) -> Spec | None:
    """The spec that `data`, read from `path`, is known to be; None when that has to be found out."""
    try:
        entry = json.loads(_entry(data, path).read_text(encoding="utf-8"))
        spec: Spec = _revived(entry["spec"], _source(data, path, entry["lines"]))
        return spec if _surroundings(spec) == entry["surroundings"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(data: bytes, spec: Spec) -> None:
    """Remember a good spec. A cache that cannot be written costs time only, so that is no error."""
    lines = [[list(key), line] for key, line in spec.source.lines.items()]
    with contextlib.suppress(OSError):
        entry = {"spec": _plain(spec), "lines": lines, "surroundings": _surroundings(spec)}
        file = _entry(data, spec.source.path)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(file, json.dumps(entry).encode(), mode=0o600)


def _entry(data: bytes, path: Path) -> Path:
    """The file for these bytes under this path, and for this code: a changed check checks again."""
    code = max(file.stat().st_mtime_ns for file in Path(__file__).parent.glob("*.py"))
    key = hashlib.sha256(
        f"{__version__}\0{code}\0{Path.cwd()}\0{path}\0".encode(errors="surrogateescape") + data
    )
    return cache_folder() / "specs" / f"{key.hexdigest()}.json"


def _surroundings(spec: Spec) -> dict[str, str]:
    """What the check looked at beside the spec. Raises OSError for what cannot be read."""
    folder = spec.source.folder
    seen = {f"requirements {name}": digest_tree(folder / name) for name in spec.pip.files}
    for channel in spec.conda.channels if spec.conda else ():
        if channel.startswith("./"):
            seen[f"channel {channel}"] = str((folder / channel).resolve(strict=True).is_dir())
    for copy in spec.copy:
        source = (folder / copy.source).resolve()
        kind = "folder" if source.is_dir() else "file" if source.is_file() else "nothing"
        seen[f"copy {copy.source}"] = f"{kind} {source}"
    return seen


def _source(data: bytes, path: Path, lines: list[Any]) -> SpecSource:
    return SpecSource(
        path=path,
        text=data.decode("utf-8-sig"),
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        lines={tuple(key): line for key, line in lines},
    )


def _plain(value: Any) -> Any:
    """Dataclasses as objects with their kind, tuples as lists; the source is left out: it is made anew."""
    if isinstance(value, SpecSource):
        return None
    if is_dataclass(value):
        return {"kind": type(value).__name__} | {
            field.name: _plain(getattr(value, field.name)) for field in fields(value)
        }
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _revived(value: Any, source: SpecSource) -> Any:
    if isinstance(value, dict):
        kind = _KINDS[value.pop("kind")]
        parts = {name: _revived(part, source) for name, part in value.items()}
        return kind(**parts | ({"source": source} if kind is Spec else {}))
    return tuple(_revived(item, source) for item in value) if isinstance(value, list) else value

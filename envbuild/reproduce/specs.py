"""The spec that a lock answers: beside it, or as far as the lock tells. Reads files, fills the cache."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.errors import LockError, SpecError, UsageError
from envbuild.events import Notice
from envbuild.files import cache_folder, write_atomically
from envbuild.lock.pylock import dump_lock
from envbuild.spec.load import load_spec
from envbuild.subjects import LockFile, SpecFile, ensure_lock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.lock.model import Lock
    from envbuild.outcomes import Request

_PIP = ("index_url", "extra_index_urls", "torch_backend")


def spec_for(request: Request, file: LockFile | SpecFile) -> Path:
    """The path of the spec to build from. Raises LockError."""
    if isinstance(file, SpecFile):
        ensure_lock(file)
        return Path(file.name)
    path = Path(file.name)
    found = _beside(path, file.lock)
    if found:
        return found
    text = (
        f"no spec lies beside {path.name}: what it locks is reproduced; env, run, copy, user and smoke tests"
        " are in no lock"
    )
    request.sink(Notice(level="warning", text=text))
    return _made_up(cache_folder() / "locks" / file.lock.digest.partition(":")[2][:24], file.lock)


def _beside(lock_file: Path, lock: Lock) -> Path | None:
    """The spec in the lock's folder that has its name and this very file as its lock."""
    if lock_file.name != f"pylock.{lock.name}.toml":
        return None
    others = sorted((*lock_file.parent.glob("*.yml"), *lock_file.parent.glob("*.yaml")))
    for path in dict.fromkeys((lock_file.parent / "spec.yml", *others)):
        with contextlib.suppress(SpecError, OSError):
            if load_spec(path).name == lock.name:
                return path
    return None


def _made_up(folder: Path, lock: Lock) -> Path:
    """A spec of what the lock says that it answers, and the lock beside it."""
    import yaml

    path = folder / "spec.yml"
    text = yaml.safe_dump(spec_data(lock.name, lock.inputs), sort_keys=False)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())
    try:
        load_spec(path)  # before the lock's name is made a file's
    except SpecError as error:
        raise LockError(
            f"{lock.name}: this envbuild cannot make a spec of what its lock answers: {error}",
            hint="put the spec that it was made from beside it",
        ) from error
    write_atomically(folder / f"pylock.{lock.name}.toml", dump_lock(lock).encode())
    return path


def spec_data(name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A spec's keys, of what a lock answers. Pure."""
    keys = ("python", "base", "targets", "accept", "apt", "conda")
    data = {"name": name, **{key: inputs[key] for key in keys if key in inputs}}
    cuda = {key: value for key, value in inputs.get("cuda", {}).items() if key != "compiles"}
    pip = {key: inputs[key] for key in _PIP if key in inputs}
    if "pip" in inputs:
        pip["packages"] = inputs["pip"]
    return data | ({"cuda": cuda} if cuda else {}) | ({"pip": pip} if pip else {})


def no_rebuild(target: str) -> UsageError:
    """The error for an image that is to be made anew, which takes more than the image has."""
    return UsageError(
        f"{target}: --rebuild takes a spec or a lock: no image carries all files that it was made from",
        hint="name the spec; its lock and the files of `copy:` have to lie beside it",
    )

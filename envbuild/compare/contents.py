"""Specs, locks and images → `Contents`. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envbuild.compare.model import BaseIs, Contents
from envbuild.gpu.summary import architectures, drivers
from envbuild.lock.inputs import inputs_of
from envbuild.lock.needs import needs_of_lock
from envbuild.lock.packages import chosen_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envbuild.compare.model import ImageParts
    from envbuild.gpu.model import GpuNeeds
    from envbuild.lock.model import Lock, LockedBase
    from envbuild.spec.model import Spec

_CONTEXT = "dev.envbuild.context"


def contents_of_lock(lock: Lock, *, name: str, sizes: Mapping[str, int] | None = None) -> Contents:
    """A lock. `sizes`: what its groups of packages bring down, in bytes."""
    return Contents(
        name=name,
        kind="lock",
        digests=frozenset({lock.digest}) if lock.digest else frozenset(),
        sizes=sizes or {},
        measure="downloads" if sizes else "",
        **_locked(lock, name),
    )


def contents_of_spec(
    spec: Spec,
    lock: Lock | None,
    *,
    name: str,
    why_not: str = "",
    sizes: Mapping[str, int] | None = None,
) -> Contents:
    """A spec, with the lock that answers it; None: what it asks for is all that is known.

    why_not  why there is no lock, as a sentence
    """
    told: dict[str, Any] = {}
    if lock is not None:
        told = _locked(lock, name)
    else:
        told["base"] = BaseIs(reference=spec.base) if spec.base else None
        told["python"] = None
        told["notes"] = (f"{name}: {why_not}",) if why_not else ()
    return Contents(
        name=name,
        kind="spec",
        digests=frozenset({spec.source.digest}),
        sizes=sizes or {},
        measure="downloads" if sizes else "",
        **{**told, "wishes": inputs_of(spec)},
        **_spec_parts(spec),
    )


def contents_of_image(image: ImageParts) -> Contents:
    """An image, by what it carries and says; without spec and lock as far as settings and labels tell."""
    name, labels, needs = image.name, image.labels, image.needs
    values = dict(item.split("=", 1) for item in image.env if "=" in item)
    told: dict[str, Any] = {
        "base": image.base,
        "python": labels.get("dev.envbuild.python") or values.get("PYTHON_VERSION") or None,
        "cuda": labels.get("dev.envbuild.cuda") or values.get("CUDA_VERSION", ""),
        "gpu": words(needs),
        "notes": (),
    }
    if image.lock is not None:
        told |= _locked(image.lock, name)
    if image.lock is None or needs.uses or not needs.doubts:
        told["gpu"] = words(needs)
    parts = _spec_parts(image.spec) if image.spec is not None else {}
    if image.copy is not None:
        parts["copy"] = tuple(image.copy)
    if image.settings is not None:
        parts["image_settings"] = {key: _said(value) for key, value in image.settings.items()}
    told["platform"] = image.platform or None
    told["notes"] = (*told["notes"], *(f"{name}: {note}" for note in image.notes))
    return Contents(
        name=name,
        kind="image",
        place=image.place,
        digests=frozenset(digest for digest in image.digests if digest),
        context="" if image.added else labels.get(_CONTEXT, ""),
        added=image.added,
        image_env=values,
        sizes=image.sizes,
        measure=image.measure if image.sizes else "",
        diff_ids=tuple(image.diff_ids),
        copied=tuple(image.copied),
        **told,
        **parts,
    )


def words(needs: GpuNeeds) -> dict[str, str]:
    """What an image needs of a GPU machine, each in a few words; what is not known is left out."""
    full, least = drivers(needs)
    said = {
        "driver": full,
        "least driver": least,
        "architectures": architectures(needs),
        "cuda-compat": needs.compat,
    }
    return {key: value for key, value in said.items() if value}


def _locked(lock: Lock, name: str) -> dict[str, Any]:
    """What a lock tells, as fields."""
    return {
        "platform": lock.platform or None,
        "base": _base(lock.base),
        "python": lock.python.version,
        "apt": {row.name: row.version for row in lock.apt},
        "conda": {row.name: f"{row.version} {row.build}" for row in lock.conda},
        "pip": {row.name: row.version for row in lock.packages},
        "files": dict(_hashes(lock.document)) | {f"conda:{row.name}": row.sha256 for row in lock.conda},
        "cuda": lock.cuda.get("version", ""),
        "gpu": _gpu(lock),
        "wishes": dict(lock.inputs),
        "notes": _unresolved(lock, name),
    }


def _unresolved(lock: Lock, name: str) -> tuple[str, ...]:
    if lock.apt_resolved or not lock.apt:
        return ()
    return (f"{name}: its Debian packages are not locked: each build takes the versions of its day",)


def _base(base: LockedBase) -> BaseIs:
    return BaseIs(
        reference=base.reference,
        digest=base.digest or "",
        image_id=base.image_id or "",
        diff_ids=base.diff_ids,
    )


def _gpu(lock: Lock) -> dict[str, str] | None:
    try:
        return words(needs_of_lock(lock))
    except (ValueError, TypeError, AttributeError):
        return None


def _hashes(document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Each package's file by its hashes; of a repository by its commit."""
    for row in document.get("packages", ()):
        table = chosen_file(row) or row.get("vcs") or {}
        told = table.get("hashes") or table.get("commit-id") or ""
        yield row["name"], told if isinstance(told, str) else json.dumps(told, sort_keys=True)


def _spec_parts(spec: Spec) -> dict[str, Any]:
    """What a spec tells beside what its lock does, as fields."""
    entrypoint, cmd = spec.entrypoint, spec.cmd
    default_cmd: tuple[str, ...] = () if entrypoint else ("bash",)
    return {
        "env": dict(spec.env),
        "run": spec.run,
        "copy": tuple(f"{item.source} → {item.target}" for item in spec.copy),
        "settings": {
            "user": spec.user,
            "workdir": spec.workdir,
            "entrypoint": _said(entrypoint or ()),
            "cmd": _said(default_cmd if cmd is None else cmd),
        },
    }


def _said(value: Sequence[str] | str) -> str:
    """A setting as text; a list of arguments as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(list(value), ensure_ascii=False) if value else ""

"""Stage 2's verb: a spec → a `Lock`. Asks uv, the package index, the engine and, in the base image, apt.

The order: base image, what it holds, Python, Debian packages, Python packages, sizes. Old answers are kept
where they still answer.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from envbuild import __version__
from envbuild.errors import LockError, UsageError
from envbuild.events import Notice, Sink, ignore
from envbuild.facts.cuda import cuda_reference
from envbuild.lock.apt import AptWish, resolve_apt, unresolved
from envbuild.lock.base import Base, inspect_base, resolve_base
from envbuild.lock.inputs import inputs_of
from envbuild.lock.model import Lock, LockedApt, LockedPython
from envbuild.lock.packages import packages_of
from envbuild.lock.pip import Target, Upgrade, compile_pip
from envbuild.lock.pylock import digest_of_lock, ensure_writable, lock_path, validate
from envbuild.lock.python import choose_python, debian_python_version, managed_python, newest_managed
from envbuild.lock.sizes import fill_sizes
from envbuild.lock.steps import step
from envbuild.lock.uv import uv_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.lock.store import BaseStore
    from envbuild.site.model import Site
    from envbuild.spec.model import Spec

__all__ = ["DEFAULT_BASE", "Upgrade", "make_lock"]

DEFAULT_BASE = "debian:bookworm-slim"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surroundings:
    """What every step of one locking needs besides the spec."""

    site: Site
    store: BaseStore
    platform: str
    previous: Lock | None
    upgrade: Upgrade
    environ: Mapping[str, str]
    sink: Sink

    @property
    def kept(self) -> Lock | None:
        """The previous lock, unless all of it is to be renewed."""
        return None if self.upgrade.everything else self.previous


def make_lock(
    spec: Spec,
    *,
    site: Site,
    store: BaseStore,
    platform: str,
    previous: Lock | None = None,
    upgrade: Upgrade | None = None,
    allow_unpinned_base: bool = False,
    environ: Mapping[str, str] = os.environ,
    sink: Sink = ignore,
) -> Lock:
    """Lock `spec` for `platform` (linux/amd64, linux/arm64). Writes nothing but caches.

    Raises LockError, Unsolvable, BaseUnavailable, EngineError; UsageError when `upgrade` names a stranger.
    """
    ensure_writable(lock_path(spec))
    around = _Surroundings(
        site=site,
        store=store,
        platform=platform,
        previous=previous,
        upgrade=_known_upgrade(upgrade or Upgrade(), previous, spec),
        environ=environ,
        sink=sink,
    )
    cuda: dict[str, str] = {}
    reference = spec.base or DEFAULT_BASE
    if spec.cuda:
        cuda["version"] = spec.cuda.version
        if not spec.base:
            reference, reasons = cuda_reference(spec.cuda, spec.python)
            cuda |= {"reference": reference, "reasons": "; ".join(reasons)}
    base = _base(reference, spec, around, allow_unpinned_base)
    python, apt, resolved = _python_and_apt(spec, base, around)
    document = _packages(spec, python, base, around)
    lock = Lock(
        name=spec.name,
        platform=platform,
        inputs=inputs_of(spec),
        base=base.locked,
        python=python,
        apt=apt,
        apt_resolved=resolved,
        packages=packages_of(document),
        cuda=cuda,
        tools={"envbuild": __version__, "uv": uv_version()},
        document=document,
    )
    validate(document)
    return replace(lock, digest=digest_of_lock(lock))


def _known_upgrade(upgrade: Upgrade, previous: Lock | None, spec: Spec) -> Upgrade:
    """`upgrade` with normalised names. Raises UsageError for one that neither lock nor spec has."""
    debian = {package.name for package in previous.apt} if previous else set[str]()
    debian |= {name.partition("=")[0] for name in spec.apt}
    known = {package.name for package in previous.packages} if previous else set[str]()
    known |= {_normal(wish.name) for wish in spec.pip.requirements} | debian
    names = tuple(name if name in debian else _normal(name) for name in upgrade.packages)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            raise UsageError(
                f"--upgrade-package {name}: neither the spec nor its lock has this package",
                hint=f"did you mean {near[0]}?" if near else "see what is locked: envbuild plan",
            )
    return replace(upgrade, packages=names)


def _base(reference: str, spec: Spec, around: _Surroundings, allow_unpinned: bool) -> Base:
    kept = around.kept
    with step(around.sink, "base", f"base image {reference}") as note:
        base = resolve_base(
            reference,
            store=around.store,
            platform=around.platform,
            previous=kept.base if kept and kept.platform == around.platform else None,
            allow_unpinned=allow_unpinned,
        )
        base = inspect_base(base, around.store)
        choice = choose_python(spec.python, base.held, reference)
        needs_apt = bool(spec.apt) or bool(choice and choice.packages)
        known = base.held is not None and bool(base.held.glibc or base.held.distribution)
        if base.image is None and base.locked.pinned and (needs_apt or not known):
            image = around.store.pull(base.locked.build_reference, around.platform, around.sink)
            base = inspect_base(
                replace(base, image=image, locked=replace(base.locked, diff_ids=image.layers)), around.store
            )
        note.detail = base.locked.digest or base.locked.image_id or "not pinned"
    if not base.locked.pinned:
        text = f"{reference} is not pinned: the lock holds all but the base, and its image cannot be pushed"
        around.sink(Notice(level="warning", text=text))
    if base.held and not base.held.glibc and (base.ran or base.held.distribution == "alpine"):
        raise LockError(
            f"base image {reference}: it has no glibc", hint="use a base with glibc, such as debian or ubuntu"
        )
    return base


def _python_and_apt(
    spec: Spec, base: Base, around: _Surroundings
) -> tuple[LockedPython, tuple[LockedApt, ...], bool]:
    where = base.locked.reference
    python = choose_python(spec.python, base.held, where)
    if python is None:
        kept = around.kept.python if around.kept else None
        keep = kept.version if kept and kept.source == "managed" else ""
        version = newest_managed(
            spec.python, around.platform, keep=keep, site=around.site, environ=around.environ
        )
        python = managed_python(spec.python, version, base.held, where)
    names = tuple(dict.fromkeys((*python.packages, *sorted(set(spec.apt)))))
    if not names:
        return python, (), True
    if base.held and not base.held.apt:
        raise LockError(
            f"apt: {where} has no apt, so {', '.join(names)} cannot be installed",
            hint="use a Debian or Ubuntu base, or leave apt out",
        )
    if base.image is None or not base.ran:
        text = f"{where} is not at hand: Debian packages are locked by name only, without versions"
        around.sink(Notice(level="warning", text=text))
        return python, unresolved(names), False
    apt = _resolve(names, base, spec, around)
    own = next((package.version for package in apt if package.name == f"python{spec.python}"), "")
    if python.source == "apt":
        python = replace(python, version=debian_python_version(own) or python.version)
    return python, apt, True


def _resolve(names: tuple[str, ...], base: Base, spec: Spec, around: _Surroundings) -> tuple[LockedApt, ...]:
    kept = around.kept.apt if around.kept else ()
    pins = {
        package.name: package.version
        for package in kept
        if package.version and package.name not in around.upgrade.packages
    }
    image = base.image.id if base.image else base.locked.build_reference
    with step(around.sink, "apt", f"{len(names)} Debian packages") as note:
        wish = AptWish(names=names, pins=pins)
        apt = resolve_apt(wish, image, store=around.store, site=around.site, spec=spec)
        note.detail = f"{len(apt)} packages"
    return apt


def _packages(spec: Spec, python: LockedPython, base: Base, around: _Surroundings) -> dict[str, Any]:
    target = Target(python=python.version, platform=around.platform, glibc=base.locked.glibc)
    with step(around.sink, "pip", f"{len(spec.pip.requirements)} Python requirements") as note:
        document = compile_pip(
            spec.pip,
            target,
            previous=around.kept,
            upgrade=around.upgrade,
            site=around.site,
            environ=around.environ,
        )
        note.detail = f"{len(document['packages'])} packages"
    locked = {row["name"] for row in document["packages"]}
    for wish in spec.pip.requirements:
        if ";" in wish.text and _normal(wish.name) not in locked:
            place = f"{wish.file}:{wish.line}: {wish.path}"
            text = f"{place}: {wish.text} does not apply to Python {python.version} on {around.platform}"
            around.sink(Notice(level="info", text=text))
    if document["packages"]:
        with step(around.sink, "sizes", "sizes of the files") as note:
            asked = fill_sizes(document, previous=around.previous, site=around.site, environ=around.environ)
            note.detail = f"{asked} asked for"
            note.cached = asked == 0
    return document


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

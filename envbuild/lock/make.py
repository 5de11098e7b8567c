"""Stage 2's verb: a spec → a `Lock`. Asks uv, the package index, the engine and, in the base image, apt.

The order: what is certain to fail by the tables, base image, what it holds, conda packages, Python, Debian
packages, Python packages, sizes; then what was found is checked. Old answers are kept where they still do.
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
from envbuild.gpu.needed import need_of_locked, need_of_spec
from envbuild.lock.apt import AptWish, resolve_apt, unresolved
from envbuild.lock.around import Surroundings
from envbuild.lock.base import Base, inspect_base, resolve_base
from envbuild.lock.codes import codes_of, conda_codes_of
from envbuild.lock.conda import conda_names, lock_conda, python_of
from envbuild.lock.cuda import DEFAULT_BASE, Chosen, choose_base
from envbuild.lock.inputs import inputs_of
from envbuild.lock.model import Lock, LockedApt, LockedPython
from envbuild.lock.packages import packages_of
from envbuild.lock.pip import Target, Upgrade, compile_pip
from envbuild.lock.provided import provided_by
from envbuild.lock.pylock import digest_of_lock, ensure_writable, lock_path, validate
from envbuild.lock.python import choose_python, debian_python_version, managed_python, newest_managed
from envbuild.lock.sizes import fill_sizes
from envbuild.lock.truth import ensure_fits, ensure_possible, gpu_of, packages_as_needed, resolved_of
from envbuild.lock.uv import uv_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.conda.model import CondaRecord
    from envbuild.lock.model import LockedPackage
    from envbuild.lock.store import BaseStore
    from envbuild.site.model import Site
    from envbuild.spec.model import Spec

__all__ = ["DEFAULT_BASE", "Upgrade", "make_lock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What was found on one base."""

    base: Base
    python: LockedPython
    apt: tuple[LockedApt, ...]
    apt_resolved: bool
    document: dict[str, Any]
    conda: tuple[CondaRecord, ...] = ()

    @property
    def packages(self) -> tuple[LockedPackage, ...]:
        """The Python packages."""
        return packages_of(self.document)


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

    Raises SpecError for what is certain to fail, before the network is asked; LockError, Unsolvable,
    BaseUnavailable, EngineError; UsageError when `upgrade` names a stranger.
    """
    ensure_writable(lock_path(spec))
    around = Surroundings(
        site=site,
        store=store,
        platform=platform,
        previous=previous,
        upgrade=_known_upgrade(upgrade or Upgrade(), previous, spec),
        environ=environ,
        sink=sink,
        allow_unpinned_base=allow_unpinned_base,
    )
    said = ensure_possible(spec, around.machine, sink)
    chosen, found = _found(spec, around)
    codes = conda_codes_of(found.conda, environ) | codes_of(found.document, environ)
    resolved = resolved_of(found.packages, chosen.reference, around.machine, codes, found.conda)
    ensure_fits(spec, resolved, sink, said)
    validate(found.document)
    lock = Lock(
        name=spec.name,
        platform=platform,
        inputs=inputs_of(spec),
        base=found.base.locked,
        python=found.python,
        apt=found.apt,
        apt_resolved=found.apt_resolved,
        packages=found.packages,
        conda=found.conda,
        cuda=chosen.cuda,
        gpu=gpu_of(spec, resolved, found.base),
        tools=_tools(found),
        document=found.document,
    )
    return replace(lock, digest=digest_of_lock(lock))


def _tools(found: _Found) -> dict[str, str]:
    tools = {"envbuild": __version__, "uv": uv_version()}
    if not found.conda:
        return tools
    from envbuild.conda.ask import rattler_version

    return tools | {"rattler": rattler_version()}


def _found(spec: Spec, around: Surroundings) -> tuple[Chosen, _Found]:
    """The base and what was found on it.

    The base is chosen by what the requirements say; where the packages that were found need another, it is
    chosen once more.
    """
    chosen = choose_base(spec, need_of_spec(spec))
    found = _on(chosen.reference, spec, around)
    better = choose_base(spec, need_of_locked(spec, packages_as_needed(found.packages)))
    if better.reference != chosen.reference:
        text = f"the packages need another base: {better.reference} instead of {chosen.reference}"
        around.sink(Notice(level="info", text=text))
        found = _on(better.reference, spec, replace(around, again=True))
    return better, found


def _on(reference: str, spec: Spec, around: Surroundings) -> _Found:
    base = _base(reference, spec, around)
    conda = lock_conda(spec, base, around)
    python, apt, resolved = _python_and_apt(spec, base, conda, around)
    document = _packages(spec, python, base, conda, around)
    return _Found(base=base, python=python, apt=apt, apt_resolved=resolved, document=document, conda=conda)


def _known_upgrade(upgrade: Upgrade, previous: Lock | None, spec: Spec) -> Upgrade:
    """`upgrade` with normalised names. Raises UsageError for one that neither lock nor spec has."""
    debian = {package.name for package in previous.apt} if previous else set[str]()
    debian |= {name.partition("=")[0] for name in spec.apt}
    known = {package.name for package in previous.packages} if previous else set[str]()
    exact = debian | conda_names(spec, previous)
    known |= {_normal(wish.name) for wish in spec.pip.requirements} | exact
    names = tuple(
        name if name in exact else name.lower() if name.lower() in exact else _normal(name)
        for name in upgrade.packages
    )
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            raise UsageError(
                f"--upgrade-package {name}: neither the spec nor its lock has this package",
                hint=f"did you mean {near[0]}?" if near else "see what is locked: envbuild plan",
            )
    return replace(upgrade, packages=names)


def _base(reference: str, spec: Spec, around: Surroundings) -> Base:
    kept = around.kept
    with around.step("base", f"base image {reference}") as note:
        base = resolve_base(
            reference,
            store=around.store,
            platform=around.platform,
            previous=kept.base if kept and kept.platform == around.platform else None,
            allow_unpinned=around.allow_unpinned_base,
        )
        base = inspect_base(base, around.store)
        choice = None if spec.conda else choose_python(spec.python, base.held, reference)
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
    spec: Spec, base: Base, conda: tuple[CondaRecord, ...], around: Surroundings
) -> tuple[LockedPython, tuple[LockedApt, ...], bool]:
    where = base.locked.reference
    python = python_of(conda) if spec.conda else choose_python(spec.python, base.held, where)
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


def _resolve(names: tuple[str, ...], base: Base, spec: Spec, around: Surroundings) -> tuple[LockedApt, ...]:
    kept = around.kept.apt if around.kept else ()
    pins = {
        package.name: package.version
        for package in kept
        if package.version and package.name not in around.upgrade.packages
    }
    image = base.image.id if base.image else base.locked.build_reference
    with around.step("apt", f"{len(names)} Debian packages") as note:
        wish = AptWish(names=names, pins=pins)
        apt = resolve_apt(wish, image, store=around.store, site=around.site, spec=spec)
        note.detail = f"{len(apt)} packages"
    return apt


def _packages(
    spec: Spec, python: LockedPython, base: Base, conda: tuple[CondaRecord, ...], around: Surroundings
) -> dict[str, Any]:
    target = Target(python=python.version, platform=around.platform, glibc=base.locked.glibc)
    with around.step("pip", f"{len(spec.pip.requirements)} Python requirements") as note:
        document = compile_pip(
            spec.pip,
            target,
            previous=around.kept,
            upgrade=around.upgrade,
            site=around.site,
            environ=around.environ,
            provided=provided_by(conda) if conda else (),
            tell=lambda text: around.sink(Notice(level="warning", text=text)),
        )
        note.detail = f"{len(document['packages'])} packages"
    locked = {row["name"] for row in document["packages"]} | {record.pypi for record in conda}
    for wish in spec.pip.requirements:
        if ";" in wish.text and _normal(wish.name) not in locked:
            place = f"{wish.file}:{wish.line}: {wish.path}"
            text = f"{place}: {wish.text} does not apply to Python {python.version} on {around.platform}"
            around.sink(Notice(level="info", text=text))
    if document["packages"]:
        with around.step("sizes", "sizes of the files") as note:
            asked = fill_sizes(document, previous=around.previous, site=around.site, environ=around.environ)
            note.detail = f"{asked} asked for"
            note.cached = asked == 0
    return document


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

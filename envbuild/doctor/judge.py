"""Observations → findings: what is well, what is not, and how to mend it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.doctor.gpu import gpu_findings
from envbuild.doctor.model import Diagnosis, Finding, Trouble
from envbuild.site.urls import redact_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.doctor.model import Base, Observations
    from envbuild.engine.model import EngineInfo
    from envbuild.site.model import Site

_GB = 1000**3
_LITTLE = 10 * _GB  # a CUDA base and one framework with its libraries take about this
_NONE = 2 * _GB  # not even a small image with its build cache fits


def judge(seen: Observations) -> Diagnosis:
    """What is to be said of what was seen."""
    return Diagnosis(
        findings=(
            *_engine(seen.engine),
            *_disks(seen),
            *_uv(seen.uv),
            *_index(seen),
            *_base(seen),
            *_certificates(seen),
            *_proxies(seen.site),
            *_conda(seen.site),
            *_mmdebstrap(seen),
            *gpu_findings(seen.gpu, seen.engine),
            *(Finding(subject="site", level="warning", what=note) for note in seen.site.notes),
        )
    )


def _conda(site: Site) -> Iterator[Finding]:
    """What the site says of conda; nothing where it says nothing."""
    for old, new in sorted(site.conda_mirrors.items()):
        where = site.origins.get("conda_mirrors", "the site config")
        what = f"{old} is asked at {redact_url(new)} (from {where})"
        yield Finding(subject="conda mirror", level="ok", what=what)
    if origin := site.origins.get("micromamba"):
        yield Finding(subject="micromamba", level="ok", what=f"{site.micromamba} (from {origin})")


def _engine(engine: EngineInfo | Trouble) -> Iterator[Finding]:
    if isinstance(engine, Trouble):
        yield Finding(subject="engine", level="problem", what=engine.message, todo=engine.hint)
        return
    where = f"at {redact_url(engine.url)}, found by {engine.found_by}"
    where = f"{engine.kind} {engine.version} ({engine.platform}) {where}"
    yield Finding(subject="engine", level="ok", what=where)
    if engine.buildkit:
        yield Finding(subject="BuildKit", level="ok", what="the engine builds with BuildKit")
    else:
        what = "the engine builds by the classic endpoint, without cache mounts"
        todo = "for faster builds use Docker 20.10 or newer" if engine.kind == "docker" else ""
        yield Finding(subject="BuildKit", level="warning", what=what, todo=todo)


def _disks(seen: Observations) -> Iterator[Finding]:
    if not isinstance(seen.engine, Trouble) and seen.engine.disk_free is not None:
        yield _disk(
            "engine disk",
            seen.engine.root,
            seen.engine.disk_free,
            "remove what is not used: docker system prune",
        )
    if seen.cache is not None:
        yield _disk(
            "cache disk", seen.cache.folder, seen.cache.free, "remove what is not used: uv cache prune"
        )


def _disk(subject: str, folder: str, free: int, todo: str) -> Finding:
    what = f"{free / _GB:.1f} GB free at {folder}"
    if free < _NONE:
        return Finding(subject=subject, level="problem", what=what, todo=todo)
    if free < _LITTLE:
        return Finding(
            subject=subject, level="warning", what=f"{what}, which is little for GPU images", todo=todo
        )
    return Finding(subject=subject, level="ok", what=what)


def _uv(uv: str | Trouble) -> Iterator[Finding]:
    if isinstance(uv, Trouble):
        yield Finding(subject="uv", level="problem", what=uv.message, todo=uv.hint)
    else:
        yield Finding(subject="uv", level="ok", what=uv)


def _index(seen: Observations) -> Iterator[Finding]:
    name = redact_url(seen.site.index_url) if seen.site.index_url else "uv's default index"
    if origin := seen.site.origins.get("index_url"):
        name += f" (from {origin})"
    if isinstance(seen.index, Trouble):
        what = f"{name}: {seen.index.message}"
        todo = (
            seen.index.hint
            or "check the network, proxy and CA bundle, or name a mirror: index_url in the site config"
        )
        yield Finding(subject="package index", level="problem", what=what, todo=todo)
    else:
        yield Finding(subject="package index", level="ok", what=f"{name} answered in {seen.index:.1f} s")
    if seen.site.extra_index_urls:
        urls = ", ".join(redact_url(url) for url in seen.site.extra_index_urls)
        yield Finding(subject="further indexes", level="ok", what=urls)


def _base(seen: Observations) -> Iterator[Finding]:
    if seen.base is None:  # without an engine nobody can be asked
        return
    yield _found(seen.base)


def _found(base: Base) -> Finding:
    via = f" (through the mirror {base.mirror})" if base.mirror else ""
    if base.source == "registry":
        return Finding(subject="base image", level="ok", what=f"{base.reference}: its registry answers{via}")
    reason = base.trouble.message if base.trouble else "its registry has none"
    if base.source == "engine":
        what = f"{base.reference}: in the engine's store; {reason.removeprefix(f'{base.reference}: ')}"
        return Finding(subject="base image", level="ok", what=what)
    todo = (
        "name a mirror in the site config (registry_mirrors), make the base with "
        f"`envbuild bootstrap {base.reference}`, or lock with --allow-unpinned-base"
    )
    return Finding(
        subject="base image",
        level="warning",
        what=f"{base.reference}{via}: {reason.removeprefix(f'{base.reference}: ')}",
        todo=todo,
    )


def _certificates(seen: Observations) -> Iterator[Finding]:
    bundle = seen.site.ca_bundle
    if bundle is None:
        yield Finding(
            subject="CA bundle",
            level="ok",
            what="none of your own: the usual certificates are used, nothing is carried",
        )
        return
    name = f"{bundle} (from {seen.site.origins.get('ca_bundle', 'the site config')})"
    if isinstance(seen.certificates, Trouble):
        what = f"{name}: {seen.certificates.message}"
        todo = "name a PEM file in SSL_CERT_FILE or in ca_bundle of the site config"
        yield Finding(subject="CA bundle", level="problem", what=what, todo=todo)
        return
    count = seen.certificates or 0
    what = f"{name}: {count} certificate{'' if count == 1 else 's'}, carried to every network step of a build"
    yield Finding(subject="CA bundle", level="ok", what=what)


def _proxies(site: Site) -> Iterator[Finding]:
    if not site.proxies:
        yield Finding(subject="proxy", level="ok", what="none")
        return
    said = ", ".join(f"{kind}: {redact_url(value)}" for kind, value in sorted(site.proxies.items()))
    yield Finding(subject="proxy", level="ok", what=said)


def _mmdebstrap(seen: Observations) -> Iterator[Finding]:
    if seen.mmdebstrap:
        yield Finding(
            subject="mmdebstrap",
            level="ok",
            what=f"{seen.mmdebstrap}: `envbuild bootstrap` can make base images",
        )
        return
    needed = seen.base is not None and seen.base.source == "nowhere"
    what = "not installed: `envbuild bootstrap` cannot make base images"
    todo = "apt-get install mmdebstrap"
    yield Finding(
        subject="mmdebstrap", level="warning" if needed else "ok", what=what, todo=todo if needed else ""
    )

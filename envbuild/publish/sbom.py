"""What an image is made of as a CycloneDX document: `Lock` → bytes. Pure.

The same lock and version of envbuild give the same bytes: the serial number comes from the lock's digest, and
there is no time of writing. Package URLs are those of the purl specification (types pypi, conda, deb, oci,
generic).
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from envbuild.lock.packages import chosen_file
from envbuild.names import parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cyclonedx.model import HashType, Property
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

    from envbuild.lock.model import Lock

_BASE = "base"


def cyclonedx(lock: Lock, *, version: str) -> bytes:
    """The SBOM of what `lock` describes, in CycloneDX 1.6 as JSON; `version` is envbuild's own.

    Python and conda packages with the hashes of their files; the Debian packages that the lock names,
    and those of a bootstrapped base; the base image by digest; Python.
    """
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output.json import JsonV1Dot6

    image = Component(
        type=ComponentType.CONTAINER,
        name=lock.name,
        bom_ref=f"image:{lock.name}",
        properties=_properties({"lock": lock.digest, "platform": lock.platform, **_cuda(lock.cuda)}),
    )
    tool = Component(
        type=ComponentType.APPLICATION, name="envbuild", version=version, bom_ref="tool:envbuild"
    )
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"envbuild:{lock.digest}"),
        components=[_base(lock), _python(lock), *_debian(lock), *_conda(lock), *_packages(lock)],
        metadata=BomMetaData(component=image, tools=ToolRepository(components=[tool])),
    )
    bom.register_dependency(image, bom.components)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _base(lock: Lock) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    base = lock.base
    wanted = parse_reference(base.reference)
    digest = base.digest or wanted.digest
    purl = None
    if digest:
        qualifiers = {"repository_url": wanted.name, "tag": wanted.tag}
        purl = PackageURL(
            type="oci",
            name=wanted.repository.rpartition("/")[2],
            version=digest,
            qualifiers={key: value for key, value in qualifiers.items() if value},
        )
    said = {
        "base": base.reference,
        "base.id": base.image_id or "",
        "base.distribution": base.distribution,
        "base.contents": "not listed" if base.recipe is None else "",
    }
    return Component(
        type=ComponentType.CONTAINER,
        name=wanted.familiar,
        version=digest or wanted.tag or "latest",
        bom_ref=_BASE,
        purl=purl,
        hashes=_hashes({"sha256": digest.removeprefix("sha256:")} if digest.startswith("sha256:") else {}),
        properties=_properties(said),
    )


def _python(lock: Lock) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    version = lock.python.version
    return Component(
        type=ComponentType.PLATFORM,
        name="python",
        version=version,
        bom_ref=f"python@{version}",
        purl=PackageURL(type="generic", name="python", version=version),
        cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
        properties=_properties({"python.source": lock.python.source}),
    )


def _debian(lock: Lock) -> Iterator[Component]:
    """The lock's Debian packages, and those of a base that was bootstrapped."""
    from cyclonedx.model.component import Component, ComponentType

    versions = dict((lock.base.recipe or {}).get("packages") or {})
    versions |= {package.name: package.version for package in lock.apt}
    vendor, _, release = lock.base.distribution.partition(":")
    machine = lock.platform.partition("/")[2].partition("/")[0]
    for name, version in sorted(versions.items()):
        qualifiers = {"arch": machine, "distro": f"{vendor}-{release}" if release else ""}
        if vendor:
            yield _package("deb", name, str(version), vendor, qualifiers)
        else:  # a package URL of a Debian package names its vendor
            yield Component(
                type=ComponentType.LIBRARY, name=name, version=str(version) or None, bom_ref=f"deb:{name}"
            )


def _conda(lock: Lock) -> Iterator[Component]:
    for record in lock.conda:
        qualifiers = {
            "build": record.build,
            "channel": record.channel,
            "subdir": record.subdir,
            "type": "tar.bz2" if record.file.endswith(".tar.bz2") else "conda",
        }
        hashes = _hashes({"sha256": record.sha256, **({"md5": record.md5} if record.md5 else {})})
        yield _package("conda", record.name, record.version, None, qualifiers, hashes)


def _packages(lock: Lock) -> Iterator[Component]:
    for row in sorted(lock.document.get("packages", ()), key=lambda row: str(row["name"])):
        vcs = row.get("vcs") or {}
        where = f"{vcs.get('type')}+{vcs.get('url')}@{vcs.get('commit-id')}" if vcs.get("url") else ""
        chosen = chosen_file(row) or {}
        yield _package(
            "pypi",
            str(row["name"]),
            str(row.get("version") or ""),
            None,
            {"vcs_url": where},
            _hashes(chosen.get("hashes") or {}),
        )


def _package(
    kind: str,
    name: str,
    version: str,
    namespace: str | None,
    qualifiers: Mapping[str, str],
    hashes: Iterable[HashType] = (),
) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    purl: PackageURL = PackageURL(
        type=kind,
        namespace=namespace,
        name=name,
        version=version or None,
        qualifiers={key: value for key, value in qualifiers.items() if value},
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version or None,
        bom_ref=purl.to_string(),
        purl=purl,
        hashes=hashes,
    )


def _hashes(found: Mapping[str, Any]) -> tuple[HashType, ...]:
    """Hashes as locks write them (`{"sha256": "…"}`); what CycloneDX has no name for is left out."""
    from cyclonedx.model import HashAlgorithm, HashType

    names = {"md5": "MD5", "sha1": "SHA-1"} | {f"sha{bits}": f"SHA-{bits}" for bits in (256, 384, 512)}
    return tuple(
        HashType(alg=HashAlgorithm(names[name]), content=str(value))
        for name, value in sorted(found.items())
        if name in names
    )


def _properties(values: Mapping[str, str]) -> tuple[Property, ...]:
    from cyclonedx.model import Property

    return tuple(
        Property(name=f"dev.envbuild:{name}", value=value) for name, value in values.items() if value
    )


def _cuda(cuda: Mapping[str, str]) -> dict[str, str]:
    return {"cuda": cuda["version"]} if cuda.get("version") else {}

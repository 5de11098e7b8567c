"""What well-known base images hold: a reference in, `BaseFacts` (or None) out. Pure, from base_images.yml."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from envbuild.facts.tables import table


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFacts:
    """What is known of a base image without having it; "" stands for unknown, and for nothing.

    distribution  `debian:12`, `ubuntu:24.04`, `rhel:9`, `alpine`
    glibc         `2.36`; "" also where the image has no glibc
    apt           whether it has apt
    apt_python    the X.Y that the distribution's own archive has
    python        the X.Y or X.Y.Z that the image holds itself, and `executable` its path
    """

    distribution: str = ""
    glibc: str = ""
    apt: bool = False
    apt_python: str = ""
    python: str = ""
    executable: str = ""


def base_facts(reference: str) -> BaseFacts | None:
    """Facts of the image `reference` as the table knows it; None when it knows nothing of it."""
    name = short_name(reference)
    for pattern, row in _images():
        found = pattern.fullmatch(name)
        if not found:
            continue
        known = distribution_facts(row.get("distribution", "").format_map(found.groupdict()))
        if known is None and "python" not in row:
            continue  # a suite that the table does not know yet
        python = row.get("python", "").format_map(found.groupdict())
        return replace(known or BaseFacts(), python=python, executable=row.get("executable", ""))
    return None


def distribution_facts(name: str) -> BaseFacts | None:
    """Facts of a bare distribution, by name (`debian:12`) or codename (`bookworm`)."""
    return _distributions().get(name)


def short_name(reference: str) -> str:
    """`docker.io/library/debian:12@sha256:…` → `debian:12`; a missing tag is `latest`."""
    name = reference.partition("@")[0]
    for prefix in ("index.docker.io/", "docker.io/", "library/"):
        name = name.removeprefix(prefix)
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


@cache
def _images() -> tuple[tuple[re.Pattern[str], dict[str, str]], ...]:
    return tuple((re.compile(row["match"]), row) for row in table("base_images")["images"])


@cache
def _distributions() -> dict[str, BaseFacts]:
    known: dict[str, BaseFacts] = {}
    for name, row in table("base_images")["distributions"].items():
        known[name] = known[row["codename"]] = BaseFacts(
            distribution=name, glibc=row["glibc"] or "", apt=row["apt"], apt_python=row["python"] or ""
        )
    return known

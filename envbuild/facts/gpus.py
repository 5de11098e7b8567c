"""GPUs: compute capabilities, what compiles for them and which driver knows them, and GPUs by name. Text in,
rows out; what is not certain is None. Pure, from gpus.yml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from envbuild.facts.drivers import toolkits
from envbuild.facts.model import Architecture, Capability, KnownGpu
from envbuild.facts.tables import table
from envbuild.facts.versions import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envbuild.facts.model import Toolkit

KINDS: Mapping[str, bool | None] = {
    "data_center": True,
    "consumer": False,
    "professional": None,
    "jetson": None,
}
"""Lists of names in a row → whether cuda-compat works on them."""

_NEWEST_MAJOR = 15  # a capability above this is a typing error, not a GPU to come
_LONGEST = 120  # characters of a name worth looking at
_FIRST_LAPTOPS_ALIKE = (6, 0)  # before Pascal, a laptop's GPU of the same number may be of another capability
_CAPABILITY = re.compile(r"(?:(?:sm|compute)_?)?(?:([0-9]{1,2})\.([0-9])|([0-9]{1,2})([0-9]))[af]?")
# What drivers, clouds and schedulers put after a name: MIG instances, vGPU profiles, memory, sockets.
_INSTANCE = re.compile(r"\bmig\b.*|\b[0-9]+c?\.?[0-9]*g\.[0-9]+gb.*|(?:-[0-9]+)?-[0-9]+[qcab]$")
_MEMORY = re.compile(r"\b[0-9]{1,3} ?gi?b?\b")
_NOISE = re.compile(
    r"sxm[0-9]?|pcie?|nvl[0-9]*|hbm[0-9]?e?|oam|dgxs|fhhl|hgx|dgx|ac|gpu|generation|graphics|nvgpu"
)
_LAPTOP = {"laptop", "mobile", "max", "q", "maxq", "with", "design"}
_VENDOR = {"nvidia", "corporation"}


def architectures() -> tuple[Architecture, ...]:
    """All that the table knows, newest first."""
    return tuple(_architectures().values())


def architecture(capability: Capability) -> Architecture | None:
    """What is known of a compute capability; None when the table does not know it."""
    return _architectures().get(capability)


def capability_of(text: str) -> Capability | None:
    """`8.6`, `86`, `sm_86`, `compute_86`, `sm_90a`, `120` → (8, 6) …; None for what is no capability.

    One that the table does not know is taken only when it is newer than all that are known.
    """
    found = _CAPABILITY.fullmatch(text.strip().lower()) if len(text) <= _LONGEST else None
    if not found or not text.isascii():
        return None
    capability = (int(found[1] or found[3]), int(found[2] or found[4]))
    known = _architectures()
    newer = max(known) < capability and capability[0] <= _NEWEST_MAJOR
    return capability if capability in known or newer else None


def find_gpu(text: str) -> KnownGpu | None:
    """The GPU that a name means, as people, NVML or schedulers write it (`1080ti`, `NVIDIA A100-SXM4-80GB`).

    None for a name that the table does not know, and for one that may mean GPUs of different capabilities.
    """
    return find_in(_names(), text)


def known_gpus() -> tuple[KnownGpu, ...]:
    """Every GPU by name, newest capability first."""
    return tuple(gpu for row in table("gpus")["architectures"] for gpu in read_gpus(row))


def read_architecture(
    row: Mapping[str, Any], releases_of: Callable[[str], tuple[Toolkit, ...]] = toolkits
) -> Architecture:
    """A row of `architectures`; `releases_of`: the releases of a CUDA version, as `toolkits` gives them.

    Raises ValueError, KeyError or TypeError when it does not parse.
    """
    jetson = "jetson" in row
    first: str = row["first_toolkit"]
    numbers(first)
    last_toolkit: str | None = row["last_toolkit"]
    if last_toolkit not in {None, "unknown"}:
        numbers(str(last_toolkit))
    last_branch: int | Literal["unknown"] | None = row["last_branch"]
    if last_branch not in {None, "unknown"}:
        last_branch = int(last_branch)
    return Architecture(
        capability=_read_capability(row["capability"]),
        name=row["name"],
        first_toolkit=first,
        last_toolkit=last_toolkit,
        first_branch=None if jetson else next((release.branch for release in releases_of(first)), None),
        last_branch=last_branch,
        jetson=jetson,
        gpus=tuple(gpu.name for gpu in read_gpus(row)),
    )


def read_gpus(row: Mapping[str, Any]) -> tuple[KnownGpu, ...]:
    """The GPUs of a row of `architectures`, with those of general knowledge."""
    capability = _read_capability(row["capability"])
    return tuple(
        KnownGpu(name=name, capability=capability, data_center=compat)
        for names in (row, row.get("also", {}))
        for kind, compat in KINDS.items()
        for name in names.get(kind, ())
    )


def _read_capability(text: str) -> Capability:
    major, minor = numbers(text)
    return major, minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Keys of names. exact: as the table has them; short: with parts left out that people leave out."""

    exact: Mapping[str, tuple[KnownGpu, ...]]
    short: Mapping[str, tuple[KnownGpu, ...]]
    ambiguous: frozenset[str]


def find_in(names: Names, text: str) -> KnownGpu | None:
    """As `find_gpu`, among these names."""
    plain = re.sub("[_\u00ae\u2122]", " ", text).strip().lower()
    if len(plain) > _LONGEST or not plain.isascii():
        return None
    full = "".join(_tokens(plain))
    tokens = _tokens(_MEMORY.sub(" ", _INSTANCE.sub("", plain)))
    bare = [token for token in tokens if not _NOISE.fullmatch(token)]
    short = [token for token in bare if token not in _LAPTOP]
    for key in dict.fromkeys((full, "".join(bare), "".join(short))):
        gpu = _only(names, key)
        if gpu and len(short) < len(bare) and key == "".join(short) and gpu.capability < _FIRST_LAPTOPS_ALIKE:
            return None
        if gpu or key in names.ambiguous:
            return gpu
    return None


def read_names(data: Mapping[str, Any]) -> Names:
    """All names of a table like gpus.yml and how they may be written."""
    exact: dict[str, list[KnownGpu]] = {}
    short: dict[str, list[KnownGpu]] = {}
    for gpu in (gpu for row in data["architectures"] for gpu in read_gpus(row)):
        for name in (gpu.name, *data["aliases"].get(gpu.name, ())):
            tokens = _tokens(name.lower())
            exact.setdefault("".join(tokens), []).append(gpu)
            for key in _short_keys(tokens, gpu):
                if gpu not in short.setdefault(key, []):
                    short[key].append(gpu)
    return Names(
        exact={key: tuple(gpus) for key, gpus in exact.items()},
        short={key: tuple(gpus) for key, gpus in short.items() if key not in exact},
        ambiguous=frozenset("".join(_tokens(name.lower())) for name in data["ambiguous"]),
    )


def _only(names: Names, key: str) -> KnownGpu | None:
    """The GPU of this key, if all that it may mean have one capability."""
    meant = (*names.exact.get(key, ()), *names.short.get(key, ()))
    if key in names.ambiguous or len({gpu.capability for gpu in meant}) != 1:
        return None
    if len({gpu.data_center for gpu in meant}) != 1:
        return None
    return meant[0]


def _tokens(text: str) -> list[str]:
    return [token for token in re.findall(r"[a-z0-9]+", text) if token not in _VENDOR]


def _short_keys(tokens: list[str], gpu: KnownGpu) -> Iterator[str]:
    """Other ways to write a name: without its family, without GTX or RTX, with a family that it had once."""
    if gpu.data_center:
        bare = [token for token in tokens if token not in {"tesla", "grid"}]
        yield "".join(bare)
        yield "tesla" + "".join(bare)
        yield "grid" + "".join(bare)
    elif gpu.data_center is False:
        model = [token for token in tokens if token not in {"geforce", "gtx", "rtx", "gt", "quadro"}]
        series = [token for token in tokens if token in {"gtx", "rtx", "gt"}]
        yield "".join([*series, *model])
        yield "".join(model)
        if "geforce" in tokens:
            yield "".join(["geforce", *model])
    elif "blackwell" in tokens:
        until = tokens[: tokens.index("blackwell")]
        yield "".join(until)  # RTX PRO 6000
        yield "".join([*until, "blackwell"])
    else:
        model = [part for part in tokens if part != "quadro"]
        yield "".join(model)
        yield "".join(["quadro", *model])
        if model[0] == "rtx" and (model[1][0] == "a" or model[-1] == "ada"):
            yield "".join(model[1:])  # A6000, 6000 Ada


@cache
def _architectures() -> dict[Capability, Architecture]:
    rows = (read_architecture(row) for row in table("gpus")["architectures"])
    return {row.capability: row for row in rows}


@cache
def _names() -> Names:
    return read_names(table("gpus"))

"""A machine as text and back: `parse_host("driver=550.54,gpu=A100") → Host`, `host_line(host) → str`. Pure.

A value that cannot be read is kept as it was written, and what depends on it stays unknown.
"""

from __future__ import annotations

import difflib
import re
from itertools import groupby
from typing import TYPE_CHECKING

from envbuild.errors import UsageError
from envbuild.facts.drivers import branch_of
from envbuild.facts.gpus import capability_of, find_gpu, known_gpus
from envbuild.gpu.model import NO_DRIVER, Gpu, Host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.facts.model import Capability

SOURCE = "--host"
KEYS = ("driver", "gpu")
MOST_OF_A_KIND = 256
"""GPUs that one part may stand for: more is a typing error."""

_NONE = {"none", "no"}
_NOT_TOLD = {"", "unknown", "?"}
_SAMPLE = "--host driver=550.54,gpu=A100"
# "550", "550.54.15", "R550", "550.x"; distributions put their package's revision behind it ("550.54.15-1").
_DRIVER = re.compile(
    r"[rv]?([0-9]{1,4}(?:\.[0-9]{1,4}){0,3})(?:\.[x*])?(?:[-+~][0-9a-z.+~-]*)?", re.IGNORECASE
)
_CUDA_LIKE = re.compile(r"(?:cuda *)?(?:[89]|1[0-9])(?:\.[0-9]{1,2}){1,2}", re.IGNORECASE)
_COUNT_FIRST = re.compile(r"(?P<count>[0-9]{1,6}) *[x\u00d7*] *(?P<name>.+)", re.IGNORECASE)
_COUNT_LAST = re.compile(r"(?P<name>.*[^ ]) *[:x\u00d7*] *(?P<count>[0-9]{1,6})", re.IGNORECASE)
_LONGEST = 120  # characters of a name that may be more than a name
_NO_COMMA = re.compile(r"[\s;](driver|gpu)\s*=", re.IGNORECASE)
_GIB = 1024**3


def parse_host(text: str) -> Host:
    """The machine that `driver=VERSION,gpu=NAME…` describes; what is not told is not known.

    `driver=none` and `gpu=none` say that there is none; a GPU is a name or a compute capability (`8.6`,
    `sm_86`), several of a kind are `8xA100` or `A100:8`. Raises UsageError for parts that are neither.
    """
    drivers: list[str] = []
    gpus: list[str] = []
    for key, value in _parts(text):
        (drivers if key == "driver" else gpus).append(value)
    driver, notes = _driver(drivers)
    return Host(driver=driver, gpus=_gpus(gpus), source=SOURCE, notes=notes)


def host_line(host: Host) -> str:
    """A machine in one line for people: `driver 550.54.15 with 8 x NVIDIA A100-SXM4-80GB (8.0)`."""
    if host.driver == NO_DRIVER:
        driver = "no NVIDIA driver"
    elif host.driver:
        driver = f"driver {host.driver}"
    else:
        driver = "an unknown driver"
    if host.gpus is None:
        return driver if host.driver == NO_DRIVER else f"{driver} with unknown GPUs"
    if not host.gpus:
        return driver if host.driver == NO_DRIVER else f"{driver} and no GPU"
    return f"{driver} with {', '.join(_groups(host.gpus))}"


def gpu_words(gpu: Gpu) -> str:
    """A GPU with what is known of it: `NVIDIA A100-SXM4-80GB (8.0, 80 GiB)`."""
    known = [
        ".".join(str(part) for part in gpu.capability) if gpu.capability else "capability unknown",
        *([f"{gpu.memory / _GIB:.0f} GiB"] if gpu.memory else []),
        *([f"MIG {' '.join(gpu.mig)}"] if gpu.mig else []),
    ]
    return f"{gpu.name or 'a GPU without a name'} ({', '.join(known)})"


def gpu_by_name(name: str) -> tuple[Capability | None, bool | None]:
    """Capability and whether it is for data centres, as far as the tables know the name."""
    known = find_gpu(name)
    return (known.capability, known.data_center) if known else (None, None)


def _groups(gpus: tuple[Gpu, ...]) -> Iterator[str]:
    for words, group in groupby(gpus, key=gpu_words):
        count = len(list(group))
        yield f"{count} x {words}" if count > 1 else words


def _parts(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        if not part.strip():
            continue
        key, sign, value = part.partition("=")
        key, value = key.strip().lower(), value.strip()
        if not sign:
            raise UsageError(f"--host: {part.strip()!r} has no =", hint=_meant(part.strip()))
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            suggestion = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(
                f"--host: unknown key {key!r}{suggestion}",
                hint=f"it takes {' and '.join(KEYS)}, for instance {_SAMPLE}",
            )
        if _NO_COMMA.search(f" {value}"):
            raise UsageError(
                f"--host: {part.strip()!r} holds two parts", hint=f"put a comma between: {_SAMPLE}"
            )
        yield key, value


def _meant(part: str) -> str:
    if find_gpu(part):
        return f"did you mean gpu={part}?"
    if branch_of(part) and _DRIVER.fullmatch(part):
        return f"did you mean driver={part}?"
    return f"write driver=VERSION, gpu=NAME with commas between, such as {_SAMPLE}"


def _driver(told: list[str]) -> tuple[str, tuple[str, ...]]:
    """The driver and a note on what cannot be read; "" when it is not told."""
    values = list(dict.fromkeys(told))
    if len(values) > 1:
        raise UsageError(f"--host: a machine has one driver, not {' and '.join(values)}", hint=_SAMPLE)
    value = values[0] if values else ""
    if value.lower() in _NONE:
        return NO_DRIVER, ()
    if value.lower() in _NOT_TOLD:
        return "", ()
    read = _DRIVER.fullmatch(value)
    if read and branch_of(read[1]):
        return read[1], ()
    if _CUDA_LIKE.fullmatch(value):
        return "", (f"--host: {value!r} looks like a CUDA version; the driver's is one such as 550.54.15",)
    return "", (f"--host: {value!r} is no version of an NVIDIA driver, such as 550.54.15",)


def _gpus(told: list[str]) -> tuple[Gpu, ...] | None:
    values = [value for value in told if value.lower() not in _NOT_TOLD]
    if not values:
        return None
    named = [value for value in values if value.lower() not in _NONE]
    if not named:
        return ()
    if len(named) < len(values):
        raise UsageError("--host: gpu=none stands beside another GPU", hint="say one or the other")
    return tuple(gpu for value in named for gpu in _some(value))


def _some(value: str) -> tuple[Gpu, ...]:
    """One GPU, or several of a kind."""
    if gpu := _known(value):
        return (gpu,)
    for form in (_COUNT_FIRST, _COUNT_LAST) if len(value) <= _LONGEST else ():
        found = form.fullmatch(value)
        if found and 1 <= int(found["count"]) <= MOST_OF_A_KIND:
            return _several(found["name"].strip(), int(found["count"]), value)
    return (Gpu(name=value, capability=None),)


def _several(name: str, count: int, value: str) -> tuple[Gpu, ...]:
    """`count` GPUs; the x of `RTX5095` counts nothing, as no GPU is called RT."""
    gpu = _known(name)
    if gpu is None and re.fullmatch(r".*[^ ]x[0-9]+", value, re.IGNORECASE):
        return (Gpu(name=value, capability=None),)
    return (gpu or Gpu(name=name, capability=None),) * count


def _known(text: str) -> Gpu | None:
    capability = capability_of(text)
    if capability:
        name = f"sm_{capability[0]}{capability[1]}"
        return Gpu(name=name, capability=capability, data_center=_all_data_center(capability))
    known = find_gpu(text)
    if known:
        return Gpu(name=known.name, capability=known.capability, data_center=known.data_center)
    return None


def _all_data_center(capability: Capability) -> bool | None:
    """Whether every GPU of this capability is for data centres, or none is; None: some are, or not known."""
    kinds = {gpu.data_center for gpu in known_gpus() if gpu.capability == capability}
    return kinds.pop() if len(kinds) == 1 else None

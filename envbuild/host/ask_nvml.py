"""Asks NVML and writes its answer as one line of JSON. Run as a program of its own (`host/nvml.py` does): a
driver in trouble can keep a call for ever or crash it.

Its one argument is the folder of the module pynvml, which costs 0.02 s and more and is imported only when
there is a library to ask. Every piece that cannot be had is None.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY = "libnvidia-ml.so.1"
_FUNCTION_NOT_FOUND = 13


def answer(folder: str) -> dict[str, Any]:
    """All that NVML says, as plain data with the names of NvmlAnswer."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        # Missing, or there and of no use: made for another machine, cut short, lacking what it needs itself.
        text = str(error)
        missing = LIBRARY in text and "No such file" in text
        return {"state": "absent"} if missing else {"state": "broken", "text": text}
    sys.path.append(folder)
    import pynvml

    try:
        _begin(pynvml)
    except pynvml.NVMLError as error:
        library = _piece(pynvml, pynvml.nvmlSystemGetNVMLVersion)
        return {"state": "failed", "code": error.value, "text": str(error), "library": library or ""}
    return {
        "state": "answered",
        "library": _piece(pynvml, pynvml.nvmlSystemGetNVMLVersion) or "",
        "driver": _piece(pynvml, pynvml.nvmlSystemGetDriverVersion) or "",
        "cuda": _cuda(pynvml),
        "gpus": _gpus(pynvml),
    }


def _begin(pynvml: Any) -> None:
    """Start NVML; drivers before 390 have only the older function."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if error.value != _FUNCTION_NOT_FOUND or not hasattr(pynvml.nvmlLib, "nvmlInit_v2"):
            raise
        if code := pynvml.nvmlLib.nvmlInit_v2():
            raise pynvml.NVMLError(code) from error


def _piece(pynvml: Any, ask: Callable[..., Any], *arguments: Any) -> Any:
    """What one question gives; None when this driver, library or user cannot have it answered."""
    try:
        return ask(*arguments)
    except (pynvml.NVMLError, ValueError):  # ValueError: a text that is no UTF-8
        return None


def _cuda(pynvml: Any) -> int | None:
    """v2 asks libcuda.so.1, which may be missing or the function unknown: the older one guesses then."""
    value: int | None = _piece(pynvml, pynvml.nvmlSystemGetCudaDriverVersion_v2)
    older: int | None = _piece(pynvml, pynvml.nvmlSystemGetCudaDriverVersion) if not value else None
    return value or older


def _gpus(pynvml: Any) -> list[dict[str, Any]] | None:
    count = _piece(pynvml, pynvml.nvmlDeviceGetCount)
    return None if count is None else [_gpu(pynvml, index) for index in range(count)]


def _gpu(pynvml: Any, index: int) -> dict[str, Any]:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    except pynvml.NVMLError as error:
        return {"trouble": str(error)}
    memory = _piece(pynvml, pynvml.nvmlDeviceGetMemoryInfo, handle)
    mode = _piece(pynvml, pynvml.nvmlDeviceGetMigMode, handle)
    persistence = _piece(pynvml, pynvml.nvmlDeviceGetPersistenceMode, handle)
    split = bool(mode and mode[0])
    return {
        "name": _piece(pynvml, pynvml.nvmlDeviceGetName, handle) or "",
        "capability": _piece(pynvml, pynvml.nvmlDeviceGetCudaComputeCapability, handle),
        "memory": memory.total if memory else None,
        "uuid": _piece(pynvml, pynvml.nvmlDeviceGetUUID, handle) or "",
        "mig_mode": split,
        "mig": _instances(pynvml, handle) if split else [],
        "persistence": None if persistence is None else bool(persistence),
    }


def _instances(pynvml: Any, handle: Any) -> list[str]:
    """The names of the MIG instances: "NVIDIA A100-SXM4-40GB MIG 1g.5gb" → "1g.5gb"."""
    names = []
    for index in range(_piece(pynvml, pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        instance = _piece(pynvml, pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        if instance is not None:  # there are as many places as may be; most are empty
            name = _piece(pynvml, pynvml.nvmlDeviceGetName, instance) or ""
            names.append(name.partition(" MIG ")[2] or "unknown")
    return names


if __name__ == "__main__":
    sys.stdout.write(json.dumps(answer(sys.argv[1])) + "\n")

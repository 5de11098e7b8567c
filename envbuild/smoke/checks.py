"""Stage 6, deciding: spec and lock → the checks, in order. Pure but for reading this package's own probes.

Order: imports and commands of the spec, then built-in checks by what is locked: a real kernel whose result is
compared with a known one, on the CPU always, and on each GPU where the locked build can use one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.smoke.model import Check
from envbuild.smoke.probes import probe

if TYPE_CHECKING:
    from envbuild.conda.model import CondaRecord
    from envbuild.lock.model import Lock
    from envbuild.spec.model import KeyPath, Spec

PYTHON = "/opt/env/bin/python"
GPU_DEVICES = ("/dev/nvidia[0-9]*", "/dev/dxg")  # dxg: a GPU handed into WSL 2
_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu")
_TENSORFLOW_SINCE = (1, 15)
"""Older ones lack what the probe uses; the driver's own check speaks for them."""
_MUTEX = ["pytorch-mutex", "cuda"]
"""What a build of the channel `pytorch` for CUDA needs: its name and build."""
_CUPY = re.compile(r"cupy(-cuda\d+x?)?")
_IMPORT = (
    "import importlib, sys\n"
    "version = getattr(importlib.import_module(sys.argv[1]), '__version__', '')\n"
    "print('\\n' + str(version))\n"
)


def plan_checks(spec: Spec, lock: Lock) -> tuple[Check, ...]:
    """What to try in the image of `spec` and `lock`.

    Commands run by `/bin/sh -c` in the image, as a Dockerfile's RUN does; what needs bash says `bash -c`.
    """
    return (*_imports(spec), *_commands(spec), *_cpu_kernels(spec, lock), *_gpu_kernels(spec, lock))


def _where(spec: Spec, path: KeyPath) -> tuple[str, int]:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix("."), spec.source.line(path)


def _imports(spec: Spec) -> list[Check]:
    checks = []
    for number, module in enumerate(spec.smoke.imports):
        path, line = _where(spec, ("smoke", "imports", number))
        argv = (PYTHON, "-c", _IMPORT, module)
        checks.append(
            Check(
                name=f"import {module}",
                kind="import",
                argv=argv,
                path=path,
                line=line,
                timeout=spec.smoke.timeout,
            )
        )
    return checks


def _commands(spec: Spec) -> list[Check]:
    checks = []
    for number, command in enumerate(spec.smoke.commands):
        path, line = _where(spec, ("smoke", "commands", number))
        argv = ("/bin/sh", "-c", command)
        name = _short(command)
        checks.append(
            Check(name=name, kind="command", argv=argv, path=path, line=line, timeout=spec.smoke.timeout)
        )
    return checks


def _short(command: str) -> str:
    first, *more = command.strip().splitlines() or [""]
    return first if len(first) <= 60 and not more else f"{first[:59]}…"


def _probe_check(spec: Spec, name: str, probe_name: str, device: str) -> Check:
    gpu = device == "gpu"
    path, line = _where(spec, ("smoke", "gpu")) if gpu else ("", 0)
    return Check(
        name=name,
        kind="builtin",
        argv=(PYTHON, "-c", probe(probe_name), device, *(GPU_DEVICES if gpu else ())),
        path=path,
        line=line,
        timeout=spec.smoke.timeout,
        gpu=gpu,
        required=gpu and spec.smoke.gpu == "required",
        skip="smoke.gpu is none" if gpu and spec.smoke.gpu == "none" else "",
    )


def _cpu_kernels(spec: Spec, lock: Lock) -> list[Check]:
    versions = _versions(lock)
    found: list[str] = [name for name in ("numpy", "torch") if name in versions]
    found += ["tensorflow"] if _has_tensorflow(versions, *_TENSORFLOW) else []
    found += ["jax"] if "jax" in versions else []
    checks = [_probe_check(spec, f"{name} on the CPU", f"{name}_kernel", "cpu") for name in found]
    if _devel(spec, lock):
        checks.append(_probe_check(spec, "nvcc compiles", "nvcc_kernel", "cpu"))
    return checks


def _gpu_kernels(spec: Spec, lock: Lock) -> list[Check]:
    """GPU checks of the frameworks whose locked build can use one; of the driver alone when there is none."""
    checks = [
        _probe_check(spec, f"{name} on the GPU", f"{name}_kernel", "gpu")
        for name in _gpu_frameworks(spec, lock)
    ]
    if not checks and (spec.cuda or spec.smoke.gpu == "required"):
        checks.append(_probe_check(spec, "CUDA driver", "cuda_driver", "gpu"))
    if _devel(spec, lock):
        checks.append(_probe_check(spec, "nvcc on the GPU", "nvcc_kernel", "gpu"))
    return checks


def _gpu_frameworks(spec: Spec, lock: Lock) -> list[str]:
    versions = _versions(lock)
    libraries = any(name.startswith(("nvidia-cublas", "nvidia-cuda-runtime")) for name in versions)
    cuda = libraries or spec.cuda is not None
    conda = {row.pypi: _for_cuda(row) for row in lock.conda if row.pypi}
    torch = "torch" in versions and (
        conda["torch"] if "torch" in conda else _torch_with_cuda(versions["torch"], lock, cuda)
    )
    found = ["torch"] if torch else []
    if conda.get("tensorflow", cuda) and _has_tensorflow(versions, "tensorflow", "tensorflow-gpu"):
        found.append("tensorflow")
    if "jax" in versions and (conda.get("jaxlib") or any(name.startswith("jax-cuda") for name in versions)):
        found.append("jax")
    if any(_CUPY.fullmatch(name) for name in versions):
        found.append("cupy")
    return found


def _versions(lock: Lock) -> dict[str, str]:
    """Python packages, whether pip or conda brings them."""
    conda = {row.pypi: row.version for row in lock.conda if row.pypi}
    return conda | {package.name: package.version for package in lock.packages}


def _for_cuda(record: CondaRecord) -> bool:
    """Whether a conda package is a build for CUDA, by its build and by what it needs."""
    needs = (depend.replace("=", " ").split(" ", 2) for depend in record.depends)
    asks = any(
        name == "__cuda" or name.startswith(("cuda", "pytorch-cuda")) or [name, *build[1:]] == _MUTEX
        for name, *build in needs
    )
    return asks or re.search(r"cuda|gpu", record.build) is not None


def _torch_with_cuda(version: str, lock: Lock, cuda: bool) -> bool:
    """By its local version, else by CUDA beside it; wheels of torch 1 carry CUDA inside: the lock knows."""
    if local := version.partition("+")[2]:
        return local.startswith("cu")
    inside = version.startswith("1.") and any(
        str(use["component"]).startswith("torch ") for use in lock.gpu.get("uses", ())
    )
    return cuda or inside


def _has_tensorflow(versions: dict[str, str], *names: str) -> bool:
    """Whether one of `names` is locked, in a release that the probe can speak with."""
    found = [re.match(r"(\d+)\.(\d+)", versions[name]) for name in names if name in versions]
    return any((int(version[1]), int(version[2])) >= _TENSORFLOW_SINCE for version in found if version)


def _devel(spec: Spec, lock: Lock) -> bool:
    """Whether the base has nvcc: a CUDA image of flavour devel, the spec's or one of the user's own."""
    references = (lock.cuda.get("reference", ""), lock.base.reference)
    asked = spec.cuda is not None and spec.cuda.flavour == "devel" and not spec.base
    return asked or any("cuda" in reference and "-devel" in reference for reference in references)

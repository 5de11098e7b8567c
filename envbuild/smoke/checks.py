"""Stage 6, deciding: spec and lock → the checks, in order. Pure but for reading this package's own probes.

Order: imports and commands of the spec, then built-in checks by what is locked: a real kernel whose result is
compared with a known one, on the CPU always, and on a GPU where the locked build can use one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.smoke.model import Check
from envbuild.smoke.probes import probe

if TYPE_CHECKING:
    from envbuild.lock.model import Lock
    from envbuild.spec.model import KeyPath, Spec

PYTHON = "/opt/env/bin/python"
GPU_DEVICES = ("/dev/nvidia[0-9]*", "/dev/dxg")  # dxg: a GPU handed into WSL 2
_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu")
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
    locked = {package.name for package in lock.packages}
    if locked.intersection(_TENSORFLOW):
        locked.add("tensorflow")
    found = [name for name in ("numpy", "torch", "tensorflow", "jax") if name in locked]
    return [_probe_check(spec, f"{name} on the CPU", f"{name}_kernel", "cpu") for name in found]


def _gpu_kernels(spec: Spec, lock: Lock) -> list[Check]:
    """GPU checks of the frameworks whose locked build can use one; of the driver alone when there is none."""
    checks = [
        _probe_check(spec, f"{name} on the GPU", f"{name}_kernel", "gpu")
        for name in _gpu_frameworks(spec, lock)
    ]
    if not checks and (spec.cuda or spec.smoke.gpu == "required"):
        checks.append(_probe_check(spec, "CUDA driver", "cuda_driver", "gpu"))
    return checks


def _gpu_frameworks(spec: Spec, lock: Lock) -> list[str]:
    versions = {package.name: package.version for package in lock.packages}
    libraries = any(name.startswith(("nvidia-cublas", "nvidia-cuda-runtime")) for name in versions)
    found = []
    if "torch" in versions:
        local = versions["torch"].partition("+")[2]
        if local.startswith("cu") if local else libraries or spec.cuda:
            found.append("torch")
    if versions.keys() & {"tensorflow", "tensorflow-gpu"} and (libraries or spec.cuda):
        found.append("tensorflow")
    if "jax" in versions and any(name.startswith("jax-cuda") for name in versions):
        found.append("jax")
    return found

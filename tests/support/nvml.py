"""A stand-in for NVIDIA's libnvidia-ml.so.1, compiled by gcc when first asked for (nvml_standin.c): it serves
pynvml with the machine that a test describes. Real are pynvml, the loader that finds the library, and all
that reads the answers; not real is what the library says.

    with standin_nvml(A100) as environ:
        subprocess.run([…], env={**os.environ, **environ})
"""

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.need import missing

SOURCE = Path(__file__).with_name("nvml_standin.c")
GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class StandinGpu:
    """A GPU that the stand-in tells of; "" and None: it cannot tell.

    mig  names of MIG instances; None: MIG mode is off, () it is on and there is no instance
    """

    name: str
    capability: str = ""
    memory: int = 0
    uuid: str = ""
    persistence: bool | None = True
    mig: tuple[str, ...] | None = None

    def line(self) -> str:
        persistence = "" if self.persistence is None else str(int(self.persistence))
        mig = "" if self.mig is None else ",".join(self.mig) or "empty"
        return f"gpu={self.name}|{self.capability}|{self.memory}|{self.uuid}|{persistence}|{mig}"


@dataclass(frozen=True, kw_only=True)
class Standin:
    """A machine as the stand-in tells of it.

    init  what starting NVML gives: an error of nvml.h, "hang" or "crash"
    lost  GPUs that are not handed out, by NVML's error for it
    old   a library of before driver 384: without the newer functions
    """

    driver: str = "550.54.15"
    cuda: int = 12040
    gpus: tuple[StandinGpu, ...] = ()
    init: int | str = 0
    library: str = ""
    cuda_v2: int | None = None
    lost: tuple[int, ...] = ()
    old: bool = False

    def text(self) -> str:
        lines = [f"init={self.init}", f"driver={self.driver}", f"cuda={self.cuda}"]
        lines.append(f"library={self.library or f'12.{self.driver}'}")
        lines += [f"cuda_v2={self.cuda_v2}"] if self.cuda_v2 is not None else []
        lines += [gpu.line() for gpu in self.gpus] + [f"lost={code}" for code in self.lost]
        return "\n".join(lines)


_A100 = StandinGpu(
    name="NVIDIA A100-SXM4-80GB",
    capability="8.0",
    memory=80 * GIB,
    uuid="GPU-a1000000-0000-0000-0000-000000000000",
)
_H100 = StandinGpu(
    name="NVIDIA H100 80GB HBM3",
    capability="9.0",
    memory=80 * GIB,
    uuid="GPU-a1000000-0000-0000-0000-000000000001",
    mig=("1g.10gb", "1g.10gb", "3g.40gb"),
)
_GTX_1080_TI = StandinGpu(
    name="NVIDIA GeForce GTX 1080 Ti",
    capability="6.1",
    memory=11 * GIB,
    uuid="GPU-10800000-0000-0000-0000-000000000000",
    persistence=False,
)

A100 = Standin(gpus=(_A100,))
H100_MIG = Standin(driver="580.95.05", cuda=13000, gpus=(_H100,))
GTX_1080_TI = Standin(driver="535.129.03", cuda=12020, gpus=(_GTX_1080_TI,))
TWO_GPUS = Standin(driver="570.124.06", cuda=12080, gpus=(_A100, _GTX_1080_TI))
NO_DEVICE = Standin(gpus=())
MISMATCH = Standin(driver="", init=18, library="12.550.144.03")
"""Driver/library version mismatch."""
HANG = Standin(init="hang")
CRASH = Standin(init="crash")
UNKNOWN_ERROR = Standin(init=999)
NO_PERMISSION = Standin(init=4)
NOT_LOADED = Standin(init=9)
"""Libraries without a driver."""
OLD = Standin(driver="375.26", gpus=(_GTX_1080_TI,), old=True)
"""A driver whose NVML knows neither compute capabilities nor CUDA."""


@contextlib.contextmanager
def standin_nvml(machine: Standin) -> Iterator[dict[str, str]]:
    """Variables to add to a process's environment, so that NVML there is the stand-in and tells of `machine`.

    The test is skipped, with the reason, where there is no compiler.
    """
    yield nvml_environ(machine)


def nvml_environ(machine: Standin) -> dict[str, str]:
    """As `standin_nvml`, for those who need no context."""
    own = os.environ.get("LD_LIBRARY_PATH", "")
    folder = str(standin_library(old=machine.old).parent)
    return {"LD_LIBRARY_PATH": f"{folder}:{own}" if own else folder, "STANDIN_NVML": machine.text()}


@functools.cache
def standin_library(*, old: bool = False) -> Path:
    """The compiled stand-in, made once for all tests of this run."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        missing("compiler", "neither gcc nor cc is on PATH: the NVML stand-in cannot be compiled")
    folder = Path(_scratch().name) / ("old" if old else "new")
    folder.mkdir()
    library = folder / "libnvidia-ml.so.1"
    argv = [
        compiler,
        "-shared",
        "-fPIC",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wl,-soname,libnvidia-ml.so.1",
    ]
    argv += ["-D_GNU_SOURCE", *(["-DOLD"] if old else []), "-o", str(library), str(SOURCE)]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return library


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes when Python ends."""
    return tempfile.TemporaryDirectory(prefix="envbuild-standin-nvml-")

"""The referee: NVIDIA's cuobjdump, out of the triton wheel, lists the same of real libraries as we read.

uv brings the wheels, 230 MB in all, and keeps them in its cache; they are unpacked once, in pytest's.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import uv
from support.need import missing

from envbuild.fatbin.read import DeviceCode, find_libraries, read_library

pytestmark = pytest.mark.network

TRITON = "triton==3.4.0"
# Small wheels of several makers, CUDA 11 to 13, with what there is: suffixes, Jetson, old and new PTX.
PACKAGES = (
    "cutensornet-cu12==2.14.0",
    "jax-cuda12-plugin==0.12.0.1",
    "nvidia-cublasmp-cu13==0.10.0.3695",
    "nvidia-cufile-cu12==1.13.1.3",
    "nvidia-nvjpeg==13.3.2.43",
    "nvidia-nvjpeg-cu11==11.9.0.86",
    "nvidia-nvjpeg-cu12==12.4.0.76",
    "nvidia-nvjpeg2k-cu12==0.11.0.51",
    "nvidia-nvtiff-cu12==0.8.0.82",
    "torchao==0.13.0",
    "torchaudio==2.8.0",
    "torchvision==0.23.0",
)
NEWER = "nvidia-cuda-cuobjdump==13.5.37"  # knows entries of several, and tells the suffix f of cubins
MADE = Path(__file__).parents[1] / "unit/fatbin/nvcc"
WORDS = {"elf": "sm_", "ptx": "compute_", "nvvm": "lto_"}


@pytest.fixture(scope="module")
def unpacked(network: None, pytestconfig: pytest.Config) -> Path:
    """A folder with all the packages, as uv installs them for another machine than this may be."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("envbuild-cuobjdump")
    wanted = "\n".join((TRITON, NEWER, *PACKAGES))
    marker = folder / "complete.txt"
    if marker.is_file() and marker.read_text() == wanted:
        return folder / "site"
    shutil.rmtree(folder / "site", ignore_errors=True)
    argv = [uv.find_uv_bin(), "pip", "install", "--no-deps", "--quiet", "--target", str(folder / "site")]
    argv += ["--python", sys.executable, "--python-version", "3.12"]
    argv += ["--python-platform", "x86_64-manylinux_2_28", TRITON, NEWER, *PACKAGES]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=900)
    if ran.returncode:
        missing("network", ran.stderr.strip()[-500:])
    marker.write_text(wanted)
    return folder / "site"


def listed_by(tool: Path, library: str) -> Counter[str]:
    """What cuobjdump lists: {"sm_90a": 12, "compute_90": 1}."""
    if not os.access(tool, os.X_OK):
        tool.chmod(0o755)
    ran = subprocess.run([tool, "-all", library], capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr
    found: Counter[str] = Counter()
    kind = ""
    for line in map(str.strip, ran.stdout.splitlines()):
        if header := re.fullmatch(r"Fatbin (\w+) code:", line):
            kind = WORDS[header[1]]
        elif said := re.fullmatch(r"arch = sm_(\w+)", line):
            found[kind + said[1]] += 1
    return found


def with_code(folder: Path) -> list[DeviceCode]:
    found = [read_library(path) for path in find_libraries([str(folder)])]
    return [each for each in found if each.entries]


def test_the_same_as_the_cuobjdump_of_triton(unpacked: Path) -> None:
    tool = unpacked / "triton/backends/nvidia/bin/cuobjdump"
    libraries = with_code(unpacked)
    names = {Path(each.path).name for each in libraries}
    assert len(names) >= 15
    assert {"libnvjpeg.so.11", "libnvjpeg.so.12", "libnvjpeg.so.13", "libtorchaudio.so"} <= names
    wrong = {}
    for each in libraries:
        said = listed_by(tool, each.path)
        if said != Counter(each.entries):
            wrong[each.path] = (dict(said), each.entries)
    assert wrong == {}
    read = Counter(name for each in libraries for name in each.entries)
    assert {"sm_37", "sm_90a", "sm_100a", "sm_101", "sm_107", "compute_50", "compute_100a"} <= set(read)


def test_the_same_as_a_newer_cuobjdump_of_what_nvcc_made(unpacked: Path) -> None:
    (tool,) = unpacked.glob("nvidia/*/bin/cuobjdump")
    for path in sorted(MADE.glob("*.elf")):
        assert listed_by(tool, str(path)) == Counter(read_library(str(path)).entries)

"""Builds the stand-in for the NVIDIA driver's libraries (`driver.c`) with the machine's C compiler."""

import shutil
import subprocess
from pathlib import Path

from support.need import missing

SOURCE = Path(__file__).with_name("driver.c")
NAMES = ("libcuda.so.1", "libnvidia-ml.so.1")


def standin_driver(folder: Path) -> Path:
    """`folder` with both libraries in it, for LD_LIBRARY_PATH. Without a C compiler the test is skipped."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        missing("compiler", "no cc or gcc for the stand-in driver")
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        argv = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", f"-Wl,-soname,{name}"]
        subprocess.run([*argv, "-o", str(folder / name), str(SOURCE)], check=True, timeout=120)
    return folder


def settings(*gpus: str, driver: str = "550.54.15", cuda: int = 12040, **more: int) -> str:
    """The stand-in driver's settings: `gpus` are "Name:8.0"; `more` is init, load, wrong."""
    lines = {"gpus": ",".join(gpus), "driver": driver, "cuda": cuda, **more}
    return "".join(f"{key}={value}\n" for key, value in lines.items())

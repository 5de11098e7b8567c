"""The probes as they run in an image: a subprocess, with stand-in frameworks and a stand-in driver.

The stand-ins compute in plain Python and err on request (tests/support/frameworks); the driver's libraries
are compiled here. Times in the verdicts are replaced by T.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import support
from support.frameworks.driver import settings, standin_driver

from envbuild.smoke.probes import probe

FRAMEWORKS = Path(support.__path__[0], "frameworks")
KERNELS = ("numpy", "torch", "tensorflow", "jax")
GPU_KERNELS = ("torch", "tensorflow", "jax", "cupy")
ALL = (*(f"{name}_kernel" for name in (*KERNELS, "cupy", "nvcc")), "cuda_driver")
WHAT = {
    "torch": "product, convolution, gradient and bf16 product",
    "tensorflow": "product, convolution and gradient",
    "jax": "compiled product and gradient",
    "cupy": "compiled kernel and matrix product",
}
VERSIONS = "driver 550.54.15 (CUDA 12.4), made with CUDA 12.8"
A100, H100, PASCAL = ["A100", [8, 0]], ["H100", [9, 0]], ["GTX 1080 Ti", [6, 1]]


@pytest.fixture(scope="session")
def driver_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return standin_driver(tmp_path_factory.mktemp("driver"))


class Image:
    """What a probe finds around it: a device file or none, the driver's libraries, /proc's word, a PATH."""

    def __init__(self, folder: Path, driver: Path) -> None:
        self.folder = folder
        self.driver = driver
        self.proc = folder / "version"
        self.path = folder / "bin"
        self.devices = folder / "dev"
        for made in (self.path, self.devices):
            made.mkdir()

    def run(
        self, name: str, device: str = "gpu", *, env: dict[str, str] | None = None, **machine: Any
    ) -> Any:
        environment = {
            "STANDIN": json.dumps(machine),
            "STANDIN_DRIVER": settings("A100:8.0"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(FRAMEWORKS),
            "LD_LIBRARY_PATH": str(self.driver),
            "PATH": f"{self.path}:/usr/bin:/bin",
            "CUDA_HOME": "/nowhere",
            **(env or {}),
        }
        text = probe(name).replace("/proc/driver/nvidia/version", str(self.proc))
        patterns = [str(self.devices / "nvidia[0-9]*"), str(self.devices / "dxg")] if device == "gpu" else []
        command = [sys.executable, "-c", text, device, *patterns]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
        self.stdout, self.stderr = ran.stdout, ran.stderr
        last = json.loads(ran.stdout.splitlines()[-1])
        detail = re.sub(r"in \d+\.\d+( to \d+\.\d+)? s", "in T", last["detail"])
        assert "\n" not in detail
        return last["status"], detail


@pytest.fixture
def image(tmp_path: Path, driver_folder: Path) -> Image:
    """Around the probe: a driver, and no device file."""
    return Image(tmp_path, driver_folder)


@pytest.fixture
def gpu_image(image: Image) -> Image:
    """The same with the device file of a GPU."""
    (image.devices / "nvidia0").touch()
    return image


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("numpy", "numpy 0.stand-in: matrix product and linear system are right"),
        ("torch", "torch 0.stand-in: product, convolution and gradient are right on CPU"),
        ("tensorflow", "tensorflow 0.stand-in: product, convolution and gradient are right on CPU"),
        ("jax", "jax 0.stand-in: compiled product and gradient are right on CPU"),
    ],
)
def test_a_right_result_passes(image: Image, name: str, detail: str) -> None:
    assert image.run(f"{name}_kernel", "cpu") == ("passed", detail)


def test_tensorflow_1_speaks_its_own_way(gpu_image: Image) -> None:
    found = gpu_image.run("tensorflow_kernel", "cpu", version="1.15.5")
    assert found == ("passed", "tensorflow 1.15.5: product, convolution and gradient are right on CPU")
    status, detail = gpu_image.run(
        "tensorflow_kernel", version="1.15.5", env={"STANDIN_DRIVER": settings("V:7.0")}
    )
    assert status == "passed"
    assert detail.endswith("are right on V (7.0) in T; driver 550.54.15 (CUDA 12.4)")


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("product", "computes a wrong matrix product"),
        ("convolution", "computes a wrong convolution"),
        ("gradient", "computes a wrong gradient"),
        ("solve", "solves a linear system wrongly"),
    ],
)
def test_a_wrong_result_fails(image: Image, name: str, fault: str, words: str) -> None:
    known = {"numpy": {"product", "solve"}, "jax": {"product", "gradient"}}.get(
        name, {"product", "convolution", "gradient"}
    )
    status, detail = image.run(f"{name}_kernel", "cpu", fault=fault)
    if fault in known:
        assert status == "failed"
        assert words in detail
    else:
        assert status == "passed"


@pytest.mark.parametrize("name", KERNELS)
def test_an_error_is_the_verdict_in_one_line(image: Image, name: str) -> None:
    assert image.run(f"{name}_kernel", "cpu", error="it broke\nsecond line") == (
        "failed",
        "RuntimeError: it broke",
    )


def test_a_long_error_is_cut(image: Image) -> None:
    status, detail = image.run("numpy_kernel", "cpu", error="x" * 500)
    assert (status, len(detail), detail[-4:]) == ("failed", 240, "x...")


def test_a_package_that_exits_has_failed(image: Image) -> None:
    assert image.run("torch_kernel", "cpu", exits=True) == ("failed", "SystemExit: 3")


@pytest.mark.parametrize("name", KERNELS)
def test_a_missing_package_has_failed(name: str) -> None:
    command = [sys.executable, "-I", "-S", "-c", probe(f"{name}_kernel"), "cpu"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(ran.stdout.splitlines()[-1])
    assert said == {"status": "failed", "detail": f"ModuleNotFoundError: No module named '{name}'"}


@pytest.mark.parametrize("name", [*(f"{name}_kernel" for name in (*GPU_KERNELS, "nvcc")), "cuda_driver"])
def test_without_a_device_file_nothing_is_tried(image: Image, name: str) -> None:
    assert image.run(name) == ("not run", "no GPU in the container")
    status, detail = image.run(name, env={"NVIDIA_VISIBLE_DEVICES": "void"})
    assert (status, detail) == ("not run", "no GPU in the container: NVIDIA_VISIBLE_DEVICES is 'void' in it")


@pytest.mark.parametrize("name", GPU_KERNELS)
def test_a_gpu_that_is_right_is_named_with_driver_cuda_and_time(gpu_image: Image, name: str) -> None:
    detail = f"{name} 0.stand-in: {WHAT[name]} are right on A100 (8.0) in T; {VERSIONS}"
    assert gpu_image.run(f"{name}_kernel", gpus=[A100]) == ("passed", detail)


@pytest.mark.parametrize("name", GPU_KERNELS)
def test_every_gpu_is_tried(gpu_image: Image, name: str) -> None:
    driver = {"STANDIN_DRIVER": settings("A100:8.0", "A100:8.0", "H100:9.0")}
    status, detail = gpu_image.run(f"{name}_kernel", gpus=[A100, A100, H100], env=driver)
    assert (status, detail) == (
        "passed",
        f"{name} 0.stand-in: {WHAT[name]} are right on 2 x A100 (8.0) in T, H100 (9.0) in T; {VERSIONS}",
    )
    status, detail = gpu_image.run(
        f"{name}_kernel", gpus=[A100, A100, H100], fault="product", on=1, env=driver
    )
    wrong = f"{name} 0.stand-in computes a wrong matrix product on GPU 1 A100 (8.0); {VERSIONS}"
    assert (status, detail) == ("failed", wrong)


@pytest.mark.parametrize(
    ("name", "fault", "wrong"),
    [
        ("torch", "convolution", "convolution"),
        ("torch", "gradient", "gradient"),
        ("torch", "bf16", "matrix product in bfloat16"),
        ("tensorflow", "convolution", "convolution"),
        ("tensorflow", "gradient", "gradient"),
        ("jax", "gradient", "gradient"),
        ("cupy", "kernel", "result with a compiled kernel"),
    ],
)
def test_each_part_is_compared(gpu_image: Image, name: str, fault: str, wrong: str) -> None:
    status, detail = gpu_image.run(f"{name}_kernel", gpus=[A100], fault=fault)
    assert (status, detail) == (
        "failed",
        f"{name} 0.stand-in computes a wrong {wrong} on GPU 0 A100 (8.0); {VERSIONS}",
    )


@pytest.mark.parametrize("name", ["tensorflow", "jax"])
def test_work_that_quietly_went_elsewhere_has_failed(gpu_image: Image, name: str) -> None:
    status, detail = gpu_image.run(f"{name}_kernel", gpus=[A100], fault="placement")
    assert status == "failed"
    assert "computes a wrong choice of device (it ran on " in detail


def test_bfloat16_is_left_to_gpus_that_have_it(gpu_image: Image) -> None:
    machine: dict[str, Any] = {"gpus": [["T4", [7, 5]], A100], "archs": ["sm_70", "sm_80"]}
    status, detail = gpu_image.run("torch_kernel", **machine)
    assert status == "passed"
    assert detail.startswith(
        "torch 0.stand-in: product, convolution, gradient and bf16 product (GPU 1) are right on"
    )
    status, detail = gpu_image.run("torch_kernel", gpus=[["T4", [7, 5]]], archs=["sm_75"])
    assert status == "passed"
    assert detail.startswith("torch 0.stand-in: product, convolution and gradient are right on T4 (7.5)")


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_code_for_other_gpus_is_said_before_and_explains_the_error(gpu_image: Image, name: str) -> None:
    machine: dict[str, Any] = {"gpus": [PASCAL], "archs": ["sm_70", "sm_80", "compute_90"]}
    driver = {"STANDIN_DRIVER": settings("GTX 1080 Ti:6.1")}
    error = "CUDA error: no kernel image is available for execution on the device\nmore"
    doubt = (
        f"{name} 0.stand-in holds device code for sm_70 sm_80 compute_90, and this GPU needs sm_60 to sm_61,"
        " or PTX of compute_61 or less: take a build that was made for it, or another GPU"
    )
    status, detail = gpu_image.run(f"{name}_kernel", **machine, error=error, env=driver)
    assert status == "failed"
    said = "RuntimeError: CUDA error: no kernel image is available for execution on the device"
    assert detail == f"{name} 0.stand-in on GPU 0 GTX 1080 Ti (6.1): {said}; {doubt}"
    assert f"GPU 0 GTX 1080 Ti (6.1): {doubt}" in gpu_image.stdout.splitlines()[0]
    # The kernel decides: what runs although the list does not say so has passed, and the doubt is told.
    status, detail = gpu_image.run(f"{name}_kernel", **machine, env=driver)
    assert (status, f"in T (although {doubt}); driver" in detail) == ("passed", True)


@pytest.mark.parametrize(
    "archs", [[], ["7.0", "8.0"], ["sm_60"], ["sm_50", "sm_61"], ["compute_52"], ["sm_52", "compute_61"]]
)
def test_no_doubt_where_code_serves_or_nothing_is_known(gpu_image: Image, archs: list[str]) -> None:
    driver = {"STANDIN_DRIVER": settings("GTX 1080 Ti:6.1")}
    kernel = "tensorflow_kernel" if archs[:1] == ["7.0"] else "torch_kernel"
    status, detail = gpu_image.run(kernel, gpus=[PASCAL], archs=archs, env=driver)
    assert (status, "although" in detail) == ("passed", False)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (
            "CUDA error: no kernel image is available for execution on the device",
            "it holds no device code for this GPU: take a build that was made for it (envbuild preflight)",
        ),
        (
            "CUDA driver version is insufficient for CUDA runtime version",
            f"the driver is too old for it ({VERSIONS}): install a newer driver, or lock a build for",
        ),
        (
            "the provided PTX was compiled with an unsupported toolchain.",
            f"the driver is too old for it ({VERSIONS}): install a newer driver",
        ),
        (
            "CUDA out of memory. Tried to allocate 20.00 MiB",
            "this check needs less than 1 GB of the GPU's memory",
        ),
        ("RESOURCE_EXHAUSTED: Out of memory while trying to allocate", "see who holds it (nvidia-smi)"),
        (
            "libcudnn.so.8: cannot open shared object file: No such file or directory",
            "the image lacks libcudnn.so.8: take a base that holds it (cuda: {flavour: runtime, cudnn",
        ),
        (
            "Could not load library libcudnn_cnn_infer.so.8. Error: libnvrtc.so: cannot",
            "the image lacks libcudnn_cnn_infer.so.8",
        ),
        ("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "cuDNN does not work here"),
        (
            "CUDA unknown error - this may be due to an incorrectly set up environment",
            "nvidia-modprobe -u -c=0",
        ),
        ("system not yet initialized", "systemctl start nvidia-fabricmanager"),
        ("CUDA-capable device(s) is/are busy or unavailable", "compute mode exclusive"),
        ('catastrophic error: cannot open source file "cuda_fp16.h"', "cuda: {flavour: devel}"),
        ("forward compatibility was attempted on non supported HW", "serves data-centre GPUs only"),
    ],
)
def test_known_errors_say_what_to_do(gpu_image: Image, error: str, advice: str) -> None:
    status, detail = gpu_image.run("cupy_kernel", gpus=[A100], error=error)
    assert status == "failed"
    assert detail.startswith(f"cupy 0.stand-in on GPU 0 A100 (8.0): RuntimeError: {error}; ")
    assert advice in detail


@pytest.mark.parametrize("name", GPU_KERNELS)
def test_a_package_that_finds_no_gpu_says_why(gpu_image: Image, name: str) -> None:
    start = "The NVIDIA driver on your system is too old (found version 11040)."
    status, detail = gpu_image.run(f"{name}_kernel", gpus=[A100], start=start)
    assert status == "failed"
    assert detail.startswith(f"{name} 0.stand-in (CUDA 12.8) cannot use the GPU")
    if name != "tensorflow":  # it raises nothing: only its log tells
        assert f"the driver is too old for it ({VERSIONS})" in detail


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            "".join(
                f"Could not load dynamic library '{name}'\n" for name in ("libcudnn.so.8", "libcublas.so.11")
            ),
            ": could not load libcublas.so.11, libcudnn.so.8; the image lacks libcublas.so.11: take a base",
        ),
        (
            "W0000 Cannot dlopen some GPU libraries. Please make sure the missing libraries\n",
            ": tensorflow cannot load some of its CUDA libraries: take the extra tensorflow[and-cuda]",
        ),
        ("nothing of use\n", " cannot use the GPU"),
    ],
)
def test_tensorflow_is_understood_by_its_log(gpu_image: Image, log: str, words: str) -> None:
    status, detail = gpu_image.run("tensorflow_kernel", gpus=[], log=log)
    assert status == "failed"
    assert words in detail
    assert log in gpu_image.stderr


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("torch", "torch 0.stand-in is a CPU build: ask for CUDA (pip: {torch_backend: cu128}, say)"),
        ("tensorflow", "tensorflow 0.stand-in is a CPU build (tf.test.is_built_with_cuda() is False)"),
    ],
)
def test_a_cpu_build_is_called_so(gpu_image: Image, name: str, detail: str) -> None:
    assert gpu_image.run(f"{name}_kernel", cuda="") == ("failed", detail)


def test_jax_without_a_word_of_its_plugin_has_the_cuda_of_its_name(gpu_image: Image, tmp_path: Path) -> None:
    folder = tmp_path / "packages/jax_cuda12_plugin-0.6.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: jax-cuda12-plugin\nVersion: 0.6\n")
    env = {"PYTHONPATH": f"{FRAMEWORKS}:{folder.parent}"}
    _, detail = gpu_image.run("jax_kernel", plugin_says=False, env=env)
    assert detail.endswith("driver 550.54.15 (CUDA 12.4), made with CUDA 12")
    _, detail = gpu_image.run("jax_kernel", plugin_says=False)
    assert detail.endswith("driver 550.54.15 (CUDA 12.4)")


def test_jax_that_was_told_to_use_the_cpu(gpu_image: Image) -> None:
    status, detail = gpu_image.run("jax_kernel", env={"JAX_PLATFORMS": "cpu"})
    assert (status, "cannot use the GPU: it runs on cpu (JAX_PLATFORMS=cpu)" in detail) == ("failed", True)


@pytest.mark.parametrize("name", [*(f"{name}_kernel" for name in GPU_KERNELS), "cuda_driver"])
@pytest.mark.parametrize(
    ("init", "words"),
    [
        (999, "error 999 (CUDA_ERROR_UNKNOWN); often /dev/nvidia-uvm is missing"),
        (803, "error 803 (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH); the driver's module and its library differ"),
        (804, "error 804 (CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE); cuda-compat in the image serves"),
        (802, "error 802 (CUDA_ERROR_SYSTEM_NOT_READY); GPUs behind NVSwitch need their service"),
        (7, "error 7"),
    ],
)
def test_a_driver_that_does_not_start_is_the_reason(
    gpu_image: Image, name: str, init: int, words: str
) -> None:
    driver = {"STANDIN_DRIVER": settings("A100:8.0", init=init)}
    status, detail = gpu_image.run(name, gpus=[A100], start="CUDA error", env=driver)
    assert status == "failed"
    assert f"the CUDA driver does not start: {words}" in detail


def test_a_driver_library_that_cannot_be_loaded(gpu_image: Image, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/libcuda.so.1").touch()
    libraries = {"LD_LIBRARY_PATH": str(tmp_path / "broken"), "NVIDIA_DRIVER_CAPABILITIES": "utility"}
    status, detail = gpu_image.run("torch_kernel", gpus=[A100], start="Found no NVIDIA driver", env=libraries)
    assert status == "failed"
    assert "the driver's library cannot be loaded: " in detail
    assert (
        "NVIDIA_DRIVER_CAPABILITIES holds compute (it is 'utility'): put compute,utility into `env`" in detail
    )


def test_hidden_gpus_are_told_as_hidden(gpu_image: Image) -> None:
    hidden = {"STANDIN_DRIVER": settings(), "CUDA_VISIBLE_DEVICES": "7"}
    status, detail = gpu_image.run("cuda_driver", env=hidden)
    assert status == "failed"
    assert detail == "the CUDA driver sees no GPU; CUDA_VISIBLE_DEVICES=7 hides those that are there"


def test_the_drivers_version_comes_from_its_module_first(gpu_image: Image) -> None:
    for line, version in (
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.57.02  Tue Jul 13 16:14:05 UTC 2021",
            "470.57.02",
        ),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build", "580.65.06"),
        ("nothing", "550.54.15"),
    ):
        gpu_image.proc.write_text(f"{line}\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n")
        _, detail = gpu_image.run("torch_kernel", gpus=[A100])
        assert detail.endswith(f"; driver {version} (CUDA 12.4), made with CUDA 12.8")


def test_an_unknown_driver_version_is_unknown(gpu_image: Image) -> None:
    _, detail = gpu_image.run("cuda_driver", env={"STANDIN_DRIVER": "gpus=A100:8.0\n"})
    assert detail.endswith("right on A100 (8.0) in T; driver unknown (CUDA 12.4)")


def test_the_driver_alone_runs_a_kernel_on_each_gpu(gpu_image: Image) -> None:
    gpus = ("A100:8.0", "H100:9.0")
    status, detail = gpu_image.run("cuda_driver", env={"STANDIN_DRIVER": settings(*gpus)})
    versions = "driver 550.54.15 (CUDA 12.4)"
    right = "CUDA driver: the results of a compiled kernel are right on A100 (8.0) in T, H100 (9.0) in T"
    assert (status, detail) == ("passed", f"{right}; {versions}")
    status, detail = gpu_image.run("cuda_driver", env={"STANDIN_DRIVER": settings(*gpus, wrong=1)})
    wrong = "CUDA driver computes a wrong result with a compiled kernel on GPU 1 H100 (9.0)"
    assert (status, detail) == ("failed", f"{wrong}; {versions}")
    status, detail = gpu_image.run("cuda_driver", env={"STANDIN_DRIVER": settings(*gpus, load=222)})
    assert status == "failed"
    assert "GPU 0 A100 (8.0): RuntimeError: cuModuleLoadData: error 222 (CUDA_ERROR_UNSUPPORTED_PTX" in detail
    assert "; the driver is too old for it (driver 550.54.15 (CUDA 12.4)): install a newer driver" in detail


class Nvcc:
    """A stand-in nvcc: a shell script that "compiles" to a shell script."""

    def __init__(self, image: Image, *, compiles: str = "", program: str = "printf 'right\\t0\\n'") -> None:
        script = image.path / "nvcc"
        script.write_text(
            "#!/bin/sh\n"
            'if [ "$1" = --version ]; then echo "Cuda compilation tools, release 12.8, V12.8.93"; exit; fi\n'
            'echo "$@" > "${0%/*}/asked"\n'
            + (f"echo '{compiles}' >&2; exit 2\n" if compiles else "")
            + 'cp "${0%/*}/program" "$2"; chmod +x "$2"\n'
        )
        script.chmod(0o755)
        (image.path / "program").write_text(f"#!/bin/sh\n{program}\n")
        self.asked = image.path / "asked"


def test_stand_in_nvcc_compiles_without_a_gpu(image: Image) -> None:
    Nvcc(image)
    status, detail = image.run("nvcc_kernel", "cpu")
    assert status == "passed"
    assert detail == "nvcc 12.8.93 compiles a kernel in T (not run here)"


def test_stand_in_nvcc_runs_on_each_gpu(gpu_image: Image) -> None:
    nvcc = Nvcc(gpu_image)
    driver = {"STANDIN_DRIVER": settings("A100:8.0", "H100:9.0")}
    right = "nvcc 12.8.93: the results of a compiled kernel are right on A100 (8.0) in T, H100 (9.0) in T"
    assert gpu_image.run("nvcc_kernel", env=driver) == ("passed", f"{right}; {VERSIONS}")
    for code in ("arch=compute_80,code=sm_80", "arch=compute_90,code=sm_90"):
        assert code in nvcc.asked.read_text()


def test_stand_in_nvcc_program_gets_one_gpu_at_a_time(gpu_image: Image) -> None:
    Nvcc(
        gpu_image,
        program='[ "$CUDA_VISIBLE_DEVICES" = GPU-b ] && printf "wrong\\t0\\n" || printf "right\\t0\\n"',
    )
    env = {"STANDIN_DRIVER": settings("A100:8.0", "H100:9.0"), "CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}
    status, detail = gpu_image.run("nvcc_kernel", env=env)
    assert (status, detail) == (
        "failed",
        f"nvcc 12.8.93 computes a wrong matrix product on GPU 1 H100 (9.0); {VERSIONS}",
    )


@pytest.mark.parametrize(
    ("compiles", "words"),
    [
        (
            "nvcc fatal   : Unsupported gpu architecture 'compute_80'".replace("'", ""),
            "too old or too new for the GPU",
        ),
        ("nvcc fatal   : Failed to preprocess host compiler properties.", "apt: [g++]"),
        (
            "smoke.cu(4): error: expected a declaration",
            "does not compile a kernel: smoke.cu(4): error: expected",
        ),
    ],
)
def test_stand_in_nvcc_that_does_not_compile(gpu_image: Image, compiles: str, words: str) -> None:
    Nvcc(gpu_image, compiles=compiles)
    status, detail = gpu_image.run("nvcc_kernel")
    assert (status, words in detail) == ("failed", True)
    assert compiles in gpu_image.stderr


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            'printf "error\\tcudaErrorInsufficientDriver: CUDA driver version is insufficient\\n"',
            f"the driver is too old for it ({VERSIONS})",
        ),
        ("exit 3", "the program ended with code 3 and said nothing"),
        ("echo hello", "the program ended with code 0 and said hello"),
    ],
)
def test_stand_in_nvcc_program_that_does_not_work(gpu_image: Image, program: str, words: str) -> None:
    Nvcc(gpu_image, program=program)
    status, detail = gpu_image.run("nvcc_kernel")
    assert (status, words in detail) == ("failed", True)


def test_no_nvcc_in_the_image(image: Image) -> None:
    # Only what the probe itself looks at: a machine may have an nvcc of its own on a longer PATH.
    assert image.run("nvcc_kernel", "cpu", env={"PATH": str(image.path)}) == (
        "failed",
        "the image has no nvcc; take a base with it: cuda: {flavour: devel}",
    )


@pytest.mark.parametrize("name", ALL)
def test_probes_are_python_3_6_and_plain_ascii(name: str) -> None:
    """ASCII: under LANG=C Python 3.6 cannot read anything else from its command line."""
    text = probe(name)
    ast.parse(text, feature_version=(3, 6))
    assert "from __future__" not in text
    assert text.isascii()
    assert len(text) < 100_000 < os.sysconf("SC_ARG_MAX")


@pytest.mark.parametrize(
    ("code", "capability", "served"),
    [
        ("sm_80", (8, 6), True),
        ("sm_86", (8, 0), False),
        ("sm_70", (8, 0), False),
        ("sm_90a", (9, 0), True),
        ("sm_90a", (9, 1), False),
        ("sm_100f", (10, 3), True),
        ("sm_100f", (12, 0), False),
        ("sm_120", (12, 1), True),
        ("compute_52", (12, 0), True),
        ("compute_90", (8, 9), False),
        ("compute_90a", (12, 0), False),
        ("gfx90a", (9, 0), False),
        ("8.0", (8, 0), False),
    ],
)
def test_what_serves_what(code: str, capability: tuple[int, int], served: bool) -> None:
    parts: dict[str, Any] = {}
    exec(probe("numpy_kernel").partition('if __name__ == "__main__"')[0], parts)
    assert parts["serves"](code, capability) is served

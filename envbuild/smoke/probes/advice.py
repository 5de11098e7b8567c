"""What to do about errors that GPU work is known to end with, by their words or the driver's codes.

Runs inside the image. Codes are those of cuda.h; the words are the CUDA runtime's, the frameworks' and the
JIT compiler's. VERSIONS is replaced by the driver's and the build's.
"""

# ruff: noqa: F821  the parts of a probe are one script when they run: see __init__.py


def known(codes, pattern, advice):
    return codes, pattern, advice


ADVICE = (
    known(
        (35, 36, 222),
        r"driver version is insufficient|driver on your system is too old|InsufficientDriver"
        r"|unsupported toolchain|UNSUPPORTED_PTX_VERSION|requires? (a )?newer driver",
        "the driver is too old for it (VERSIONS): install a newer driver, or lock a build for an older CUDA"
        " (envbuild preflight says which driver is needed)",
    ),
    known(
        (209,),
        r"no kernel image|NO_BINARY_FOR_GPU|NoKernelImage|kernel image is invalid|InvalidKernelImage",
        "it holds no device code for this GPU: take a build that was made for it (envbuild preflight)",
    ),
    known(
        (2,),
        r"out of memory|OUT_OF_MEMORY|RESOURCE_EXHAUSTED|ALLOC_FAILED|OutOfMemory",
        "this check needs less than 1 GB of the GPU's memory: see who holds it (nvidia-smi), and run it again"
        " when there is room",
    ),
    known(
        (803,),
        r"unsupported display driver|SYSTEM_DRIVER_MISMATCH|driver/library version mismatch",
        "the driver's module and its library differ: the machine was not restarted after a change of the"
        " driver, or cuda-compat in the image is older than the driver",
    ),
    known(
        (804,),
        r"forward compatibility was attempted|COMPAT_NOT_SUPPORTED",
        "cuda-compat in the image serves data-centre GPUs only: install a newer driver, or take an older"
        " CUDA",
    ),
    known(
        (802,),
        r"system not yet initialized|SYSTEM_NOT_READY",
        "GPUs behind NVSwitch need their service: systemctl start nvidia-fabricmanager where the engine runs",
    ),
    known(
        (46,),
        r"busy or unavailable|DEVICE_UNAVAILABLE",
        "another process holds the GPU for itself (compute mode exclusive), or MIG is on without instances:"
        " see nvidia-smi",
    ),
    known(
        (304,),
        r"OS call failed|OPERATING_SYSTEM",
        "the container may not use the device files: mend the runtime or its cgroup rules (envbuild doctor)",
    ),
    known(
        (999,),
        r"CUDA_ERROR_UNKNOWN|CUDA unknown error|cuda error: unknown error",
        "often /dev/nvidia-uvm is missing, or was lost in sleep: run `nvidia-modprobe -u -c=0` where the"
        " engine runs, or load the module nvidia_uvm anew",
    ),
    known(
        (100,),
        r"no CUDA-capable device|No CUDA GPUs are available|NO_DEVICE|No visible GPU",
        "the driver hands out no GPU: see NVIDIA_VISIBLE_DEVICES and CUDA_VISIBLE_DEVICES in `env`",
    ),
    known(
        (34,),
        r"STUB_LIBRARY|stub library",
        "this libcuda is the toolkit's stub, for linking only: take its folder out of LD_LIBRARY_PATH",
    ),
    known(
        (214,),
        r"uncorrectable ECC|ECC_UNCORRECTABLE",
        "the GPU's memory is damaged or needs a reset: nvidia-smi -q -d ECC",
    ),
    known(
        (221,),
        r"JIT_COMPILER_NOT_FOUND|PTX JIT compiler library (was )?not found",
        "libnvidia-ptxjitcompiler.so.1 is missing: the NVIDIA runtime brings it along with libcuda.so.1",
    ),
    known(
        (),
        r"cuda_fp16\.h|CUDA headers|CUDA root directory|CUDA_PATH",
        "kernels compiled at run time need CUDA's headers: cuda: {flavour: devel}, or the package with CUDA's"
        " own wheels (cupy-cuda12x[ctk])",
    ),
    known(
        (),
        r"CUDNN_STATUS|DNN library|cuDNN",
        "cuDNN does not work here: its version may not be the one that the package was made with",
    ),
)


def advice_for_code(code, versions):
    """What to do about an error of the driver; "" for an unknown one."""
    return next((advice.replace("VERSIONS", versions) for codes, _, advice in ADVICE if code in codes), "")


def advice_for(text, versions):
    """What to do about an error that is known by its words; "" for others."""
    import re

    missing = re.search(r"\b(lib(?:cu|nv)\w+\.so[.\d]*)", text)
    absent = r"cannot open shared object|could not load|unable to load|not found|failed to load"
    if re.search(r"libcuda\.so|found no nvidia driver", text, re.IGNORECASE):
        return driver_trouble(versions) or no_library_advice()
    if missing and re.search(absent, text, re.IGNORECASE):
        return (
            f"the image lacks {missing.group(1).rstrip('.')}: take a base that holds it (cuda: {{flavour:"
            " runtime, cudnn: true}), or the package with CUDA's own wheels"
        )
    for _, pattern, advice in ADVICE:
        if re.search(pattern, text, re.IGNORECASE):
            return advice.replace("VERSIONS", versions)
    return ""


def no_library_advice():
    """What to do where the driver's own library is not in the container."""
    import os

    given = os.environ.get("NVIDIA_DRIVER_CAPABILITIES")
    said = "it is not set" if given is None else f"it is {given!r}"
    return (
        f"the NVIDIA runtime brings it when NVIDIA_DRIVER_CAPABILITIES holds compute ({said}): put"
        " compute,utility into `env`, or mend the runtime (envbuild doctor)"
    )

"""What engines and NVIDIA's programs say when a GPU cannot be given → what is wrong, and what to do. Pure.

All of it comes as text with status 400 or 500, so it is told by its text, here and nowhere else. Words as in
moby (daemon/errors.go, daemon/cdi.go), Podman, runc, crun, libnvidia-container (src/cli, src/error.c) and
nvidia-container-toolkit (internal/modifier, pkg/nvcdi), and in what their users report.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envbuild.engine.gpu import KIND
from envbuild.errors import GpuUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

REGISTER = "`sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker`"
GENERATE = "`sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`"
TOOLKIT = f"install nvidia-container-toolkit where the engine runs, then {REGISTER}"
CONFIG = "/etc/nvidia-container-runtime/config.toml"
STALE = f"make the CDI file anew where the engine runs, as after every update of the driver: {GENERATE}"


class _Form(NamedTuple):
    """A form of words: the sentence's end about it, and what to do. Both take the pattern's groups."""

    pattern: re.Pattern[str]
    wrong: str
    todo: str


def _form(pattern: str, wrong: str, todo: str) -> _Form:
    return _Form(re.compile(pattern, re.IGNORECASE), wrong, todo)


# The first that fits tells: what names a cause stands before what only names the place.
_FORMS = (
    _form(
        r"unsatisfied condition: cuda ?>= ?(?P<cuda>[0-9.]*[0-9])",
        "its NVIDIA driver is too old for this image, which asks for CUDA {cuda} (NVIDIA_REQUIRE_CUDA)",
        "update the driver where the engine runs, or choose a CUDA that it has (`nvidia-smi` shows the "
        "newest). This check knows no minor-version compatibility: where `envbuild preflight` finds the "
        "image fit, `env: {{NVIDIA_DISABLE_REQUIRE: '1'}}` in the spec turns it off",
    ),
    _form(
        r"unsatisfied condition: (?P<what>[^\n,(:\\]*[^\n,(:\\ ])",
        "its driver or GPU is not what the image asks for: {what} (NVIDIA_REQUIRE_…)",
        "use a machine or an image where they fit; NVIDIA_DISABLE_REQUIRE=1 in the image turns this off",
    ),
    _form(
        r"load library failed: (?P<file>lib(?:nvidia-ml|cuda)\.so[.0-9]*)|ERROR_LIBRARY_NOT_FOUND",
        "there is no NVIDIA driver where it runs",
        "install the driver there (`nvidia-smi` must work), then restart the engine; an engine in a snap or "
        "in a virtual machine does not see the host's driver",
    ),
    _form(
        r"driver/library version mismatch|ERROR_LIB_RM_VERSION_MISMATCH",
        "the NVIDIA driver where it runs was updated, and its old kernel module is still loaded",
        "restart that machine (`nvidia-smi` must work there)",
    ),
    _form(
        r"driver not loaded|ERROR_DRIVER_NOT_LOADED",
        "the kernel module of the NVIDIA driver is not loaded where it runs",
        "`sudo modprobe nvidia` there; where that fails, `sudo dmesg | grep NVRM` and `dkms status` say why",
    ),
    _form(
        r"WSL environment detected but no adapters were found",
        "Windows gives no GPU to WSL",
        "install NVIDIA's driver in Windows, `wsl --update`, and restart; no Linux driver inside WSL",
    ),
    _form(
        r"driver(?: rpc)? error: [a-z ]*[a-z]",
        "the NVIDIA driver does not answer where it runs",
        "see whether `nvidia-smi` works there; `sudo nvidia-container-cli -k -d /dev/tty info` says more; "
        "restarting the machine often helps",
    ),
    _form(
        r"device error: (?:unknown device id: )?(?P<device>[^\s:\\\"]+(?::[0-9]+)?)(?:: unknown device)?",
        "it has no GPU {device}",
        "`nvidia-smi -L` lists its GPUs, where it runs",
    ),
    _form(
        r"failed to get device (?:handle|minor number|UUID)[^:]*: (?:invalid argument|not found)",
        "it does not have all of the GPUs that were asked for",
        "`nvidia-smi -L` lists its GPUs, where it runs",
    ),
    _form(
        r"cgroup subsystem devices not found",
        "its NVIDIA container toolkit is too old for cgroup v2",
        "update nvidia-container-toolkit where the engine runs (1.8 or newer)",
    ),
    _form(
        r"failed to add device rules|bpf_prog_query\(BPF_CGROUP_DEVICE\) failed",
        "its NVIDIA hook may not change device rules, as in a rootless or nested engine",
        f"set `no-cgroups = true` in {CONFIG} where the engine runs, or use CDI: {GENERATE}",
    ),
    _form(
        r"file creation failed: (?:\S*/(?:merged|rootfs))?(?P<path>/\S+): file exists",
        "the image itself holds a file of the NVIDIA driver, {path}",
        "take it out: it comes from an installed driver package, or from a build on an engine whose default "
        "runtime is nvidia",
    ),
    _form(
        r"invoking the NVIDIA Container Runtime Hook directly",
        "its NVIDIA container toolkit gives GPUs by the runtime nvidia only, which is not registered",
        REGISTER,
    ),
    _form(
        r"unknown (?:or invalid )?runtime (?:specified|name:) (?P<name>\S+)",
        "it has no runtime {name}",
        TOOLKIT,
    ),
    _form(
        r"could not select device driver \"\" with capabilities: \[\[[a-z ]*gpu[a-z ]*\]\]",
        "it has neither a runtime nvidia, nor NVIDIA's hook, nor CDI devices for GPUs",
        TOOLKIT,
    ),
    _form(
        r"could not select device driver \"cdi\"|no CDI specification directories specified",
        "its CDI is off",
        'Docker 28.2 has it on; Docker 25 to 28.1 needs {{"features": {{"cdi": true}}}} in '
        "/etc/docker/daemon.json and a restart; older ones have no CDI",
    ),
    _form(
        r"unknown field \\?\"(?P<field>\w+)\\?\"",
        "it does not understand the field {field} of a CDI file",
        "update it (additionalGids: Podman 5.1 or newer), or make the file by nvidia-ctk 1.18: " + GENERATE,
    ),
    _form(
        r"unresolvable CDI devices (?P<names>runtime\.nvidia\.com/\S*[\w/])",
        "its NVIDIA runtime could not describe the GPUs to itself",
        "see whether `nvidia-smi` works where the engine runs",
    ),
    _form(
        r"unresolvable CDI devices (?P<names>[^\s:,]+(?:,? ?[^\s:,]+=[^\s:,]+)*)",
        "it has no CDI device {names}",
        f"`nvidia-ctk cdi list` shows its devices; make the CDI file where the engine runs: {GENERATE}",
    ),
    _form(
        r"failed to stat CDI host device \"(?P<path>[^\"]+)\"",
        "a CDI file names {path}, which is not there",
        f"see whether `nvidia-smi` works there (it makes the device files); {STALE}",
    ),
    _form(
        r"(?:error mounting|error stat'?ing file|cannot stat) [\"'`]?"
        r"(?P<path>/[^\s\"'`:]*(?:nvidia|libcuda|/cuda)[^\s\"'`:]*)[^\n]*no such file or directory",
        "a CDI file names {path}, which is not there: it is of another version of the driver",
        STALE,
    ),
    _form(
        r"stat (?P<device>nvidia\.com/gpu=\S+): no such file or directory",
        "it takes {device} for a file: this Podman knows no CDI here",
        "update to Podman 5.4 or newer",
    ),
    _form(
        r"(?:fork/exec |exec: \"|error executing hook `)(?P<path>[^\s\"`]*nvidia[^\s\"`:]*)"
        r"(?:`|\"?: (?:stat \S+: |executable file not found|no such file))",
        "the program {path} that it calls for GPUs is not there or does not work",
        f"{TOOLKIT}; with CDI, then make its file anew: {GENERATE}",
    ),
)

# Words without which a refusal has nothing to do with a GPU.
_OF_GPUS = re.compile(r"nvidia|\bgpus?\b|\bCDI\b|libcuda", re.IGNORECASE)


def explain_gpu(text: str, known: Iterable[str] = ()) -> GpuUnavailable | None:
    """What an engine's refusal to start a container with a GPU means; None: it is about something else.

    `known`: the CDI devices that the engine lists. Words that are not known are passed on as they are.
    """
    for form in _FORMS:
        if found := form.pattern.search(text):
            groups = {name: value or "" for name, value in found.groupdict().items()}
            todo = form.todo.format(**groups)
            others = [name for name in known if name.startswith(f"{KIND}=")]
            if "names" in groups and others:
                todo = f"it has {', '.join(others)}; {todo}"
            said = found[0].strip()
            return GpuUnavailable(f"{_PREFIX}: {form.wrong.format(**groups)}; it said: {said}", hint=todo)
    if _OF_GPUS.search(text):
        return GpuUnavailable(f"{_PREFIX}: {text.strip()}", hint=TOOLKIT)
    return None


_PREFIX = "the engine gives no GPU"

"""NVIDIA's side of a machine in, findings out: exact words, no probing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envbuild.doctor.gpu import gpu_findings
from envbuild.doctor.model import CdiSpec, Finding, GpuSide, Tool, Trouble
from envbuild.doctor.usable import usable
from envbuild.engine.model import EngineInfo
from envbuild.gpu.model import NO_DRIVER, Gpu, Host
from envbuild.host.model import Look, Note

DOCKER = EngineInfo(
    kind="docker",
    version="28.0.1",
    api_version="1.48",
    platform="linux/amd64",
    url="unix:///var/run/docker.sock",
    found_by="the default socket",
    buildkit=True,
    containerd_store=False,
    context="tar",
    runtimes=("runc", "nvidia"),
)
BARE = replace(DOCKER, runtimes=("runc",))
PODMAN = replace(DOCKER, kind="podman", version="5.4.0", runtimes=("crun",))
GIB = 1024**3
A100 = Gpu(name="NVIDIA A100-SXM4-80GB", capability=(8, 0), data_center=True, memory=80 * GIB)
GTX = Gpu(name="NVIDIA GeForce GTX 1080 Ti", capability=(6, 1), data_center=False, memory=11 * GIB)
HOST = Host(driver="550.54.15", gpus=(A100,), cuda="12.4", source="NVML")
CTK = Tool(name="nvidia-ctk", path="/usr/bin/nvidia-ctk", version="1.17.8")
CLI = Tool(name="nvidia-container-cli", path="/usr/bin/nvidia-container-cli", version="1.17.8")
HOOK = Tool(name="nvidia-container-runtime-hook", path="/usr/bin/nvidia-container-runtime-hook")
SPEC = CdiSpec(
    path="/etc/cdi/nvidia.yaml", kind="nvidia.com/gpu", devices=("0", "all"), drivers=("550.54.15",)
)
WELL = GpuSide(look=Look(host=HOST, persistence=(True,)), tools=(CTK, CLI))
GUIDE = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
REGISTER = "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"


def findings(seen: GpuSide, engine: EngineInfo | Trouble = DOCKER) -> list[Finding]:
    return list(gpu_findings(seen, engine))


def about(subject: str, seen: GpuSide, engine: EngineInfo | Trouble = DOCKER) -> Finding:
    (found,) = (finding for finding in findings(seen, engine) if finding.subject == subject)
    return found


def on(host: Host, *, persistence: tuple[bool | None, ...] = (), notes: tuple[Note, ...] = ()) -> GpuSide:
    return replace(WELL, look=Look(host=host, persistence=persistence, notes=notes))


def test_all_is_well() -> None:
    can = usable("550.54.15", A100)
    gpu = "NVIDIA A100-SXM4-80GB (8.0, 80 GiB): CUDA up to 12.9 (with all features up to 12.4)"
    tools = "nvidia-ctk 1.17.8 at /usr/bin/nvidia-ctk"
    more = "nvidia-container-cli 1.17.8 at /usr/bin/nvidia-container-cli"
    assert [(finding.level, finding.subject, finding.what, finding.todo) for finding in findings(WELL)] == [
        ("ok", "NVIDIA driver", "550.54.15, made for CUDA 12.4 (told by NVML)", ""),
        ("ok", "GPU 0", f"{gpu}; torch up to {can.torch} as {can.build} with limits", ""),
        ("ok", "persistence", "the driver stays loaded between runs", ""),
        ("ok", "container toolkit", f"{tools}, {more}", ""),
        ("ok", "GPUs in containers", "docker has the runtime nvidia", ""),
    ]


@pytest.mark.parametrize("engine", [DOCKER, BARE, PODMAN, Trouble(message="no engine")])
def test_a_machine_without_any_of_it_is_well_in_one_line(engine: EngineInfo | Trouble) -> None:
    info = Note(kind="info", text="NVIDIA's libraries are installed, but …")
    for notes in ((), (info,)):
        seen = GpuSide(look=Look(host=Host(driver=NO_DRIVER, gpus=()), notes=notes))
        assert findings(seen, engine) == [
            Finding(
                subject="GPU",
                level="ok",
                what="no NVIDIA driver: images can be built here, GPU checks say 'not run'",
            )
        ]


def test_a_card_without_a_driver_is_said() -> None:
    note = Note(kind="warning", text="the machine has an NVIDIA GPU and no NVIDIA driver", todo="install one")
    seen = GpuSide(look=Look(host=Host(driver=NO_DRIVER), notes=(note,)))
    assert findings(seen) == [
        Finding(subject="NVIDIA driver", level="warning", what=note.text, todo="install one")
    ]


def test_what_is_out_of_order_is_a_problem() -> None:
    note = Note(kind="problem", text="Driver/library version mismatch: …", todo="reboot")
    seen = on(Host(driver="535.129.03", gpus=None, source="/sys/module/nvidia/version"), notes=(note,))
    assert findings(seen)[:3] == [
        Finding(subject="NVIDIA driver", level="ok", what="535.129.03 (told by /sys/module/nvidia/version)"),
        Finding(subject="NVIDIA driver", level="problem", what=note.text, todo="reboot"),
        Finding(subject="GPU", level="warning", what="which GPUs there are cannot be read"),
    ]


def test_like_gpus_share_a_line() -> None:
    seen = on(replace(HOST, gpus=(A100, A100, GTX, A100)))
    assert [finding.subject for finding in findings(seen) if "GPU" in finding.subject] == [
        "GPUs 0-1",
        "GPU 2",
        "GPU 3",
        "GPUs in containers",
    ]


def test_a_driver_without_gpus() -> None:
    finding = about("GPU", on(replace(HOST, gpus=())))
    assert (finding.level, finding.what) == ("ok", "the driver shows none: GPU checks say 'not run'")


def test_a_gpu_that_nobody_knows() -> None:
    finding = about("GPU 0", on(replace(HOST, gpus=(Gpu(name="HAL 9000", capability=None),))))
    assert (finding.level, finding.what) == (
        "ok",
        "HAL 9000 (capability unknown): what it can use is not known",
    )


def test_a_gpu_that_the_driver_no_longer_supports() -> None:
    finding = about("GPU 0", on(replace(HOST, driver="590.48.01", gpus=(GTX,))))
    assert finding == Finding(
        subject="GPU 0",
        level="warning",
        what="NVIDIA GeForce GTX 1080 Ti (6.1, 11 GiB): driver 590.48.01 no longer supports NVIDIA GeForce"
        " GTX 1080 Ti (Pascal): branch 580 was the last that did",
        todo="install a driver of a branch that supports it: https://www.nvidia.com/drivers",
    )


@pytest.mark.parametrize(
    ("gpus", "modes", "level", "what"),
    [
        ((A100,), (False,), "warning", "off: the first use of a GPU after a pause takes seconds"),
        ((GTX,), (False,), "ok", "off, as is usual on desktops and laptops"),
        (
            (GTX, A100),
            (True, False),
            "warning",
            "off for GPU 1: the first use of a GPU after a pause takes seconds",
        ),
        ((A100, GTX), (True, False), "ok", "off for GPU 1, as is usual on desktops and laptops"),
        ((A100, GTX), (True, None), "ok", "the driver stays loaded between runs"),
    ],
)
def test_persistence(gpus: tuple[Gpu, ...], modes: tuple[bool | None, ...], level: str, what: str) -> None:
    finding = about("persistence", on(replace(HOST, gpus=gpus), persistence=modes))
    assert (finding.level, finding.what) == (level, what)
    assert ("nvidia-persistenced" in finding.todo) == (level == "warning")


@pytest.mark.parametrize("modes", [(), (None,)])
def test_persistence_that_is_not_told_is_not_mentioned(modes: tuple[bool | None, ...]) -> None:
    assert "persistence" not in [finding.subject for finding in findings(on(HOST, persistence=modes))]


def test_no_toolkit() -> None:
    finding = about("container toolkit", replace(WELL, tools=()))
    assert finding == Finding(
        subject="container toolkit",
        level="warning",
        what="nvidia-container-toolkit is not installed",
        todo=f"sudo apt-get install nvidia-container-toolkit, from NVIDIA's repository: {GUIDE}",
    )


def test_a_container_needs_no_toolkit_of_its_own() -> None:
    seen = replace(on(replace(HOST, container=True)), tools=())
    assert about("container toolkit", seen).level == "ok"
    assert about("GPUs in containers", seen, BARE).todo == (
        f"install nvidia-container-toolkit on the engine's machine, then {REGISTER}"
    )


def test_a_tool_that_tells_no_version() -> None:
    finding = about("container toolkit", replace(WELL, tools=(replace(CTK, version=""),)))
    assert finding.what == "nvidia-ctk (version not told) at /usr/bin/nvidia-ctk"


@pytest.mark.parametrize(
    ("tools", "todo"),
    [((CTK,), REGISTER), ((), f"install nvidia-container-toolkit, then {REGISTER}")],
)
def test_docker_that_cannot_give_a_gpu(tools: tuple[Tool, ...], todo: str) -> None:
    assert about("GPUs in containers", replace(WELL, tools=tools), BARE) == Finding(
        subject="GPUs in containers",
        level="warning",
        what="docker has no runtime nvidia, no CDI device and no hook: GPU checks say 'not run'",
        todo=todo,
    )


def test_docker_with_the_hook() -> None:
    finding = about("GPUs in containers", replace(WELL, tools=(CTK, HOOK)), BARE)
    assert (finding.level, finding.what) == (
        "ok",
        "docker calls /usr/bin/nvidia-container-runtime-hook for --gpus; a runtime nvidia is not registered",
    )


def test_docker_with_cdi_devices() -> None:
    engine = replace(BARE, cdi=True, cdi_devices=("nvidia.com/gpu=0", "nvidia.com/gpu=all"))
    assert about("GPUs in containers", replace(WELL, tools=(CTK,)), engine) == Finding(
        subject="GPUs in containers", level="ok", what="docker has the CDI devices nvidia.com/gpu"
    )


def test_podman_gives_gpus_by_cdi() -> None:
    assert about("GPUs in containers", replace(WELL, specs=(SPEC,)), PODMAN) == Finding(
        subject="GPUs in containers", level="ok", what="podman has the CDI devices nvidia.com/gpu"
    )
    finding = about("GPUs in containers", WELL, PODMAN)
    assert (finding.level, finding.todo) == (
        "warning",
        "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
    )


def test_podman_4_is_named_whatever_it_has() -> None:
    engine = replace(PODMAN, version="4.9.3", cdi=False)
    finding = about("GPUs in containers", replace(WELL, specs=(SPEC,)), engine)
    assert (finding.level, finding.what, finding.todo) == (
        "warning",
        "podman 4.9.3 leaves out GPUs without a word: GPU checks are not run with it",
        "use podman 5.4 or newer, or Docker",
    )


@pytest.mark.parametrize("url", ["ssh://me@server", "tcp://10.0.0.7:2376"])
def test_an_engine_elsewhere_has_a_machine_of_its_own(url: str) -> None:
    said = findings(replace(WELL, tools=(), specs=(SPEC,)), replace(BARE, url=url))
    assert [finding.subject for finding in said] == [
        "NVIDIA driver",
        "GPU 0",
        "persistence",
        "GPUs in containers",
    ]
    assert said[-1].what == "the engine is on another machine: what its containers get is not looked at"


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:2375", "tcp://localhost:2375", "tcp://[::1]:2375"])
def test_an_engine_on_loopback_is_here(url: str) -> None:
    assert about("GPUs in containers", WELL, replace(DOCKER, url=url)).what == "docker has the runtime nvidia"


def test_without_an_engine_the_driver_is_looked_at_all_the_same() -> None:
    said = findings(WELL, Trouble(message="no engine found"))
    assert [finding.subject for finding in said] == ["NVIDIA driver", "GPU 0", "persistence"]


@pytest.mark.parametrize(
    ("spec", "level", "what"),
    [
        (SPEC, "ok", "/etc/cdi/nvidia.yaml: nvidia.com/gpu 0, all"),
        (
            replace(SPEC, drivers=("535.129.03",)),
            "warning",
            "/etc/cdi/nvidia.yaml is of driver 535.129.03, and 550.54.15 is loaded: its devices do not work",
        ),
        (
            CdiSpec(path="/etc/cdi/nvidia.yaml", trouble="is neither YAML nor JSON"),
            "warning",
            "/etc/cdi/nvidia.yaml: is neither YAML nor JSON",
        ),
    ],
)
def test_cdi_files(spec: CdiSpec, level: str, what: str) -> None:
    finding = about("CDI", replace(WELL, specs=(spec,)))
    assert (finding.level, finding.what) == (level, what)
    todo = "make it anew: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
    assert finding.todo == (todo if level == "warning" else "")


def test_cdi_files_of_other_makers_are_none_of_this() -> None:
    seen = replace(WELL, specs=(CdiSpec(path="/etc/cdi/x.yaml", kind="example.com/net", devices=("0",)),))
    assert "CDI" not in [finding.subject for finding in findings(seen)]

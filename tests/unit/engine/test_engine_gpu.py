"""Which way an engine is asked for GPUs, and what each way gives to a container."""

import pytest

from envbuild.engine.gpu import GpuRequest, cdi_names, choose_gpu, device_ids, gpu_request
from envbuild.engine.model import EngineInfo, GpuWay
from envbuild.errors import GpuUnavailable

ALL = ("nvidia.com/gpu=0", "nvidia.com/gpu=1", "nvidia.com/gpu=all")
UNCHECKED = "nothing compares the driver with the image's NVIDIA_REQUIRE_CUDA on this way"


def engine(
    kind: str = "docker",
    version: str = "28.5.2",
    *,
    runtimes: tuple[str, ...] = ("runc",),
    cdi: bool | None = None,
    devices: tuple[str, ...] = (),
    url: str = "unix:///x.sock",
) -> EngineInfo:
    return EngineInfo(
        kind="podman" if kind == "podman" else "docker",
        version=version,
        api_version="1.41",
        platform="linux/amd64",
        url=url,
        found_by="test",
        buildkit=kind == "docker",
        containerd_store=False,
        context="tar",
        runtimes=runtimes,
        cdi=cdi,
        cdi_devices=devices,
    )


NVIDIA = ("nvidia", "runc")
RUNTIME = GpuWay(how="runtime", why="the engine has the runtime nvidia")
BY_CDI = GpuWay(how="cdi", why="the engine has CDI devices nvidia.com/gpu", note=UNCHECKED)
REQUESTS = GpuWay(
    how="requests",
    why="the engine names no runtime nvidia and no CDI devices nvidia.com/gpu",
    note="the engine does not say beforehand whether it can",
)


@pytest.mark.parametrize(
    ("info", "way"),
    [
        (engine(version="20.10.24", runtimes=NVIDIA), RUNTIME),
        (engine(runtimes=NVIDIA, cdi=True, devices=ALL), RUNTIME),
        (engine(cdi=True, devices=ALL), BY_CDI),
        (engine(version="26.1.5", cdi=True, devices=ALL), BY_CDI),
        (engine(version="29.3.0", cdi=True, devices=ALL), BY_CDI),
        (engine(version="20.10.24"), REQUESTS),
        (engine(version="26.1.5", cdi=False), REQUESTS),
        # Spec files that lie about while CDI is off are of no use.
        (engine(version="26.1.5", cdi=False, devices=ALL), REQUESTS),
        (engine(cdi=True), REQUESTS),
        (engine(cdi=True, devices=("amd.com/gpu=all",)), REQUESTS),
        (engine(runtimes=("nvidia-experimental", "runc")), REQUESTS),
    ],
)
def test_the_way_that_docker_is_asked(info: EngineInfo, way: GpuWay) -> None:
    assert choose_gpu(info) == way


def test_devices_that_the_engine_does_not_know_are_asked_for_all_the_same() -> None:
    """So that its refusal names what it has, and not a hook that nobody needs."""
    info = engine(cdi=True, devices=("nvidia.com/gpu=0",))
    assert choose_gpu(info) == BY_CDI
    assert choose_gpu(info, ("1", "GPU-5a")) == BY_CDI


def test_podman_by_cdi_only() -> None:
    """Its Docker API ignores runtimes and plain requests: a registered runtime nvidia is of no use there."""
    info = engine("podman", "5.4.2", runtimes=NVIDIA, cdi=True, devices=ALL)
    assert choose_gpu(info) == GpuWay(how="cdi", why="Podman's API gives devices by CDI only", note=UNCHECKED)
    bare = engine("podman", "5.4.2", cdi=True)
    assert choose_gpu(bare).note == "no CDI file in /etc/cdi or /var/run/cdi names nvidia.com/gpu=all"
    far = engine("podman", "5.4.2", cdi=True, url="ssh://me@host")
    assert choose_gpu(far).note == UNCHECKED


@pytest.mark.parametrize("version", ["4.3.1", "4.9.3", "5.0.0", "5.3.2"])
def test_podman_that_ignores_gpus_is_refused(version: str) -> None:
    with pytest.raises(GpuUnavailable) as caught:
        choose_gpu(engine("podman", version, runtimes=NVIDIA, cdi=False, devices=ALL))
    assert caught.value.message == f"Podman {version} ignores requests for a GPU without a word"
    assert caught.value.hint == "use Docker with the NVIDIA container toolkit, or Podman 5.4 or newer"


CAPABLE = {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}


def test_what_the_runtime_is_given() -> None:
    """Without these variables it would give no GPU to an image of no CUDA base."""
    info = engine(runtimes=NVIDIA)
    assert gpu_request(info, RUNTIME) == GpuRequest(
        host={"runtime": "nvidia"}, environment={"NVIDIA_VISIBLE_DEVICES": "all", **CAPABLE}
    )
    some = gpu_request(info, RUNTIME, ("0", "GPU-5a"))
    assert some.environment["NVIDIA_VISIBLE_DEVICES"] == "0,GPU-5a"


@pytest.mark.parametrize("way", [RUNTIME, REQUESTS])
def test_what_an_image_asks_of_the_driver_stays(way: GpuWay) -> None:
    asked = {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility,video", "NVIDIA_VISIBLE_DEVICES": "3"}
    given = gpu_request(engine(), way, (), asked)
    assert "NVIDIA_DRIVER_CAPABILITIES" not in given.environment
    assert given.environment.get("NVIDIA_VISIBLE_DEVICES", "all") == "all"
    assert (
        gpu_request(engine(), way, (), {"NVIDIA_DRIVER_CAPABILITIES": ""}).environment.items()
        >= CAPABLE.items()
    )


def test_what_a_plain_request_is() -> None:
    """A count or ids, never both: engines refuse that."""
    everything = gpu_request(engine(), REQUESTS)
    assert everything == GpuRequest(
        host={"device_requests": [{"count": -1, "capabilities": [["gpu"]]}]}, environment=CAPABLE
    )
    some = gpu_request(engine(), REQUESTS, ["1", "MIG-5a"])
    assert some.host == {"device_requests": [{"device_ids": ["1", "MIG-5a"], "capabilities": [["gpu"]]}]}


def test_what_a_cdi_request_is() -> None:
    assert gpu_request(engine(), BY_CDI) == GpuRequest(
        host={"device_requests": [{"driver": "cdi", "device_ids": ["nvidia.com/gpu=all"]}]}
    )
    some = gpu_request(engine("podman"), BY_CDI, ("0:1", "nvidia.com/gpu=GPU-5a"))
    assert some.host == {
        "device_requests": [{"driver": "cdi", "device_ids": ["nvidia.com/gpu=0:1", "nvidia.com/gpu=GPU-5a"]}]
    }
    assert some.security == ("label=disable",)


def test_names_of_devices() -> None:
    assert device_ids(()) == ("all",)
    assert device_ids(["all"]) == ("all",)
    assert device_ids(["0", "nvidia.com/gpu=0", "1"]) == ("0", "1")
    assert device_ids(["GPU-5a2b", "MIG-1c", "0:1", "0000:65:00.0"]) == (
        "GPU-5a2b",
        "MIG-1c",
        "0:1",
        "0000:65:00.0",
    )
    assert cdi_names(["nvidia.com/gpu=all"]) == ("nvidia.com/gpu=all",)


@pytest.mark.parametrize(
    "name", ["", " ", "0,1", "a b", "none", "void", "amd.com/gpu=0", "-1", "0:", "0\n", "é"]
)
def test_what_names_no_device(name: str) -> None:
    with pytest.raises(GpuUnavailable) as caught:
        choose_gpu(engine(), [name])
    assert caught.value.message == f"{name!r} does not name a GPU"
    assert caught.value.hint == (
        "name GPUs by index (0), by UUID (GPU-…), or MIG devices by UUID (MIG-…); `nvidia-smi -L` lists them"
    )


def test_all_stands_alone() -> None:
    with pytest.raises(GpuUnavailable, match=r"^`all` stands alone: it means every GPU$"):
        device_ids(["0", "all"])

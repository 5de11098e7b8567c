"""/sys, /proc and /dev as machines have them (fake roots), and as they should not be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envbuild.host.kernel import kernel_gpus, read_kernel
from envbuild.host.model import Kernel, KernelGpu, PciGpu

if TYPE_CHECKING:
    from support.fakeroot import FakeRoot

NVRM = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\nGCC version: 1"
)
NVRM_OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (dvs-builder@U16)"
)
NVRM_ARM = "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  580.95.05  Release Build"
NVRM_OLD = "NVRM version: NVIDIA UNIX x86 Kernel Module  304.137  Thu Sep 14 13:51:59 PDT 2017"


def test_a_machine_without_a_driver(root: FakeRoot) -> None:
    assert read_kernel(root.path, {}) == Kernel()
    assert kernel_gpus(root.path) is None


def test_the_module_tells_its_version(root: FakeRoot) -> None:
    root.driver("550.54.15").put("proc/driver/nvidia/version", NVRM)
    kernel = read_kernel(root.path, {})
    assert (kernel.driver, kernel.source, kernel.loaded, kernel.device) == (
        "550.54.15",
        "/sys/module/nvidia/version",
        True,
        "open",
    )


@pytest.mark.parametrize(
    ("text", "driver"),
    [(NVRM, "535.129.03"), (NVRM_OPEN, "550.54.15"), (NVRM_ARM, "580.95.05"), (NVRM_OLD, "304.137")],
)
def test_else_proc_does(root: FakeRoot, text: str, driver: str) -> None:
    kernel = read_kernel(root.put("proc/driver/nvidia/version", text).path, {})
    assert (kernel.driver, kernel.source) == (driver, "/proc/driver/nvidia/version")


@pytest.mark.parametrize(
    "text", ["", "\0\0\0", "soon", b"\xff\xfe550", "5.5", "550.54.15.1.2.3", "x" * 10**6]
)
def test_a_version_that_is_none_is_left_out(root: FakeRoot, text: str | bytes) -> None:
    root.put("sys/module/nvidia/version", text).put("proc/driver/nvidia/version", text)
    kernel = read_kernel(root.path, {})
    assert (kernel.driver, kernel.source, kernel.loaded) == ("", "/sys/module/nvidia/version", True)


def test_folders_where_files_should_be(root: FakeRoot) -> None:
    for name in (
        "sys/module/nvidia/version",
        "proc/driver/nvidia/version",
        "proc/1/cgroup",
        "etc/nv_tegra_release",
    ):
        (root.path / name).mkdir(parents=True)
    root.put("proc/driver/nvidia/gpus", "not a folder")
    kernel = read_kernel(root.path, {})
    assert (kernel.driver, kernel.jetson) == ("", "a Jetson board")
    assert kernel_gpus(root.path) is None


def test_gpus_in_the_order_of_the_bus(root: FakeRoot) -> None:
    root.gpu("0000:c1:00.0", "NVIDIA A100-SXM4-40GB", "GPU-2").gpu(
        "0000:01:00.0", "Tesla V100-PCIE-16GB", "GPU-1"
    )
    assert kernel_gpus(root.path) == (
        KernelGpu(name="Tesla V100-PCIE-16GB", uuid="GPU-1"),
        KernelGpu(name="NVIDIA A100-SXM4-40GB", uuid="GPU-2"),
    )


def test_gpus_that_the_driver_has_not_woken_are_unknown_and_excluded_ones_left_out(root: FakeRoot) -> None:
    root.gpu("0000:01:00.0", "Unknown", "GPU-????????-????-????-????-????????????")
    root.gpu("0000:02:00.0", "NVIDIA A100-SXM4-40GB", excluded="Yes")
    root.put("proc/driver/nvidia/gpus/0000:03:00.0/information", b"\xff\0: garbage")
    assert kernel_gpus(root.path) == (KernelGpu(), KernelGpu())


def test_cards_on_the_bus_with_their_driver(root: FakeRoot) -> None:
    root.card("0000:01:00.0", driver="nouveau").card("0000:02:00.0", kind="0x030000")
    root.card("0000:01:00.1", kind="0x040300")  # the same card's sound
    root.card("0000:03:00.0", vendor="0x1002")  # another maker's
    assert read_kernel(root.path, {}).pci == (
        PciGpu(address="0000:01:00.0", bound="nouveau"),
        PciGpu(address="0000:02:00.0"),
    )


def test_device_files_that_may_not_be_opened(root: FakeRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may open anything, so what the kernel would say to others is set here."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert read_kernel(root.driver("550.54.15").path, {}).device == "closed"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".dockerenv", ""),
        ("run/.containerenv", ""),
        ("proc/1/cgroup", "0::/system.slice/docker-3f4a.scope\n"),
        ("proc/1/cgroup", "12:devices:/kubepods/burstable/pod1/2\n"),
        ("proc/1/cgroup", "0::/machine.slice/libpod-1.scope\n"),
    ],
)
def test_inside_a_container(root: FakeRoot, name: str, text: str) -> None:
    assert read_kernel(root.put(name, text).path, {}).container


def test_inside_a_container_by_its_variables(root: FakeRoot) -> None:
    assert read_kernel(root.path, {"container": "podman"}).container
    assert read_kernel(root.path, {"APPTAINER_CONTAINER": "/x.sif"}).container
    root.put("proc/1/cgroup", "0::/init.scope\n")
    assert not read_kernel(root.path, {"container": ""}).container


def test_wsl_is_told_by_its_device_and_its_libraries(root: FakeRoot) -> None:
    assert not read_kernel(root.put("dev/dxg").path, {}).wsl
    assert read_kernel(root.put("usr/lib/wsl/lib/libnvidia-ml.so.1").path, {}).wsl


def test_a_jetson_board(root: FakeRoot) -> None:
    root.put("etc/nv_tegra_release", "# R36").put(
        "proc/device-tree/model", "NVIDIA Jetson AGX Orin Developer Kit\0"
    )
    assert read_kernel(root.path, {}).jetson == "NVIDIA Jetson AGX Orin Developer Kit"

"""A machine as text: what `--host` takes, what it makes of odd strings, and the line that people read."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from envbuild.errors import UsageError
from envbuild.gpu.describe import gpu_words, host_line, parse_host
from envbuild.gpu.model import NO_DRIVER, CudaUse, Gpu, GpuNeeds, Host
from envbuild.gpu.verdict import preflight

A100 = Gpu(name="A100", capability=(8, 0), data_center=True)
NEEDS = GpuNeeds(uses=(CudaUse(component="torch", cuda="12.8", cubins=("80", "86", "90"), ptx=()),))


def host(**parts: object) -> Host:
    return Host(source="--host", **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("550", "550"),
        ("550.54", "550.54"),
        ("550.54.15", "550.54.15"),
        ("R550", "550"),
        ("v535.104.05", "535.104.05"),
        ("550.x", "550"),
        ("550.54.*", "550.54"),
        ("550.54.15-0ubuntu0.22.04.1", "550.54.15"),
        (" 470.82.01 ", "470.82.01"),
        ("none", NO_DRIVER),
        ("NONE", NO_DRIVER),
        ("unknown", ""),
        ("?", ""),
        ("", ""),
    ],
)
def test_driver(text: str, driver: str) -> None:
    assert parse_host(f"driver={text}") == host(driver=driver)


@pytest.mark.parametrize("text", ["latest", "5", "55", "0550", "31.0.15.5161", "550.", "550,54", "55O.54"])
def test_a_driver_that_is_no_version_is_unknown_and_quoted(text: str) -> None:
    if "," in text:
        with pytest.raises(UsageError, match="'54' has no ="):
            parse_host(f"driver={text}")
        return
    note = f"--host: {text!r} is no version of an NVIDIA driver, such as 550.54.15"
    assert parse_host(f"driver={text}") == host(driver="", notes=(note,))


@pytest.mark.parametrize("text", ["12.8", "13.0.2", "CUDA 12.4", "9.2"])
def test_a_cuda_version_given_as_driver_is_told_apart(text: str) -> None:
    note = f"--host: {text!r} looks like a CUDA version; the driver's is one such as 550.54.15"
    assert parse_host(f"driver={text}") == host(driver="", notes=(note,))


@pytest.mark.parametrize(
    ("text", "gpu"),
    [
        ("A100", A100),
        ("a100", A100),
        ("NVIDIA A100-SXM4-80GB", A100),
        ("1080ti", Gpu(name="GeForce GTX 1080 Ti", capability=(6, 1), data_center=False)),
        ("8.6", Gpu(name="sm_86", capability=(8, 6), data_center=None)),
        ("sm_86", Gpu(name="sm_86", capability=(8, 6), data_center=None)),
        ("86", Gpu(name="sm_86", capability=(8, 6), data_center=None)),
        ("9.0", Gpu(name="sm_90", capability=(9, 0), data_center=True)),
        ("sm_90a", Gpu(name="sm_90", capability=(9, 0), data_center=True)),
        ("12.1", Gpu(name="sm_121", capability=(12, 1), data_center=None)),
        ("10.7", Gpu(name="sm_107", capability=(10, 7), data_center=None)),
        ("RTX 4000", Gpu(name="RTX 4000", capability=None)),
        ("MI300X", Gpu(name="MI300X", capability=None)),
        ("1080", Gpu(name="GeForce GTX 1080", capability=(6, 1), data_center=False)),
    ],
)
def test_gpu(text: str, gpu: Gpu) -> None:
    assert parse_host(f"gpu={text}") == host(gpus=(gpu,))


def test_a_capability_is_for_data_centres_only_if_all_its_gpus_are() -> None:
    """By the tables: only data-centre GPUs have 9.0, none of 12.0's lists is only consumers'."""
    assert [parse_host(f"gpu={text}").gpus[0].data_center for text in ("9.0", "8.9", "6.0")] == [  # type: ignore[index]
        True,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "count", "name"),
    [
        ("8xA100", 8, "A100"),
        ("8 x A100", 8, "A100"),
        ("8\u00d7A100", 8, "A100"),
        ("2*A100", 2, "A100"),
        ("A100:4", 4, "A100"),
        ("A100 x 4", 4, "A100"),
        ("A100x4", 4, "A100"),
        ("A100 x4", 4, "A100"),
        ("A100-SXM4-80GB:8", 8, "A100"),
        ("sm_86:2", 2, "sm_86"),
        ("2x8.6", 2, "sm_86"),
        ("2xHAL9000", 2, "HAL9000"),
        ("HAL9000:2", 2, "HAL9000"),
        ("RTX5095", 1, "RTX5095"),
        ("GTX1080", 1, "GeForce GTX 1080"),
        ("rtx4090", 1, "GeForce RTX 4090"),
        ("0xA100", 1, "0xA100"),
        ("257xA100", 1, "257xA100"),
        ("x2", 1, "x2"),
        (":3", 1, ":3"),
    ],
)
def test_several_of_a_kind(text: str, count: int, name: str) -> None:
    gpus = parse_host(f"gpu={text}").gpus
    assert gpus is not None
    assert [gpu.name for gpu in gpus] == [name] * count


def test_several_gpus_keep_their_order() -> None:
    gpus = parse_host("gpu=H100, driver=570 ,gpu=2xA100").gpus
    assert gpus is not None
    assert [gpu.name for gpu in gpus] == ["H100", "A100", "A100"]


def test_none_and_not_told_differ() -> None:
    assert parse_host("gpu=none").gpus == ()
    for text in ("", " ", ",", "gpu=", "gpu=unknown", "gpu=?"):
        assert parse_host(text) == host(), text
    assert parse_host("driver=none,gpu=A100") == host(driver=NO_DRIVER, gpus=(A100,))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "cuda=12.4",
            "--host: unknown key 'cuda'",
            "it takes driver and gpu, for instance --host driver=550.54,gpu=A100",
        ),
        (
            "drivr=550",
            "--host: unknown key 'drivr'; did you mean driver?",
            "it takes driver and gpu, for instance --host driver=550.54,gpu=A100",
        ),
        (
            "gpus=A100",
            "--host: unknown key 'gpus'; did you mean gpu?",
            "it takes driver and gpu, for instance --host driver=550.54,gpu=A100",
        ),
        ("A100", "--host: 'A100' has no =", "did you mean gpu=A100?"),
        ("550.54", "--host: '550.54' has no =", "did you mean driver=550.54?"),
        (
            "hal",
            "--host: 'hal' has no =",
            "write driver=VERSION, gpu=NAME with commas between, such as --host driver=550.54,gpu=A100",
        ),
        (
            "driver=550 gpu=A100",
            "--host: 'driver=550 gpu=A100' holds two parts",
            "put a comma between: --host driver=550.54,gpu=A100",
        ),
        (
            "driver=550,driver=560",
            "--host: a machine has one driver, not 550 and 560",
            "--host driver=550.54,gpu=A100",
        ),
        (
            "gpu=none,gpu=A100",
            "--host: gpu=none stands beside another GPU",
            "say one or the other",
        ),
    ],
)
def test_usage_errors(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_host(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("machine", "line"),
    [
        (Host(), "an unknown driver with unknown GPUs"),
        (Host(driver=NO_DRIVER), "no NVIDIA driver"),
        (Host(driver=NO_DRIVER, gpus=()), "no NVIDIA driver"),
        (Host(driver=NO_DRIVER, gpus=(A100,)), "no NVIDIA driver with A100 (8.0)"),
        (Host(driver="550.54.15", gpus=()), "driver 550.54.15 and no GPU"),
        (Host(driver="550", gpus=None), "driver 550 with unknown GPUs"),
        (
            Host(driver="550", gpus=(A100, A100, Gpu(name="X", capability=None))),
            "driver 550 with 2 x A100 (8.0), X (capability unknown)",
        ),
        (
            Host(gpus=(Gpu(name="", capability=None),)),
            "an unknown driver with a GPU without a name (capability unknown)",
        ),
    ],
)
def test_host_line(machine: Host, line: str) -> None:
    assert host_line(machine) == line


def test_gpu_words_tell_memory_and_mig() -> None:
    gpu = Gpu(name="H100", capability=(9, 0), memory=85_520_809_984, mig=("1g.10gb", "2g.20gb"))
    assert gpu_words(gpu) == "H100 (9.0, 80 GiB, MIG 1g.10gb 2g.20gb)"


PARTS = [
    "driver=",
    "gpu=",
    ",",
    "=",
    "550",
    ".54",
    "A100",
    "x",
    ":",
    "8",
    "8.6",
    "sm_",
    "none",
    " ",
    "\u0661",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PARTS), max_size=12).map("".join)))
@example("driver=" + "9" * 5000)
@example("gpu=" + "9" * 5000 + "xA100")
@example("driver=\u0665\u0665\u0660")
@example("gpu=\u00b2xA100")
@example("gpu=" + " " * 3000 + "x" + "1" * 3000)
def test_never_anything_but_a_host_or_a_usage_error(text: str) -> None:
    machine: Host | None = None
    with contextlib.suppress(UsageError):
        machine = parse_host(text)
    if machine is None:
        return
    assert host_line(machine)
    verdict = preflight(NEEDS, machine).verdict
    assert verdict in ("ok", "limits", "unknown", "refused")
    if machine.driver in ("", NO_DRIVER) or not machine.gpus:
        assert verdict in ("unknown", "refused")

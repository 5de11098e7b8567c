"""What `inspect` and `diff` found, as lines, rows and data."""

from dataclasses import replace
from typing import Any

import pytest
from support.planned import conda_record, lock, package

from envbuild.cli import differences, inspections
from envbuild.compare.model import Change, Contents, Difference, SizeChange
from envbuild.gpu.model import CudaUse, GpuNeeds, Reason
from envbuild.lock.model import LockedApt
from envbuild.remote.model import Attached, Contained, RemoteBase, RemoteImage, RemoteLayer, SmokeSaid, Step

TORCH = CudaUse(component="torch", cuda="12.8", cubins=("80", "90"), ptx=("90",))
LOCK = lock(
    [package("idna", "3.10", 60_000), package("rich", "14.0", 240_000)],
    apt=(
        LockedApt(name="git", version="1:2.39", size=7_000_000),
        LockedApt(name="libc6", version="2.36", size=0),
    ),
    inputs={"pip": ["Rich>=13 ; python_version > '3'", "absent", 5]},
)


def image(**changes: Any) -> RemoteImage:
    given: dict[str, Any] = {
        "reference": "lab/env:1@sha256:old",
        "digest": "sha256:d",
        "config": "sha256:c",
        "media_type": "m",
        "platform": "linux/amd64",
        "layers": (),
        "base": RemoteBase(name="debian:12"),
        "needs": GpuNeeds(),
        "smoke": None,
    }
    return RemoteImage(**{**given, **changes})


def rows(found: RemoteImage) -> dict[str, list[str]]:
    """The lines by their first word."""
    told: dict[str, list[str]] = {}
    for line in list(inspections.image_lines(found))[1:]:
        told.setdefault(line[:11].strip(), []).append(line[11:])
    return told


def test_an_image_that_says_little() -> None:
    found = list(inspections.image_lines(image(platform="", base=RemoteBase(name=""))))
    assert found == [
        "lab/env:1@sha256:d",
        "  made by  something other than envbuild",
        "  platform not told",
        "  gpus     needs none",
        "  runs     nothing by itself, as root, in /",
        "  smoke    no report is attached",
        "  attached nothing",
        "  size     0 B to pull, in 0 layers",
    ]


@pytest.mark.parametrize(
    ("base", "said"),
    [
        (RemoteBase(name="debian:12"), "debian:12"),
        (RemoteBase(name="debian:12", pinned=False), "debian:12 (not pinned)"),
        (RemoteBase(name="debian:12", digest="sha256:b", pinned=True), "debian:12@sha256:b"),
        (RemoteBase(name="debian@sha256:b", digest="sha256:b"), "debian@sha256:b"),
    ],
)
def test_bases(base: RemoteBase, said: str) -> None:
    assert rows(image(base=base))["base"] == [said]


def test_packages_that_the_spec_asks_for_come_first() -> None:
    told = rows(image(contained=Contained(lock=LOCK)))
    assert told["packages"] == ["2 Python, 2 Debian: rich 14.0"]
    assert inspections.main_packages(replace(LOCK, inputs={})) == [("rich", "14.0"), ("idna", "3.10")]
    assert inspections.main_packages(replace(LOCK, inputs={"pip": "x"}))[0] == ("rich", "14.0")
    assert rows(image(contained=Contained(lock=lock())))["packages"] == ["0 Python"]
    assert rows(image(python="3.12.4"))["python"] == ["3.12.4"]


def test_conda_packages_are_told_with_their_builds() -> None:
    wanted = replace(conda_record("numpy", "2.1.0", "py311_0", size=8_000_000), requested=True)
    held = replace(LOCK, conda=(conda_record("libblas", "3.9", "22"), wanted))
    assert rows(image(contained=Contained(lock=held)))["packages"] == [
        "2 Python, 2 conda, 2 Debian: numpy 2.1.0, rich 14.0"
    ]
    assert inspections.main_packages(replace(held, inputs={})) == [("numpy", "2.1.0")]
    assert inspections.package_rows(held)[2:4] == [
        ("conda", "libblas", "3.9 22", ""),
        ("conda", "numpy", "2.1.0 py311_0", "8.0 MB"),
    ]
    assert [row["name"] for row in inspections.lock_data(held)["conda"]] == ["libblas", "numpy"]


def test_all_packages() -> None:
    assert inspections.package_rows(LOCK) == [
        ("apt", "git", "1:2.39", "7.0 MB"),
        ("apt", "libc6", "2.36", ""),
        ("pip", "idna", "3.10", "60.0 kB"),
        ("pip", "rich", "14.0", "240 kB"),
    ]


@pytest.mark.parametrize(
    ("needs", "driver", "gpus"),
    [
        (
            GpuNeeds(uses=(TORCH,)),
            ["525.60.13 or newer; 570.26 for all features"],
            ["compiled for 80 90 +PTX 90"],
        ),
        (
            GpuNeeds(uses=(replace(TORCH, cubins=None),)),
            None,
            ["which ones it was compiled for is not known"],
        ),
        (GpuNeeds(uses=(replace(TORCH, kernels=False),)), None, ["CUDA alone, no kernels"]),
        (
            GpuNeeds(doubts=(Reason(rule="r", text="nobody knows", source="s", level="unknown"),)),
            [],
            ["nobody knows"],
        ),
        (GpuNeeds(), [], ["needs none"]),
    ],
)
def test_needs_of_a_gpu_machine(needs: GpuNeeds, driver: list[str] | None, gpus: list[str]) -> None:
    told = rows(image(needs=needs))
    assert driver is None or told.get("driver", []) == driver
    assert told["gpus"] == gpus


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (SmokeSaid(run=False, why="--no-smoke"), "left out: --no-smoke"),
        (SmokeSaid(run=False), "left out"),
        (SmokeSaid(run=True), "not told"),
        (SmokeSaid(run=True, passed=True, counts={"passed": 0}), "passed"),
        (
            SmokeSaid(
                run=True,
                passed=False,
                counts={"passed": 1, "failed": 2, "not run": 0},
                seconds=75.0,
                where=("docker 28",),
                created="2026-11-21T10:00:00Z",
                reports=3,
            ),
            (
                "failed: 1 passed, 2 failed in 1 min 15 s, 2026-11-21 10:00 UTC; docker 28;"
                " the newest of 3 reports"
            ),
        ),
    ],
)
def test_smoke_reports(said: SmokeSaid, line: str) -> None:
    assert rows(image(smoke=said))["smoke"] == [line]


def test_what_is_attached() -> None:
    kinds = ("application/vnd.cyclonedx+json", "application/vnd.other", "", "application/vnd.cyclonedx+json")
    found = tuple(Attached(artifact_type=kind, digest="sha256:a", size=1) for kind in kinds)
    assert rows(image(attached=found))["attached"] == ["SBOM (CycloneDX), application/vnd.other, something"]
    assert rows(image(attached=None))["attached"] == ["the registry does not tell"]


def test_times_as_they_come() -> None:
    assert rows(image(created="2026-11-21T12:17:25.52Z"))["made by"][0].endswith(", 2026-11-21 12:17 UTC")
    assert rows(image(created="2026-11-21T12:17:25+01:00"))["made by"][0].endswith(
        "2026-11-21T12:17:25+01:00"
    )
    assert rows(image(created="yesterday\x1b[2J" * 20))["made by"][0].isprintable()


def test_what_comes_from_outside_paints_no_screen() -> None:
    found = image(
        made_by="1\x1b[2J",
        platform="a\nb",
        base=RemoteBase(name="x\ty"),
        cmd=("\x07" * 500,),
        user="u\r",
        smoke=SmokeSaid(run=True, where=("\x1b]0;x",)),
    )
    lines = list(inspections.image_lines(found))
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 500


def test_layers() -> None:
    steps = [
        Step(kind="base", what="debian:12"),
        Step(kind="apt", what="a, b", words=("a=1", "b=2")),
        Step(kind="pip", what="x", name="rest", words=("x==1", "y==2", "z")),
        Step(kind="run", what="echo " + "a" * 200, index=0),
        Step(kind="other", what=""),
        Step(kind="other", what="apt-get update"),
    ]
    layers = [
        RemoteLayer(digest=f"sha256:{number}", size=number * 1000, media_type="m", diff_id="", step=step)
        for number, step in enumerate(steps)
    ]
    told = inspections.layer_rows(layers)
    assert told[:3] == [
        ("1", "base", "0 B", "debian:12"),
        ("2", "apt", "1.0 kB", "a, b"),
        ("3", "pip: rest", "2.0 kB", "x 1, y 2, z"),
    ]
    assert (told[3][1], len(told[3][3])) == ("run[0]", 100)
    assert [row[1] for row in told[4:]] == ["?", "other"]
    assert inspections.layer_data(layers[2]) == {
        "digest": "sha256:2",
        "size": 2000,
        "media_type": "m",
        "diff_id": "",
        "kind": "pip",
        "name": "pip: rest",
        "what": "x",
        "packages": ["x==1", "y==2", "z"],
    }


def test_the_json_of_an_image_without_a_lock() -> None:
    found = inspections.image_data(image())
    assert (found["lock"], found["packages"], found["apt"], found["spec"]) == (None,) * 4
    assert (found["made_by"], found["index"], found["smoke"], found["attached"]) == (None, None, None, [])
    assert found["gpu"] == {
        "driver": "",
        "least_driver": "",
        "architectures": "",
        "cuda_compat": "",
        "uses": [],
        "doubts": [],
    }
    assert inspections.image_data(image(attached=None))["attached"] is None


# diff


def a_difference(**changes: Any) -> Difference:
    return Difference(**{"a": "x", "b": "y", "verdict": "different", "why": "", **changes})


def test_sides() -> None:
    side = Contents(name="lab/env:1", kind="image", place="registry", platform="linux/amd64")
    assert differences.side_line("A", side) == "A: lab/env:1 (image in its registry, linux/amd64)"
    assert differences.side_line("B", replace(side, place="engine", platform=None)) == (
        "B: lab/env:1 (image of the engine)"
    )
    assert differences.side_line("A", Contents(name="spec.yml", kind="spec")) == "A: spec.yml (spec)"


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (a_difference(verdict="identical", why="both are sha256:1"), "identical: both are sha256:1"),
        (a_difference(verdict="equivalent", why="they hold the same"), "equivalent: they hold the same"),
        (a_difference(verdict="unknown", why="x"), "no difference was found, and not all could be compared"),
        (a_difference(changes=(Change(part="base", how="changed"),)), "different: 1 change"),
        (a_difference(changes=(Change(part="base", how="changed"),) * 2), "different: 2 changes"),
    ],
)
def test_verdicts(found: Difference, line: str) -> None:
    assert differences.verdict_line(found) == line


def test_changes() -> None:
    changes = (
        Change(part="pip", how="upgraded", name="idna", before="1", after="2"),
        Change(part="run", how="added", name="echo\na", after="echo\na"),
        Change(part="base", how="changed", before=None, after="x" * 500),
    )
    told = differences.change_rows(a_difference(changes=changes))
    assert told[:2] == [("pip", "upgraded", "idna", "1", "2"), ("run", "added", "echo a", "", "")]
    assert (told[2][3], len(told[2][4])) == ("", 120)


def test_sizes() -> None:
    sizes = (
        SizeChange(group="base", before=1000, after=1000),
        SizeChange(group="pip: rest", before=5000, after=2000),
        SizeChange(group="copy", before=None, after=10),
    )
    found = a_difference(sizes=sizes, measure="compressed")
    assert differences.size_rows(found) == [
        ("pip: rest", "5.0 kB", "2.0 kB", "-3.0 kB"),
        ("copy", "", "10 B", "+10 B"),
        ("all", "6.0 kB", "3.0 kB", "-3.0 kB"),
    ]
    assert differences.size_title(found) == "sizes, as the registry has them:"
    assert differences.size_rows(a_difference(sizes=sizes[:1], measure="compressed")) == []
    assert differences.size_title(a_difference()) == ""


def test_the_json_of_a_difference() -> None:
    change = Change(part="pip", how="added", name="idna", after="1")
    found = differences.difference_data(a_difference(changes=(change,)))
    assert found["format"] == 1
    assert found["changes"] == [{"part": "pip", "how": "added", "name": "idna", "before": None, "after": "1"}]
    assert found["verdict"] == "different"

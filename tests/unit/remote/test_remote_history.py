"""What layers hold, told by histories: real ones of envbuild by two builders, and those of others."""

import json
from pathlib import Path

import pytest
from support.planned import conda_record, lock, package

from envbuild.lock.model import Lock, LockedPython
from envbuild.remote.history import Entry, entries_of, metadata_at, steps_of
from envbuild.remote.model import Step

HISTORIES = Path(__file__).parent / "histories"
"""Configs' histories of one spec's image, as the builders wrote them."""

NVIDIA = [
    ("/bin/sh -c #(nop)  ARG RELEASE", True),
    (
        "/bin/sh -c #(nop) ADD file:63d5ab3ef0aab308c0e71cb67292c5467f60deafa9b0418cbb220affcd078444 in / ",
        False,
    ),
    ('/bin/sh -c #(nop)  CMD ["/bin/bash"]', True),
    ("ENV NVARCH=x86_64", True),
    ("ARG TARGETARCH", True),
    (
        "RUN |1 TARGETARCH=amd64 /bin/sh -c apt-get update && apt-get install -y   gnupg2 # buildkit",
        False,
    ),
    ("COPY NGC-DL-CONTAINER-LICENSE / # buildkit", False),
]
OURS = [
    ("RUN /bin/sh -c sh /dev/shm/envbuild/scripts/user.sh app 1000 /workspace # buildkit", False),
    (
        (
            "RUN /bin/sh -c sh /dev/shm/envbuild/scripts/site.sh sh /dev/shm/envbuild/scripts/python.sh base"
            " /usr/bin/python3 # buildkit"
        ),
        False,
    ),
    (
        (
            "RUN /bin/sh -c sh /dev/shm/envbuild/scripts/site.sh /dev/shm/envbuild/uv pip install --python"
            " /opt/env/bin/python -r /dev/shm/envbuild/pip/pylock.toml # buildkit"
        ),
        False,
    ),
    ("ENV PATH=/opt/env/bin", True),
    ("COPY envbuild/spec.yml envbuild/pylock.env.toml /opt/envbuild/ # buildkit", False),
    ("LABEL dev.envbuild.name=env", True),
    ("USER 1000", True),
]
LIGHT = lock([package("idna", "3.10", 60_000), package("rich", "14.0", 240_000)])
HEAVY = lock(
    [
        package("torch", "2.8.0", 900_000_000),
        package("nvidia-cudnn-cu12", "9.10", 700_000_000),
        package("rich", "14.0", 240_000),
    ]
)


def entries(*rows: tuple[str, bool]) -> list[Entry]:
    return [Entry(command=command, empty=empty) for command, empty in rows]


def filled(rows: list[Entry], base: str = "", lock: Lock | None = None) -> list[Step]:
    return [step for step in steps_of(rows, base=base, lock=lock) if not step.empty]


def told(steps: list[Step]) -> list[tuple[str, str]]:
    return [(step.group if step.index is None else f"{step.kind}[{step.index}]", step.what) for step in steps]


def real(name: str) -> list[Step]:
    config = json.loads((HISTORIES / f"{name}.json").read_text())
    return filled(list(entries_of(config)), "debian:bookworm-slim", LIGHT)


def test_an_image_of_ours_by_docker() -> None:
    steps = real("docker-20.10.24")
    apt = steps[1]
    assert told([steps[0], *steps[2:]]) == [
        ("base", "debian:bookworm-slim"),
        ("user", "app (uid 1000)"),
        ("python", "Python and the empty environment"),
        ("pip: rest", "idna, rich"),
        ("workdir", "/workspace"),
        ("run[0]", "echo hello > /etc/hello"),
        ("copy[0]", "a.txt → /workspace/a.txt"),
        ("copy[1]", "src → /workspace/src"),
        ("metadata", "spec, lock"),
    ]
    assert (apt.kind, apt.words[0], len(apt.words)) == ("apt", "git=1:2.39.5-0+deb12u3", 36)
    assert "libssl3=3.0.22-1~deb12u2" in apt.words  # quoted in the command
    assert apt.what.startswith("git, git-man, libbrotli1")
    assert steps[4].words == ("idna==3.10", "rich==14.0")


def test_an_image_of_ours_by_buildah() -> None:
    """It tells no sources of copies, and has no layer for WORKDIR."""
    steps = real("buildah-1.28.2")
    apt = steps[1]
    assert told([steps[0], *steps[2:]]) == [
        ("base", "debian:bookworm-slim"),
        ("user", "app (uid 1000)"),
        ("python", "Python and the empty environment"),
        ("pip: rest", "idna, rich"),
        ("run[0]", "echo hello > /etc/hello"),
        ("copy[0]", "files → /workspace/a.txt"),
        ("copy[1]", "files → /workspace/src"),
        ("metadata", "spec, lock"),
    ]
    assert (apt.words[0], len(apt.words)) == ("git=1:2.39.5-0+deb12u3", 36)


def test_an_image_of_nvidia() -> None:
    assert told(filled(entries(*NVIDIA), "ignored")) == [
        ("other", "ADD file:63d5ab3ef0aab308c0e71cb67292c5467f60deafa9b0418cbb220affcd078444 in /"),
        ("other", "apt-get update && apt-get install -y gnupg2"),
        ("other", "COPY NGC-DL-CONTAINER-LICENSE /"),
    ]


def test_an_image_of_ours_on_one_of_nvidia() -> None:
    steps = filled(entries(*NVIDIA, *OURS), "nvidia/cuda:12", LIGHT)
    assert [step.kind for step in steps] == ["base"] * 3 + ["user", "python", "pip", "metadata"]
    assert steps[0].what.startswith("ADD file:63d5")  # several layers: each tells its own


def test_an_image_of_ours_on_one_of_ours() -> None:
    """The steps below the last base belong to that base, whoever made them."""
    steps = filled(entries(*NVIDIA, *OURS, *OURS), "lab/base:1", LIGHT)
    assert [step.kind for step in steps] == ["base"] * 7 + ["user", "python", "pip", "metadata"]


def test_layers_that_others_put_on_top() -> None:
    more = [("RUN /bin/sh -c pip install flask # buildkit", False), ("ENV A=1", True)]
    steps = filled(entries(*OURS, *more), "b", LIGHT)
    assert told(steps[-2:]) == [("metadata", "spec, lock"), ("added", "pip install flask")]


def test_groups_as_the_plan_has_them() -> None:
    pip = OURS[2]
    steps = filled(entries(*OURS[:3], pip, pip, *OURS[3:]), lock=HEAVY)
    groups = [step for step in steps if step.kind == "pip"]
    assert [(step.name, step.words) for step in groups] == [
        ("nvidia-cudnn-cu12", ("nvidia-cudnn-cu12==9.10",)),
        ("torch", ("torch==2.8.0",)),
        ("rest", ("rich==14.0",)),
    ]


CONDA = lock(
    [package("rich", "13.9.4", 242_000)],
    conda=(
        conda_record("libcublas", "12.4.5.8", size=400_000_000),
        conda_record("python", "3.11.9", size=30_000_000),
        conda_record("tqdm", "4.66.5", size=89_000),
    ),
    python=LockedPython(version="3.11.9", source="conda", request="/opt/env/bin/python"),
)


@pytest.mark.parametrize(
    "copied",
    [
        [f"COPY /groups/{name}/ /opt/env/ # buildkit" for name in ("01-libcublas", "02-large", "03-rest")],
        [f"ADD conda/{name}.tar /opt/env/ # buildkit" for name in ("01-libcublas", "02-large", "03-rest")],
        [f"/bin/sh -c #(nop) COPY dir:{name * 64} in /opt/env/ " for name in "abc"],
    ],
)
def test_groups_of_conda_packages(copied: list[str]) -> None:
    rows = [
        Entry(command=command)
        for command in (
            "RUN /bin/sh -c sh /dev/shm/envbuild/scripts/user.sh app 1000 /workspace # buildkit",
            *copied,
            "RUN /bin/sh -c sh /dev/shm/envbuild/scripts/python.sh conda /opt/env/bin/python # buildkit",
            "RUN /bin/sh -c sh /dev/shm/envbuild/scripts/site.sh /dev/shm/envbuild/uv pip install # buildkit",
            "COPY copy/0/src /opt/env/ # buildkit",
            "COPY envbuild/spec.yml envbuild/pylock.env.toml /opt/envbuild/ # buildkit",
        )
    ]
    told = steps_of(rows, lock=CONDA)
    assert [(step.kind, step.name, step.words) for step in told] == [
        ("user", "", ()),
        ("conda", "libcublas", ("libcublas=12.4.5.8=0",)),
        ("conda", "large", ("python=3.11.9=0",)),
        ("conda", "rest", ("tqdm=4.66.5=0",)),
        ("python", "", ()),
        ("pip", "rest", ("rich==13.9.4",)),
        ("copy", "", ()),
        ("metadata", "", ()),
    ]
    names = [step.name for step in steps_of(rows) if step.kind == "conda"]
    assert names == (["", "", ""] if "nop" in copied[0] else ["libcublas", "large", "rest"])


def test_one_step_for_all_holds_all_whatever_the_plan_says() -> None:
    group = next(step for step in filled(entries(*OURS), lock=HEAVY) if step.kind == "pip")
    assert (group.group, len(group.words)) == ("pip", 3)


def test_groups_of_another_envbuild_are_not_guessed() -> None:
    steps = filled(entries(*OURS[:3], OURS[2], *OURS[3:]), lock=HEAVY)
    groups = [step for step in steps if step.kind == "pip"]
    assert told(groups) == [("pip", "Python packages")] * 2
    assert all(step.words == () for step in groups)


def test_without_a_lock_packages_are_not_told() -> None:
    groups = [step for step in filled(entries(*OURS)) if step.kind == "pip"]
    assert told(groups) == [("pip", "Python packages")]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("RUN /bin/sh /dev/shm/envbuild/scripts/site.sh /bin/sh -ec -- -x # buildkit", "-x"),
        ("RUN /bin/sh /dev/shm/envbuild/scripts/site.sh /bin/sh -ec apt  x\ny # buildkit", "apt x y"),
        (
            "RUN /bin/sh /dev/shm/envbuild/scripts/site.sh /bin/sh -ec sh /dev/shm/envbuild/scripts/apt.sh x",
            "sh /dev/shm/envbuild/scripts/apt.sh x",
        ),
        (
            (
                '/bin/sh -c --mount=type=bind     ["/bin/sh", "/dev/shm/envbuild/scripts/site.sh", "/bin/sh",'
                ' "-ec", "echo \\"a\\""]'
            ),
            'echo "a"',
        ),
        (
            '/bin/sh -c ["/bin/sh", "/dev/shm/envbuild/scripts/site.sh", "/bin/sh", "-ec", "cut',
            '"cut',
        ),
    ],
)
def test_steps_of_the_user(command: str, said: str) -> None:
    rows = entries(OURS[0], (command, False), OURS[4])
    assert told(filled(rows))[1] == ("run[0]", said)


def test_where_spec_and_lock_lie() -> None:
    assert metadata_at(entries(*NVIDIA)) is None
    assert metadata_at(entries(*OURS)) == 4
    assert metadata_at(entries(*OURS, *OURS)) == 11
    elsewhere = [("COPY x /opt/envbuild/deep/", False), ("RUN echo /opt/envbuild/", False)]
    assert metadata_at(entries(*elsewhere)) is None


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"history": None},
        {"history": "x"},
        {"history": {}},
        {"history": [None, 3, "x", [], {}, {"created_by": 5, "comment": ["x"], "empty_layer": "yes"}]},
    ],
)
def test_a_history_that_makes_no_sense(config: dict[str, object]) -> None:
    rows = entries_of(config)
    assert len(rows) == (6 if len(str(config)) > 30 else 0)
    assert {step.kind for step in steps_of(rows, base="b", lock=LIGHT)} <= {"other"}


def test_long_commands_are_read_in_time_that_grows_with_them() -> None:
    """What a registry sends may be made to take long: here each pattern meets what it likes least."""
    nasty = ["COPY " * 4000, " " * 20_000, "|1 " + "a" * 20_000, "# buildkit" * 2000, "/shm/envbuild/" * 2000]
    rows = entries(*((text, False) for text in nasty * 200))
    assert len(steps_of(rows)) == 1000


def test_a_comment_stands_in_for_a_command() -> None:
    rows = [Entry(command="", comment="Imported from -")]
    assert told(filled(rows)) == [("other", "Imported from -")]

"""From an engine's step names back to Dockerfile lines and the spec."""

import pytest
from support.contexts import context

from envbuild.engine.dockerfile import Steps, parse_dockerfile
from envbuild.render.model import Step

DOCKERFILE = """\
# A comment first
ARG ENVBUILD_BASE=debian:bookworm-slim
FROM scratch AS uv
COPY uv /uv

FROM --platform=linux/amd64 ${ENVBUILD_BASE} AS Image
ENV A=b \\
    C=d
RUN --mount=type=bind,from=uv,source=/uv,target=/bin/uv \\
    # a comment inside

    set -eu; \\
    uv --version
WORKDIR /workspace
COPY a b /x/
USER app
RUN echo $A
LABEL x=y
"""
STEPS = (
    Step(title="base image", first=6, last=6, key="base", line=3),
    Step(title="apt packages", first=9, last=13, key="apt", line=5),
    Step(title="the user", first=14, last=16, key="user", line=9),
    Step(title="run[0]", first=17, last=17, key="run[0]", line=12),
)


@pytest.fixture
def steps() -> Steps:
    return Steps(context(DOCKERFILE, steps=STEPS))


def test_instructions_and_their_lines() -> None:
    found = [(i.keyword, i.first, i.last, i.stage) for i in parse_dockerfile(DOCKERFILE)]
    assert found == [
        ("ARG", 2, 2, -1),
        ("FROM", 3, 3, 0),
        ("COPY", 4, 4, 0),
        ("FROM", 6, 6, 1),
        ("ENV", 7, 8, 1),
        ("RUN", 9, 13, 1),
        ("WORKDIR", 14, 14, 1),
        ("COPY", 15, 15, 1),
        ("USER", 16, 16, 1),
        ("RUN", 17, 17, 1),
        ("LABEL", 18, 18, 1),
    ]


def test_another_escape_character() -> None:
    assert [(i.first, i.last) for i in parse_dockerfile("# escape=`\nFROM x\nRUN a `\n  b\\\nUSER c\n")] == [
        (2, 2),
        (3, 4),
        (5, 5),
    ]


@pytest.mark.parametrize(
    ("name", "title", "line", "key"),
    [
        ("[uv 1/1] COPY uv /uv", "COPY uv /uv", 4, None),
        ("[image 1/5] FROM docker.io/library/debian:bookworm-slim", "base image", 6, "base"),
        ("[image 2/5] RUN --mount=type=bind … uv --version", "apt packages", 9, "apt"),
        ("[image 3/5] WORKDIR /workspace", "the user (WORKDIR)", 14, "user"),
        ("[image 4/5] COPY a b /x/", "the user (COPY)", 15, "user"),
        # Variables are expanded by then: the number leads.
        ("[image 5/5] RUN echo b", "run[0]", 17, "run[0]"),
        ("[linux/amd64 image 5/5] RUN echo b", "run[0]", 17, "run[0]"),
        ("[image  5/5] RUN echo b", "run[0]", 17, "run[0]"),
        # With triggers of the base image the numbers do not fit: by the text, where that is unique.
        ("[image  9/12] RUN echo $A", "run[0]", 17, "run[0]"),
        ("[image  9/12] RUN something of the base image's", "RUN something of the base image's", 0, None),
        ("[other 1/2] RUN x", "RUN x", 0, None),
    ],
)
def test_buildkit_s_names(steps: Steps, name: str, title: str, line: int, key: str | None) -> None:
    place = steps.vertex(name)
    assert place is not None
    assert (place.title, place.line) == (title, line)
    assert (place.step.key if place.step else None) == key


@pytest.mark.parametrize(
    "name", ["[internal] load build definition from Dockerfile", "exporting to image", ""]
)
def test_names_that_are_no_instructions(steps: Steps, name: str) -> None:
    assert steps.vertex(name) is None


def test_an_only_stage_has_no_name_and_a_long_text_is_cut() -> None:
    steps = Steps(context(f"FROM debian\nRUN echo {'x' * 200}\n"))
    place = steps.vertex(f"[2/2] RUN echo {'x' * 200}")
    assert place is not None
    assert place.line == 2
    assert len(place.title) == 100
    assert place.title.endswith("x…")


def test_buildah_s_numbers(steps: Steps) -> None:
    assert steps.numbered(0, 1, "FROM scratch AS uv").line == 3
    assert steps.numbered(1, 1, "FROM debian AS image").title == "base image"
    assert steps.numbered(1, 3, "RUN --mount … uv --version").title == "apt packages"
    assert steps.numbered(1, 7, "RUN echo $A").line == 17
    assert steps.numbered(7, 1, "RUN unheard of").line == 0


def test_registries_that_from_names() -> None:
    text = "ARG B\nFROM ${B} AS a\nFROM ghcr.io/x/uv:1 AS uv\nFROM --platform=linux/amd64 debian\nFROM a\n"
    assert Steps(context(text)).registries() == ("ghcr.io", "docker.io")

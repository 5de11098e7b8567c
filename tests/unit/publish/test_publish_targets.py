"""Where an image goes: registries that are named, tags, and what is refused in which words."""

import pytest

from envbuild.errors import UsageError
from envbuild.publish.targets import destinations

OWN = ("registry.test/lab/env:1", "registry.test/lab/env:latest")


def where(*to: str, own: tuple[str, ...] = OWN, tags: tuple[str, ...] = ("1", "latest")) -> list[list[str]]:
    found = destinations(to, own=own, tags=tags, name="spec.yml")
    return [[str(reference) for reference in target.references] for target in found]


def test_an_image_goes_where_its_names_say() -> None:
    assert where() == [["registry.test/lab/env:1", "registry.test/lab/env:latest"]]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (["other.test/x"], [["other.test/x:1", "other.test/x:latest"]]),
        (["other.test/x:2"], [["other.test/x:2"]]),
        (["localhost/x:2"], [["localhost/x:2"]]),
        (["127.0.0.1:5000/x:2", "other.test/y:3"], [["127.0.0.1:5000/x:2"], ["other.test/y:3"]]),
        (
            ["a.test/x:2", "b.test/y:3", "a.test/x:4", "a.test/x:2"],
            [["a.test/x:2", "a.test/x:4"], ["b.test/y:3"]],
        ),
        (["a.test/x:2", "a.test/x"], [["a.test/x:2", "a.test/x:1", "a.test/x:latest"]]),
        (["docker.io/me/x:2"], [["me/x:2"]]),
        (["index.docker.io/me/x:2"], [["me/x:2"]]),
    ],
)
def test_or_where_the_user_says(to: list[str], expected: list[list[str]]) -> None:
    assert where(*to) == expected


@pytest.mark.parametrize(
    ("own", "name", "hub"), [("dl-env:1", "dl-env", "USER/dl-env"), ("lab/dl-env:1", "dl-env", "lab/dl-env")]
)
def test_a_name_without_a_registry_goes_nowhere(own: str, name: str, hub: str) -> None:
    with pytest.raises(UsageError) as caught:
        where(own=(own,))
    assert caught.value.message == (
        f"spec.yml is called {own}, which names no registry: docker would take it to Docker Hub"
    )
    assert caught.value.hint == (
        f"say where to: `envbuild push --to registry.example.org/lab/{name}`, or image.repository in the"
        f" spec; for Docker Hub write docker.io/{hub}"
    )


@pytest.mark.parametrize(
    ("to", "message", "hint"),
    [
        (
            "lab/x",
            "--to lab/x names no registry: docker would take it to Docker Hub",
            "for Docker Hub write docker.io/lab/x",
        ),
        (
            "x:1",
            "--to x:1 names no registry: docker would take it to Docker Hub",
            "for Docker Hub write docker.io/USER/x",
        ),
        (
            f"a.test/x:1@sha256:{'0' * 64}",
            f"--to a.test/x:1@sha256:{'0' * 64}: nobody can choose the digest of what is pushed",
            "name a tag: --to a.test/x:1",
        ),
        ("A.test/X", "'A.test/X' is no image reference: its path has capitals", "write A.test/x"),
        (
            "https://a.test/x",
            "'https://a.test/x' is no image reference: it has a scheme",
            "write a.test/x",
        ),
    ],
)
def test_what_makes_no_sense(to: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        where(to)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_an_image_without_any_name() -> None:
    with pytest.raises(UsageError) as caught:
        where(own=())
    assert caught.value.message == "spec.yml: has no name that says where it goes"

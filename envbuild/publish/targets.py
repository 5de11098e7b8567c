"""Where an image goes: references → repositories with tags. Pure.

A registry must be named. A bare name such as `lab/dl-env` means Docker Hub to docker, where a push by mistake
is public: so Docker Hub is written out, `docker.io/lab/dl-env`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.errors import UsageError
from envbuild.names import HUB, HUB_HOSTS, read_reference
from envbuild.publish.model import Destination

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.names import Reference


def destinations(
    to: Sequence[str], *, own: Sequence[str], tags: Sequence[str], name: str
) -> tuple[Destination, ...]:
    """The repositories to push to, each once, with their tags in the order given.

    to    what `--to` says; a reference without a tag gets all of `tags`
    own   the image's own references, used when `to` is empty
    name  of the image, for messages

    Raises UsageError.
    """
    if not (to or own):
        raise UsageError(
            f"{name}: has no name that says where it goes",
            hint="say it: envbuild push --to registry.example.org/lab/NAME",
        )
    found: dict[Reference, dict[str, None]] = {}
    for text in to or own:
        reference = _checked(text, name, given=bool(to))
        repository = replace(reference, tag="")
        wanted = (reference.tag,) if reference.tag else tags
        found.setdefault(repository, {}).update(dict.fromkeys(wanted))
    return tuple(
        Destination(repository=repository, tags=tuple(wanted)) for repository, wanted in found.items()
    )


def _checked(text: str, name: str, *, given: bool) -> Reference:
    reference = read_reference(text)
    if reference.digest:
        raise UsageError(
            f"--to {text}: nobody can choose the digest of what is pushed",
            hint=f"name a tag: --to {reference.familiar}:{reference.tag or 'latest'}",
        )
    if reference.host == HUB and text.partition("/")[0] not in HUB_HOSTS:
        what = f"--to {text}" if given else f"{name} is called {text}, which"
        hint = f"for Docker Hub write docker.io/{_user(reference)}"
        if not given:
            hint = (
                "say where to: `envbuild push --to registry.example.org/lab/"
                f"{reference.repository.rpartition('/')[2]}`, or image.repository in the spec; {hint}"
            )
        raise UsageError(f"{what} names no registry: docker would take it to Docker Hub", hint=hint)
    return reference


def _user(reference: Reference) -> str:
    path = reference.repository.removeprefix("library/")
    return path if "/" in path else f"USER/{path}"

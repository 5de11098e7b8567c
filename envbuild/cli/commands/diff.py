"""`envbuild diff`: what differs between two of image, registry reference, spec and lock."""

from typing import Annotated

import typer

from envbuild.cli.options import Engine, Json, ShownPlatform, examples

NAME = "diff"
EPILOG = examples(
    "envbuild diff spec.yml registry.example.org/lab/dl-env:1    what a new build would change",
    "envbuild diff lab/dl-env:1 lab/dl-env:2                     two images, of the engine or a registry",
    "envbuild diff lab/dl-env:1 docker://lab/dl-env:1            the engine's one and its registry's",
    "envbuild diff pylock.old.toml pylock.dl-env.toml            two locks",
    "envbuild diff A B --json | jq -e '.verdict == \"identical\"'",
)
_WHAT = "A lock (.toml), a spec, an image of the engine, or one in a registry."


def command(
    a: Annotated[str, typer.Argument(metavar="A", help=_WHAT)],
    b: Annotated[str, typer.Argument(metavar="B", help="The same: what A is held against.")],
    platform: ShownPlatform = None,
    engine: Engine = None,
    json: Json = False,
) -> None:
    """Say what differs from A to B: base, packages, environment, CUDA, GPU needs, layers.

    The answer is identical (the same digest), equivalent (the same packages and files under other digests) or
    different. An image of the engine comes before one in a registry; docker://REF asks the registry. The exit
    code is 0 whatever the answer is.
    """
    import contextlib
    import functools
    import os
    from pathlib import Path

    from envbuild import subjects
    from envbuild.cli.inspected import show_difference
    from envbuild.cli.surroundings import current_site, request
    from envbuild.compare.diff import diff
    from envbuild.events import ignore
    from envbuild.registry.connect import client_of

    site = current_site()
    strict = platform is not None
    with contextlib.ExitStack() as stack:
        client = functools.cache(lambda: stack.enter_context(client_of(site, os.environ)))
        asked = request(Path("spec.yml"), site, ignore, platform=platform, engine=engine)
        sides = [subjects.contents_of(subjects.find(asked, name, client, strict=strict)) for name in (a, b)]
    show_difference(diff(*sides), *sides, as_json=json)

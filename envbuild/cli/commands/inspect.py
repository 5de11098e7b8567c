"""`envbuild inspect`: what an image in a registry holds, without pulling it."""

from typing import Annotated

import typer

from envbuild.cli.options import Json, ShownPlatform, examples

NAME = "inspect"
EPILOG = examples(
    "envbuild inspect registry.example.org/lab/dl-env:1      what is in it, what it needs, how it was tested",
    "envbuild inspect registry.example.org/lab/dl-env:1 --packages",
    "envbuild inspect nvidia/cuda:12.8.1-base-ubuntu24.04    as far as an image of others tells",
    "envbuild inspect spec.yml                               what its lock says",
    "envbuild inspect REF --json | jq -r .gpu.driver",
)


def command(
    target: Annotated[
        str,
        typer.Argument(metavar="REF|SPEC|LOCK", help="An image in a registry, or a spec or lock file."),
    ],
    packages: Annotated[bool, typer.Option("--packages", help="List all packages.")] = False,
    platform: ShownPlatform = None,
    json: Json = False,
) -> None:
    """Say what an image in a registry holds and needs, without pulling it.

    Of the registry only the manifest, the config, the tiny layer with spec and lock, and what is attached are
    read: some ten kilobytes. Images that envbuild did not make tell less.
    """
    import os
    from pathlib import Path

    from envbuild import subjects
    from envbuild.cli.inspected import show_file, show_image
    from envbuild.cli.surroundings import current_site, request
    from envbuild.errors import RegistryError
    from envbuild.events import ignore

    site = current_site()
    asked = request(Path(target), site, ignore, platform=platform)
    strict = platform is not None
    file = subjects.find_file(asked, target, strict=strict)
    if file is not None:
        show_file(file, packages=packages, as_json=json)
        return
    from envbuild.registry.connect import client_of

    with client_of(site, os.environ) as client:
        try:
            found = subjects.find_remote(asked, target, client, strict=strict)
        except RegistryError as error:
            raise subjects.with_engine(asked, target, error) from error
    show_image(found, packages=packages, as_json=json)

"""`envbuild image`: make the image of a spec."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from envbuild.cli.options import (
    DEFAULT_SPEC,
    AllowUnpinned,
    Engine,
    Json,
    Locked,
    PlatformOption,
    Quiet,
    Spec,
    To,
    Verbose,
    examples,
)

if TYPE_CHECKING:
    from envbuild.outcomes import ImageOutcome, Request
    from envbuild.publish.model import Published, Wish

NAME = "image"
EPILOG = examples(
    "envbuild image                     lock if need be, build, smoke-test, tag",
    "envbuild image --locked            the same in CI: a stale lock is refused",
    "envbuild image --smoke gpu         fail unless a kernel ran on a GPU; refused here and now if none can",
    "envbuild image --no-smoke -v       without smoke test, with every log line",
    "envbuild image --push              and push it, with its lock, smoke report and SBOM",
    "docker run -it $(envbuild image -q)",
)


class SmokeChoice(StrEnum):
    """Which smoke tests a new image has to pass."""

    AUTO = "auto"
    GPU = "gpu"
    NONE = "none"


def command(
    spec: Spec = DEFAULT_SPEC,
    locked: Locked = False,
    smoke: Annotated[
        SmokeChoice,
        typer.Option(
            "--smoke",
            metavar="auto|gpu|none",
            help="Which smoke tests: as the spec says; those on a GPU, too, whatever it says; none.",
        ),
    ] = SmokeChoice.AUTO,
    no_smoke: Annotated[bool, typer.Option("--no-smoke", help="The same as --smoke none.")] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Use none of the engine's cached steps.")
    ] = False,
    cache_from: Annotated[
        list[str] | None,
        typer.Option(
            "--cache-from",
            metavar="REF",
            help="Take finished steps from this image's registry, if it was made with --cache-to inline.",
        ),
    ] = None,
    cache_to: Annotated[
        list[str] | None,
        typer.Option(
            "--cache-to", metavar="inline", help="Leave in the image what others need for --cache-from."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Build and smoke-test again even if nothing changed.")
    ] = False,
    push: Annotated[
        bool, typer.Option("--push", help="Push the image when it is ready; as `envbuild push` does.")
    ] = False,
    to: To = None,
    allow_unpinned_base: AllowUnpinned = False,
    platform: PlatformOption = None,
    engine: Engine = None,
    builder: Annotated[
        str,
        typer.Option(
            "--builder", metavar="engine|direct", help="Who builds: an engine; `direct` is not there yet."
        ),
    ] = "engine",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make the image of a spec.

    Locks it if need be, builds, smoke-tests, and only then gives the image its name. Where a smoke test on a
    GPU is required, a machine whose driver or GPU cannot run it is refused before the build (exit code 9).
    """
    from envbuild import pipeline
    from envbuild.cli.progress import progress
    from envbuild.cli.show import show_failure
    from envbuild.cli.surroundings import current_site, redactor, request
    from envbuild.engine.cache import read_cache
    from envbuild.errors import GpuUnavailable, SmokeError, UsageError
    from envbuild.outcomes import ImageOptions, LockOptions

    if no_smoke and smoke is SmokeChoice.GPU:
        raise UsageError("--no-smoke and --smoke gpu exclude each other", hint="leave one of them out")
    if builder == "direct":
        raise UsageError(
            "--builder direct is not there yet", hint="leave it out: a container engine builds the image"
        )
    if builder != "engine":
        raise UsageError(
            f"--builder {builder}: there is no such builder",
            hint="leave it out: a container engine builds the image",
        )
    if to and not push:
        raise UsageError("--to says where to push, and nothing is pushed", hint="add --push")
    site = current_site()
    options = ImageOptions(
        lock=LockOptions(frozen=locked, allow_unpinned_base=allow_unpinned_base),
        smoke=not no_smoke and smoke is not SmokeChoice.NONE,
        gpu=smoke is SmokeChoice.GPU,
        force=force,
        no_cache=no_cache,
        cache=read_cache(cache_from or (), cache_to or ()),
    )
    try:
        with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
            asked = request(spec, site, sink, platform=platform, engine=engine)
            wish = _wish(asked, to, smoke=options.smoke) if push else None
            outcome = pipeline.image(asked, options)
            published = _published(asked, wish, outcome) if wish else None
    except (SmokeError, GpuUnavailable) as error:
        show_failure(error.report, as_json=json)
        raise
    if published is None:
        from envbuild.cli.show import show_image

        show_image(outcome, as_json=json, quiet=quiet)
    else:
        from envbuild.cli.published import show_both

        show_both(outcome, published, as_json=json, quiet=quiet)


def _wish(asked: "Request", to: list[str] | None, *, smoke: bool) -> "Wish":
    """What is to be pushed; whether it may be is asked before the build, which may last."""
    from envbuild.publish.model import Wish
    from envbuild.publish.push import ensure_may_push

    wish = Wish(target=str(asked.spec_path), to=tuple(to or ()), smoke=smoke)
    ensure_may_push(asked, wish.to)
    return wish


def _published(asked: "Request", wish: "Wish", outcome: "ImageOutcome") -> "Published":
    from envbuild import made
    from envbuild.publish.push import push

    return push(asked, wish, try_image=made.try_image, report=outcome.report)

"""An Apptainer definition that makes a .sif of the image, for clusters. Pure but for reading its template.

Apptainer takes a line that begins with % for a section and one that begins with `bootstrap:` for a stage, and
puts build arguments in place of double braces: values are written so that none of these is found in them
(pkg/build/types/parser of Apptainer 1.4).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.export.gpu import gpu_of
from envbuild.export.left import left_of
from envbuild.export.model import AS_LOCKED, Exported, Left
from envbuild.export.said import head
from envbuild.names import HUB, HUB_HOSTS, parse_reference
from envbuild.plan.metadata import DEFAULT_CMD, OWN_ENV, env_layer
from envbuild.render.quoting import Written, comment, only_written, shell_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.export.model import Source, Wishes

FILE = "apptainer.def"
_TEMPLATES = Path(__file__).parent / "templates"
_IN_IMAGE = frozenset(
    {"python", "base", "cuda", "targets", "apt", "conda", "pip", "env", "copy", "run", "smoke"}
)
_SECTION = re.compile(r"(\n\s*)(?=%|bootstrap:)", re.IGNORECASE)


def export(source: Source, wishes: Wishes = AS_LOCKED) -> Exported:  # noqa: ARG001  # it can be said in one way only
    """The definition."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    spec = source.spec
    bootstrap, reference, unpinned = _from(source)
    left = (*unpinned, *_left(source), *left_of(source, _IN_IMAGE | {"user", "start"}))
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        finalize=only_written,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  # no HTML; `finalize` sees that every value is quoted
        keep_trailing_newline=True,
    )
    environment.filters |= {"word": _word, "words": _words, "printed": comment}
    text = environment.get_template("apptainer.j2").render(
        head=Written(head(source, left).rstrip("\n")),
        bootstrap=bootstrap,
        reference=reference,
        labels=_labels(source),
        env=_env(source),
        entrypoint=spec.entrypoint or (),
        cmd=spec.cmd if spec.cmd is not None else () if spec.entrypoint else DEFAULT_CMD,
        imports=spec.smoke.imports,
        commands=spec.smoke.commands,
        gpu=bool(gpu_of(source)),
        spec_name=spec.name,
    )
    return Exported(files={FILE: text}, left=left)


def _from(source: Source) -> tuple[str, str, tuple[Left, ...]]:
    """Bootstrap agent, reference, and what is not fixed by these.

    A name without a registry's host (`dl-env`) is one of this machine's engine: nothing was pushed from it.
    """
    reference = source.image or source.spec.image.references[0]
    first = reference.partition("/")[0]
    hosted = parse_reference(reference).host != HUB or first in HUB_HOSTS
    if "@sha256:" in reference:
        name, _, digest = reference.partition("@")
        bare = parse_reference(name)
        return "docker", f"{bare.name}@{digest}", ()
    if source.place != "engine" and (hosted or source.place == "registry"):
        todo = "export it from the image: envbuild export --format apptainer REF"
        return "docker", reference, (Left(key="image", what=f"the digest of {reference}", todo=todo),)
    todo = "push it, and export it from there"
    what = f"the digest of {reference}, which is taken from this machine's Docker"
    return "docker-daemon", reference, (Left(key="image", what=what, todo=todo),)


def _env(source: Source) -> list[tuple[str, str]]:
    """What the image sets but PATH, said again: a machine's own settings reach into containers there."""
    spec, lock = source.spec, source.lock
    env = env_layer(spec, lock).env if lock else (*OWN_ENV, *spec.env)
    return [(name, value) for name, value in dict(env).items() if name != "PATH"]


def _labels(source: Source) -> list[tuple[str, str]]:
    labels = {"dev.envbuild.name": source.spec.name, "dev.envbuild.spec": source.spec.source.digest}
    if source.lock:
        labels |= {"dev.envbuild.lock": source.lock.digest}
    return list(labels.items())


def _left(source: Source) -> list[Left]:
    spec = source.spec
    left = []
    if spec.user != "app":
        left.append(Left(key="user", what=f"{spec.user}: Apptainer runs as whoever calls it"))
    if spec.workdir != "/workspace":
        todo = f"apptainer run --pwd {spec.workdir}"
        left.append(
            Left(key="workdir", what=f"{spec.workdir}: Apptainer stays in the caller's folder", todo=todo)
        )
    if gpu_of(source):
        todo = "envbuild smoke tests the image with a GPU"
        left.append(Left(key="smoke.gpu", what="tests on a GPU", todo=todo))
    return left


def _word(text: str) -> Written:
    """One word of a shell, without double braces, sections and stages in it. Whatever has these stands
    between quotes already, and `'a{''{b'` is `'a{{b'` to a shell.
    """
    quoted = "'" + text.replace("'", "'\"'\"'") + "'" if "\n" in text else str(shell_word(text))
    quoted = _SECTION.sub(r"\1''", quoted)
    while "{{" in quoted or "}}" in quoted:
        quoted = quoted.replace("{{", "{''{").replace("}}", "}''}")
    return Written(quoted)


def _words(texts: Sequence[str]) -> Written:
    return Written(" ".join(_word(text) for text in texts))

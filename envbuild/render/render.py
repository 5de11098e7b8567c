"""Stage 4's verb: `render(plan, templates, copies) → BuildContext`. Pure but for reading the templates.

Every layer is rendered by its own template into a block of lines; the blocks in order are the Dockerfile,
and the place of each block tells which part of the spec a failing line came from.
"""

from __future__ import annotations

import hashlib
import textwrap
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from envbuild.conda.source import CondaSource
from envbuild.errors import Problem, SpecError
from envbuild.plan.model import (
    AptLayer,
    BaseLayer,
    CondaLayer,
    CopyLayer,
    EnvLayer,
    Layer,
    MetadataLayer,
    PipLayer,
    PythonLayer,
    RunLayer,
    UserLayer,
)
from envbuild.plan.paths import safe_name
from envbuild.render import quoting
from envbuild.render.compiled import compiled_templates
from envbuild.render.conda import conda_copies, conda_files, conda_folders, conda_layers
from envbuild.render.model import BuildContext, CopySource, Step
from envbuild.render.quoting import UnwritableError, Written, comment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from envbuild.plan.model import Plan

_TEMPLATES = {
    BaseLayer: ("base", "base image"),
    AptLayer: ("apt", "Debian packages"),
    UserLayer: ("user", "user and working directory"),
    CondaLayer: ("conda", "conda packages"),
    PythonLayer: ("python", "Python environment"),
    PipLayer: ("pip", "Python packages"),
    EnvLayer: ("env", "environment variables"),
    RunLayer: ("run", "run"),
    CopyLayer: ("copy", "copy"),
    MetadataLayer: ("metadata", "spec, lock and labels"),
}
_WIDTH = 112
_SHORT = 60
CONTEXT_LABEL = "dev.envbuild.context"
_ROOM = "/dev/shm/envbuild"  # noqa: S108  # mounts in the step, as in mounts.j2
SITE = ("/bin/sh", f"{_ROOM}/scripts/site.sh")
_L = TypeVar("_L", bound=Layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Lines of the Dockerfile, what they are for, and the key of the spec that they come from."""

    text: str
    title: str = ""
    key: str = ""
    line: int = 0


def render(
    plan: Plan,
    templates: Path,
    *,
    copies: Mapping[str, CopySource],
    line_of: Callable[[str], int] = lambda key: 0,  # noqa: ARG005
    uv_image: str | None = None,
    conda: CondaSource = CondaSource(),  # noqa: B008  # frozen
) -> BuildContext:
    """The build context of `plan`.

    line_of   on which line of the spec a key such as `run[1]` stands (0: nowhere)
    uv_image  a public image to take uv from; else it comes from the context, where engine or
    `write_context` put it
    conda     where conda packages come from, if the plan has any

    Raises SpecError for a value that no Dockerfile can carry.
    """
    usual = writer = _Writer(plan, templates, copies, line_of, CondaSource())
    # However conda packages get in, it is the same image: machines differ in what they have to make it with.
    digest = _digest(usual.blocks(uv_image), usual.files(templates), copies, plan.platform)
    if plan.explicit and conda != CondaSource():
        writer = _Writer(plan, templates, copies, line_of, conda)
    blocks = writer.blocks(uv_image)
    blocks[-1] = writer.block(_labelled(plan, digest))
    text, steps = _joined(blocks)
    sources = {**copies, **conda_copies(plan, conda)}
    return BuildContext(
        dockerfile=text,
        files=writer.files(templates),
        copies={name: copy.path for name, copy in sources.items()},
        steps=steps,
        digest=digest,
        platform=plan.platform,
        needs_uv=uv_image is None,
        conda_image=writer.micromamba,
        conda=conda,
    )


def _labelled(plan: Plan, digest: str) -> MetadataLayer:
    """The last layer, with the digest of all that the image is made from, which it cannot be part of
    itself."""
    metadata = _the(MetadataLayer, plan)
    return replace(metadata, labels=(*metadata.labels, (CONTEXT_LABEL, digest)))


def _environment(templates: Path, platform: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        finalize=quoting.only_written,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  # Dockerfiles are no HTML; `finalize` sees that every value is quoted
        auto_reload=False,
        bytecode_cache=compiled_templates(),
    )
    for each in (quoting.shell_word, quoting.docker_word, quoting.docker_path, quoting.json_words, comment):
        environment.filters[each.__name__] = each
    environment.filters["packed"] = _packed
    environment.filters["prose"] = _prose
    environment.filters["written"] = Written  # for macros: what they print has been through filters inside
    environment.globals["cache_key"] = Written(platform.replace("/", "-"))
    return environment


def _packed(words: Iterable[str]) -> list[str]:
    """Words on lines of readable width."""
    return textwrap.wrap(" ".join(words), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _prose(text: str) -> Written:
    """A sentence as lines of comment."""
    return Written("\n".join(f"# {line}" for line in _packed([comment(text)])))


class _Writer:
    """Turns layers into blocks, each by the template of its kind."""

    def __init__(
        self,
        plan: Plan,
        templates: Path,
        copies: Mapping[str, CopySource],
        line_of: Callable[[str], int],
        conda: CondaSource,
    ) -> None:
        self._plan = plan
        self._copies = copies
        self._line_of = line_of
        self._environment = _environment(templates, plan.platform)
        self._conda = conda
        self._folders = dict(zip(map(id, _pip_layers(plan)), _pip_folders(plan), strict=True))
        self._folders |= dict(zip(map(id, conda_layers(plan)), conda_folders(plan), strict=True))
        self.micromamba = conda.image if plan.explicit and conda.how == "image" else ""

    def blocks(self, uv_image: str | None) -> list[_Block]:
        """The whole Dockerfile."""
        first = [self.head(), self.uv(uv_image), *self.conda()]
        return [*first, *(self.block(layer) for layer in self._plan.layers)]

    def files(self, templates: Path) -> dict[str, bytes]:
        """What envbuild itself puts beside it."""
        stage = conda_files(self._plan, self._conda)
        return {**_files(self._plan), **stage, **_scripts(templates, conda=bool(stage))}

    def head(self) -> _Block:
        """Comments for the reader, and the ARGs that FROM needs."""
        base = _the(BaseLayer, self._plan)
        return self._block("head", _Block(text=""), base=base, micromamba=self.micromamba)

    def uv(self, image: str | None) -> _Block:
        """The stage that uv is mounted from."""
        return self._block("uv", _Block(text="", title="uv"), uv_image=image)

    def conda(self) -> list[_Block]:
        """The stage that makes the environment of conda packages, if this build has one."""
        if not self._plan.explicit:
            return []
        program = "micromamba" if self.micromamba else f"{_ROOM}/micromamba"
        command = (*SITE, "/bin/sh", f"{_ROOM}/scripts/conda.sh", program)
        title = "" if self._conda.how == "staged" else "conda environment"
        empty = _Block(text="", title=title, key="conda", line=self._line_of("conda"))
        return [self._block("conda_stage", empty, how=self._conda.how, command=command)]

    def block(self, layer: Layer) -> _Block:
        """The block of one layer."""
        template, title = _TEMPLATES[type(layer)]
        key = _key(layer)
        empty = _Block(text="", title=_title(title, layer), key=key, line=self._line_of(key) if key else 0)
        return self._block(template, empty, layer=layer, **self._more(layer))

    def _block(self, template: str, block: _Block, **values: Any) -> _Block:
        where = f" ({self._plan.source}:{block.line} {block.key})" if block.line else ""
        try:
            text = self._environment.get_template(f"{template}.j2").render(
                plan=self._plan, where=comment(where), **values
            )
        except UnwritableError as error:
            todo = "write it without that, or set it in a step of `run:`"
            problem = Problem(
                file=self._plan.source, line=block.line, path=block.key, what=str(error), todo=todo
            )
            raise SpecError([problem]) from error
        return replace(block, text=text.strip("\n"))

    def _more(self, layer: Layer) -> dict[str, Any]:
        """What the template of a layer needs besides the layer."""
        match layer:
            case PipLayer():
                return {"folder": self._folders[id(layer)]}
            case CondaLayer():
                return {"folder": self._folders[id(layer)], "how": self._conda.how}
            case EnvLayer():
                variables = [(name, value) for name, value in layer.env if name != "PATH"]
                workdir = _the(UserLayer, self._plan).workdir
                return {"path": dict(layer.env)["PATH"], "variables": variables, "workdir": workdir}
            case RunLayer():
                # A command that begins with - or + would be taken for options of the shell.
                ends = ("--",) if layer.command.startswith(("-", "+")) else ()
                return {"command": (*SITE, "/bin/sh", "-ec", *ends, layer.command)}
            case CopyLayer():
                return {"target": self._target(layer)}
            case MetadataLayer():
                # By number: Kubernetes believes only a number not to be root.
                uid = _the(UserLayer, self._plan).uid
                return {"user": str(uid) if uid else "root"}
            case _:
                return {}

    def _target(self, layer: CopyLayer) -> str:
        """Where COPY puts it: a folder's content goes into the target; a file into a folder keeps its
        name."""
        source = self._copies.get(layer.source)
        if source is not None and source.folder:
            return f"{layer.target.rstrip('/')}/"
        if layer.target.endswith("/"):
            return layer.target + PurePosixPath(layer.origin).name
        return layer.target


def _the(kind: type[_L], plan: Plan) -> _L:
    """The one layer of a kind that every plan has."""
    return next(layer for layer in plan.layers if isinstance(layer, kind))


def _key(layer: Layer) -> str:
    """The key of the spec that a layer comes from."""
    match layer:
        case AptLayer():
            return layer.key
        case RunLayer():
            return f"run[{layer.index}]"
        case CopyLayer():
            return f"copy[{layer.index}]"
        case MetadataLayer():
            return ""
        case _:
            return _TEMPLATES[type(layer)][0]


def _pip_layers(plan: Plan) -> list[PipLayer]:
    return [layer for layer in plan.layers if isinstance(layer, PipLayer)]


def _pip_folders(plan: Plan) -> list[str]:
    """Where each group's lock lies: a folder, since uv wants the file itself to be called pylock.toml."""
    return [f"pip/{at:02}-{safe_name(layer.name)}" for at, layer in enumerate(_pip_layers(plan), 1)]


def _title(title: str, layer: Layer) -> str:
    match layer:
        case AptLayer():
            return f"{title} ({len(layer.packages)})"
        case CondaLayer() | PipLayer():
            return f"{title}: {layer.name} ({len(layer.names)})"
        case PythonLayer():
            return f"Python {layer.version} environment"
        case RunLayer():
            return f"run {layer.index + 1}: {_short(layer.command)}"
        case CopyLayer():
            return f"copy {comment(layer.origin)}"
        case _:
            return title


def _short(command: str) -> str:
    text = comment(" ".join(command.split()))
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _files(plan: Plan) -> dict[str, bytes]:
    metadata = _the(MetadataLayer, plan)
    locks = zip(_pip_folders(plan), _pip_layers(plan), strict=True)
    return {
        **{f"{folder}/pylock.toml": layer.lock_toml.encode() for folder, layer in locks},
        "envbuild/spec.yml": metadata.spec_text.encode(),
        f"envbuild/{metadata.lock_name}": metadata.lock_text.encode(),
    }


def _scripts(templates: Path, *, conda: bool) -> dict[str, bytes]:
    paths = sorted(path for path in (templates / "scripts").iterdir() if path.suffix in {".sh", ".py"})
    return {f"scripts/{path.name}": path.read_bytes() for path in paths if conda or path.stem != "conda"}


def _digest(
    blocks: Sequence[_Block], files: Mapping[str, bytes], copies: Mapping[str, CopySource], platform: str
) -> str:
    digest = hashlib.sha256(f"{platform}\0".encode())
    for block in blocks:
        digest.update(block.text.encode() + b"\0")
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\0".encode())
    for name, copy in sorted(copies.items()):
        digest.update(f"{name}\0{copy.digest}\0".encode())
    return f"sha256:{digest.hexdigest()}"


def _joined(blocks: Sequence[_Block]) -> tuple[str, tuple[Step, ...]]:
    """The Dockerfile, with an empty line between blocks, and the lines of each block."""
    steps, first = [], 1
    for block in blocks:
        last = first + block.text.count("\n")
        if block.title:
            steps.append(Step(title=block.title, first=first, last=last, key=block.key, line=block.line))
        first = last + 2
    return "\n\n".join(block.text for block in blocks) + "\n", tuple(steps)

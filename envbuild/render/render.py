"""Stage 4's verb: `render(plan, templates, copies) → BuildContext`. Pure but for reading the templates.

Every layer is rendered by its own template into a block of lines; the blocks in order are the Dockerfile, and the place of each
block tells which part of the spec a failing line came from.
"""

from __future__ import annotations

import hashlib
import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from envbuild.plan.model import (
    AptLayer,
    BaseLayer,
    CopyLayer,
    EnvLayer,
    Layer,
    MetadataLayer,
    PipLayer,
    PythonLayer,
    RunLayer,
    UserLayer,
)
from envbuild.render.model import BuildContext, CopySource, Step
from envbuild.render.quoting import comment, docker_path, docker_word, json_words, shell_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from envbuild.plan.model import Plan

_TEMPLATES = {
    BaseLayer: ("base", "base image"),
    AptLayer: ("apt", "Debian packages"),
    UserLayer: ("user", "user and working directory"),
    PythonLayer: ("python", "Python environment"),
    PipLayer: ("pip", "Python packages"),
    EnvLayer: ("env", "environment variables"),
    RunLayer: ("run", "run"),
    CopyLayer: ("copy", "copy"),
    MetadataLayer: ("metadata", "spec, lock and labels"),
}
_WIDTH = 120
CONTEXT_LABEL = "dev.envbuild.context"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Lines of the Dockerfile, what they are for, and the key of the spec that they come from."""

    text: str
    title: str
    key: str


def render(
    plan: Plan,
    templates: Path,
    *,
    copies: Mapping[str, CopySource],
    line_of: Callable[[str], int] = lambda key: 0,
    uv_image: str | None = None,
) -> BuildContext:
    """The build context of `plan`.

    `line_of` says on which line of the spec a key such as `run[1]` stands (0: nowhere). uv comes from the context (the engine room or
    `write_context` puts the binary there), or from the public image `uv_image`.
    """
    environment = _environment(templates, plan.platform)
    base = next(layer for layer in plan.layers if isinstance(layer, BaseLayer))
    metadata = next(layer for layer in plan.layers if isinstance(layer, MetadataLayer))
    version = dict(metadata.labels).get("dev.envbuild.version", "")
    head = environment.get_template("head.j2").render(name=plan.name, version=version, base=base)
    uv = environment.get_template("uv.j2").render(uv_image=uv_image)
    front = [_Block(text=head, title="", key=""), _Block(text=uv, title="uv", key="")]
    blocks = [*front, *_blocks(environment, plan.layers, copies, line_of)]
    files = {**_files(plan), **_scripts(templates)}
    digest = _digest(blocks, files, copies, plan.platform)
    labelled = replace(metadata, labels=(*metadata.labels, (CONTEXT_LABEL, digest)))
    blocks[-1] = next(iter(_blocks(environment, (labelled,), copies, line_of)))
    text, steps = _joined(blocks, line_of)
    return BuildContext(
        dockerfile=text,
        files=files,
        copies={name: copy.path for name, copy in copies.items()},
        steps=steps,
        digest=digest,
        platform=plan.platform,
        needs_uv=uv_image is None,
    )


def _environment(templates: Path, platform: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  # Dockerfiles are no HTML; every value goes through a filter of quoting.py
    )
    environment.filters |= {
        "shell_word": shell_word,
        "docker_word": docker_word,
        "docker_path": docker_path,
        "json_words": json_words,
        "comment": comment,
        "packed": _packed,
    }
    environment.globals["cache_key"] = platform.replace("/", "-")
    return environment


def _packed(words: Iterable[str]) -> list[str]:
    """Words on lines of readable width."""
    return textwrap.wrap(" ".join(words), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _blocks(
    environment: Environment, layers: Sequence[Layer], copies: Mapping[str, CopySource], line_of: Callable[[str], int]
) -> Iterable[_Block]:
    numbers = iter(range(1, len(layers) + 1))
    for layer in layers:
        template, title = _TEMPLATES[type(layer)]
        key, more = _about(layer, copies)
        if isinstance(layer, PipLayer):
            more = {"file": _pip_file(next(numbers), layer)}
        line = line_of(key) if key else 0
        where = f" (spec.yml:{line} {key})" if line else ""
        text = environment.get_template(f"{template}.j2").render(layer=layer, where=where, **more)
        yield _Block(text=text, title=_title(title, layer), key=key)


def _pip_file(number: int, layer: PipLayer) -> str:
    return f"pip/{number:02}-{layer.name}.toml"


def _about(layer: Layer, copies: Mapping[str, CopySource]) -> tuple[str, dict[str, Any]]:
    """The key of the spec that a layer comes from, and what its template needs besides the layer."""
    match layer:
        case AptLayer():
            return "apt", {"resolved": all("=" in package for package in layer.packages)}
        case UserLayer():
            return "user", {}
        case PythonLayer():
            return "python", {}
        case PipLayer():
            return "pip", {}
        case EnvLayer():
            return "env", {}
        case RunLayer():
            return f"run[{layer.index}]", {}
        case CopyLayer():
            # A folder's content goes into the target; with a slash at its end the builder makes it a folder, too.
            folder = layer.source in copies and copies[layer.source].folder
            return f"copy[{layer.index}]", {"target": f"{layer.target.rstrip('/')}/" if folder else layer.target}
        case BaseLayer():
            return "base", {}
        case _:
            return "", {}


def _title(title: str, layer: Layer) -> str:
    match layer:
        case AptLayer():
            return f"{title} ({len(layer.packages)})"
        case PipLayer():
            return f"{title}: {layer.name} ({len(layer.names)})"
        case PythonLayer():
            return f"Python {layer.version} environment"
        case RunLayer():
            return f"run {layer.index + 1}: {comment(layer.command)[:60]}"
        case CopyLayer():
            return f"copy to {layer.target}"
        case _:
            return title


def _files(plan: Plan) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    numbers = iter(range(1, len(plan.layers) + 1))
    for layer in plan.layers:
        if isinstance(layer, PipLayer):
            files[_pip_file(next(numbers), layer)] = layer.lock_toml.encode()
        elif isinstance(layer, MetadataLayer):
            files["envbuild/spec.yml"] = layer.spec_text.encode()
            files[f"envbuild/{layer.lock_name}"] = layer.lock_text.encode()
    return files


def _scripts(templates: Path) -> dict[str, bytes]:
    return {f"scripts/{path.name}": path.read_bytes() for path in sorted((templates / "scripts").glob("*.sh"))}


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


def _joined(blocks: Sequence[_Block], line_of: Callable[[str], int]) -> tuple[str, tuple[Step, ...]]:
    """The Dockerfile, with an empty line between blocks, and the lines of each block."""
    steps, texts, first = [], [], 1
    for block in blocks:
        text = block.text.strip("\n")
        last = first + text.count("\n")
        if block.title:
            line = line_of(block.key) if block.key else 0
            steps.append(Step(title=block.title, first=first, last=last, key=block.key, line=line))
        texts.append(text)
        first = last + 2
    return "\n\n".join(texts) + "\n", tuple(steps)

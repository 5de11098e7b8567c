"""The tables as Markdown, for docs/facts.md: a page with marks in, with tables between them out. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.facts.compat import compat_branches
from envbuild.facts.drivers import all_toolkits, family
from envbuild.facts.gpus import architectures, known_gpus
from envbuild.facts.jax import jax_plugin, jax_releases
from envbuild.facts.tables import table
from envbuild.facts.tensorflow import tensorflow_code, tensorflow_releases
from envbuild.facts.torch import torch_code, torch_releases, variant_cuda
from envbuild.facts.versions import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from envbuild.facts.model import Architecture, Code, TorchRelease

_MARKED = re.compile(r"(<!-- begin ([a-z]+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)
_UNKNOWN = "unknown"


def with_tables(page: str) -> str:
    """The page with `<!-- begin NAME --> … <!-- end NAME -->` filled anew; KeyError for an unknown name."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{_TABLES[found[2]]()}\n{found[3]}", page)


def _toolkits() -> str:
    rows = []
    for toolkit in reversed(all_toolkits()):
        known = family(numbers(toolkit.cuda)[0])
        name = f"{toolkit.cuda} (preview)" if toolkit.preview else toolkit.cuda
        branch = str(toolkit.branch or _UNKNOWN)
        rows.append(
            (name, toolkit.driver, branch, known.floor if known and known.floor else "its own driver")
        )
    return _markdown(("CUDA", "full driver", "branch", "floor of its family"), rows)


def _branches() -> str:
    branches: dict[int, str] = table("cuda_toolkits")["branches"]["cuda"]
    rows = [(str(branch), branches[branch]) for branch in sorted(branches, reverse=True)]
    return _markdown(("driver branch", "reports CUDA"), rows)


def _architectures() -> str:
    rows = [
        (
            f"{row.capability[0]}.{row.capability[1]}",
            row.name,
            f"{row.first_toolkit} to {row.last_toolkit or 'the newest'}",
            _drivers(row),
            _gpus(row),
        )
        for row in architectures()
    ]
    return _markdown(("capability", "name", "toolkits", "driver branches", "GPUs"), rows)


def _drivers(row: Architecture) -> str:
    first = str(row.first_branch) if row.first_branch else ("own numbers" if row.jetson else "older than 367")
    return f"{first} to {row.last_branch or 'the newest'}"


def _gpus(row: Architecture) -> str:
    """GPUs by whether cuda-compat works on them."""
    flags = {gpu.name: gpu.data_center for gpu in known_gpus() if gpu.capability == row.capability}
    groups = ((True, "data centre: "), (False, ""), (None, "compat unknown: "))
    texts = []
    for flag, words in groups:
        if names := [name for name in row.gpus if flags[name] is flag]:
            texts.append(words + ", ".join(names))
    return "; ".join(texts) or "none known"


def _torch() -> str:
    rows = [
        (
            release.version,
            ", ".join(release.pythons),
            release.glibc or "any",
            _variants(release),
            release.default,
            _code(torch_code(release.version, variant_cuda(release.default))),
        )
        for release in torch_releases()
    ]
    head = (
        "torch",
        "Python",
        "glibc",
        "builds (in brackets: not checked)",
        "default",
        "code in the default build",
    )
    return _markdown(head, rows)


def _variants(release: TorchRelease) -> str:
    others = f" ({', '.join(release.unverified)})" if release.unverified else ""
    return ", ".join(release.variants) + others


def _code(code: Code) -> str:
    if code.cubins is None:
        return _UNKNOWN
    ptx = "PTX unknown" if code.ptx is None else f"PTX {' '.join(code.ptx)}" if code.ptx else "no PTX"
    return f"{' '.join(code.cubins)}; {ptx}"


def _tensorflow() -> str:
    rows = [
        (
            release.minor,
            ", ".join(release.pythons),
            release.cuda,
            release.cudnn,
            "`tensorflow[and-cuda]`" if release.and_cuda else "the image",
            _code(tensorflow_code(release.minor)),
        )
        for release in tensorflow_releases()
    ]
    head = ("TensorFlow", "Python", "CUDA", "cuDNN", "CUDA comes from", "code in the wheel")
    return _markdown(head, rows)


def _jax() -> str:
    plugins = [plugin for major in (13, 12) if (plugin := jax_plugin(major))]
    rows = [
        (f"jax[cuda{plugin.major}]", plugin.driver, f"{plugin.oldest[0]}.{plugin.oldest[1]}")
        for plugin in plugins
    ]
    first = _markdown(("extra", "least driver", "oldest GPU"), rows)
    releases = [(version, ", ".join(pythons)) for version, pythons in jax_releases()]
    return f"{first}\n{_markdown(('jaxlib', 'Python'), releases)}"


def _images() -> str:
    rows = []
    for row in table("cuda_images")["images"]:
        branches = compat_branches(row["cuda"])
        compat = _UNKNOWN if branches is None else ", ".join(map(str, branches)) or "none"
        rows.append(
            (row["cuda"], ", ".join(row["tags"]), compat, row.get("evidence", "the publisher's lists"))
        )
    return _markdown(("nvidia/cuda", "on", "cuda-compat carries branches", "known from"), rows)


def _days() -> str:
    names = ("cuda_toolkits", "gpus", "torch", "tensorflow", "jax", "cuda_images", "base_images")
    return _markdown(("table", "as of"), [(f"`{name}.yml`", table(name)["as_of"]) for name in names])


_TABLES: dict[str, Callable[[], str]] = {
    "days": _days,
    "toolkits": _toolkits,
    "branches": _branches,
    "architectures": _architectures,
    "torch": _torch,
    "tensorflow": _tensorflow,
    "jax": _jax,
    "images": _images,
}


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)

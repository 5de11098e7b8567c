"""What several formats say of a `Source`: channels, wishes, pins, indexes, the comment at the top. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.errors import LockError
from envbuild.export.model import Left
from envbuild.lock.inputs import requirement_texts
from envbuild.lock.packages import chosen_file, without_credentials
from envbuild.render.quoting import comment
from envbuild.spec.conda import DEFAULT_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.export.model import Source
    from envbuild.lock.model import Lock

_TORCH = "https://download.pytorch.org/whl"
"""Where uv's --torch-backend looks, below it the backend's name (uv 0.8 to 0.13)."""


def ensure_lock(source: Source) -> Lock:
    """The lock. Raises LockError for a source without one."""
    if source.lock is None:
        raise LockError(f"{source.name}: it has no lock, and this format says what was locked")
    return source.lock


def ensure_conda(source: Source) -> Lock:
    """The lock, with conda packages in it. Raises LockError for a source without."""
    lock = ensure_lock(source)
    if not lock.conda:
        hint = (
            "requirements.txt and pylock.toml say Python packages; environment.yml does without conda's, too"
        )
        raise LockError(
            f"{source.name}: it has no conda packages, and this format says nothing else", hint=hint
        )
    return lock


def channels(source: Source) -> tuple[str, ...]:
    """The conda channels, the most important first; conda-forge where the spec names none."""
    conda = source.spec.conda
    return (conda.channels if conda else ()) or DEFAULT_CHANNELS


def local_channels(source: Source) -> Iterator[Left]:
    """Channels that are folders: a file can name them, and not bring them along."""
    for name in channels(source):
        if name.startswith("./"):
            yield Left(key="conda.channels", what=f"the folder {name}", todo="put it beside this file")
        elif name.startswith("file:"):
            yield Left(key="conda.channels", what=f"{name}, a folder of this machine", todo="serve it")


def conda_wishes(source: Source) -> tuple[str, ...]:
    """The MatchSpecs of the spec."""
    return tuple(dict.fromkeys(source.spec.conda.packages)) if source.spec.conda else ()


def pip_wishes(source: Source) -> tuple[str, ...]:
    """The requirements of the spec in its order; those of files that are not at hand, by the lock."""
    texts = dict.fromkeys(" ".join(wish.text.split()) for wish in source.spec.pip.requirements)
    known = set(requirement_texts(source.spec))
    more = source.lock.inputs.get("pip", []) if source.lock else []
    return (*texts, *(text for text in more if text not in known))


def pip_rows(lock: Lock) -> tuple[Mapping[str, Any], ...]:
    """The rows of the lock's PEP 751 document by name, each that an index or an address has."""
    rows = lock.document.get("packages", ())
    return tuple(sorted((row for row in rows if chosen_file(row)), key=lambda row: str(row["name"])))


def pin(row: Mapping[str, Any]) -> str:
    """A PEP 751 row as a requirement: `name==version`, or by the address where the spec gave one."""
    if archive := row.get("archive"):
        return f"{row['name']} @ {without_credentials(archive['url'])}"
    return f"{row['name']}=={row['version']}"


def indexes(source: Source) -> tuple[str, tuple[str, ...]]:
    """The main index ("" the usual one) and further ones, without credentials; torch's own among these."""
    pip = source.spec.pip
    extra = [without_credentials(url) for url in pip.extra_index_urls]
    if pip.torch_backend:
        extra.append(f"{_TORCH}/{pip.torch_backend}")
    return without_credentials(pip.index_url or ""), tuple(dict.fromkeys(extra))


def unsaid_indexes(source: Source) -> tuple[Left, ...]:
    """For formats that name each file by its address, and no index."""
    main, extra = indexes(source)
    names = [url for url in (main, *extra) if url]
    what = f"the indexes {', '.join(names)}: each file has its address"
    return (Left(key="pip", what=what),) if names else ()


def index_options(source: Source) -> Iterator[str]:
    """The indexes as lines of a requirements file."""
    main, extra = indexes(source)
    if main:
        yield f"--index-url {main}"
    yield from (f"--extra-index-url {url}" for url in extra)


def head(source: Source, left: Iterable[Left], *, locked: bool = True) -> str:
    """Lines of comment: what this was made from, and what it does not say. No path, time or version: the
    same answers give the same bytes.
    """
    lines = [f"Exported by envbuild: {source.spec.name}, Python {source.spec.python}"]
    if locked and source.lock:
        made = f"Python {source.lock.python.version}, {source.lock.platform}"
        lines = [f"Exported by envbuild: {source.spec.name}, {made}", f"Lock: {source.lock.digest}"]
    said = [f"  {each}" for each in left]
    if said:
        lines += ["Not said here:", *said]
    return "".join(f"# {comment(line)}".rstrip() + "\n" for line in lines)

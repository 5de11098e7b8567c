"""The lock file: a `Lock` ↔ `pylock.<name>.toml`, a PEP 751 file with the rest in `[tool.envbuild]`.

Reads and writes files. Same lock, same bytes. A digest over its own content lets an edit by hand be seen.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tomllib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from envbuild.conda.model import CondaRecord
from envbuild.errors import LockError
from envbuild.lock.model import Lock, LockedApt, LockedBase, LockedPython
from envbuild.lock.packages import packages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from envbuild.lock.model import LockedPackage
    from envbuild.spec.model import Spec

FORMAT = 1
_ANEW = "take the file from version control again, or delete it and run: envbuild lock"
_HEADER = "# Made by envbuild; change the spec instead, then run: envbuild lock\n"


def lock_path(spec: Spec) -> Path:
    """Where the lock of `spec` lies: beside it."""
    return spec.source.folder / f"pylock.{spec.name}.toml"


def read_lock(path: Path) -> Lock | None:
    """The lock in `path`; None when there is none. Raises LockError for a file that is not to be trusted."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LockError(f"{path}: cannot read the lock: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LockError(f"{path}: not a lock: it is not UTF-8 text", hint=_ANEW) from error
    return parse_lock(text, str(path))


def parse_lock(text: str, where: str) -> Lock:
    """The lock that `text` is; messages call it `where`. Raises LockError for what is not to be trusted."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(where, text, error) from error
    except RecursionError as error:
        raise _no_sense(where) from error
    tool = document.get("tool")
    table = tool.get("envbuild") if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        raise LockError(f"{where}: not a lock of envbuild: it has no [tool.envbuild] table", hint=_ANEW)
    if table.get("format") != FORMAT:
        tools = table.get("tools")
        made_by = tools.get("envbuild", "another version") if isinstance(tools, dict) else "another version"
        raise LockError(
            f"{where}: a lock of format {table.get('format')}, made by envbuild {made_by};"
            f" this one knows format {FORMAT}",
            hint="use the envbuild that made it, or delete it and run: envbuild lock",
        )
    try:
        if table.get("digest") != digest_of(document):
            raise LockError(f"{where}: was edited by hand: its digest does not fit its content", hint=_ANEW)
        lock = _lock(document, table)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _no_sense(where) from error
    if not _is_sound(lock):
        raise _no_sense(where)
    return lock


def dump_lock(lock: Lock) -> str:
    """The text of the file; `lock.digest` does not count, it is made anew."""
    import tomli_w

    document = _document(lock)
    document["tool"]["envbuild"]["digest"] = digest_of(document)
    return _HEADER + tomli_w.dumps(document)


def validate(document: Mapping[str, Any]) -> None:
    """Raise LockError when `document` is no valid PEP 751 lock; silent where no validator is installed."""
    try:
        from packaging.pylock import Pylock, PylockValidationError
    except ImportError:  # packaging before 26
        return
    try:
        Pylock.from_dict(document)
    except PylockValidationError as error:
        raise LockError(
            f"uv made a lock that is not valid: {error}", hint="another version of uv may help"
        ) from error


def write_lock(path: Path, lock: Lock) -> None:
    """Write `lock` wholly or not at all; two writers at once take turns. Raises LockError when it cannot."""
    from envbuild.files import write_atomically

    data = dump_lock(lock).encode()
    try:
        with _turn(path.parent):
            write_atomically(path, data)
    except OSError as error:
        raise _not_writable(path, error.strerror) from error


def ensure_writable(path: Path) -> None:
    """Raise LockError now when the lock could not be written later, after all the work."""
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        reason = "the folder is read-only" if path.parent.is_dir() else "the folder is missing"
        raise _not_writable(path, reason)


def digest_of(document: Mapping[str, Any]) -> str:
    """sha256 over the content of a parsed lock file but the digest itself; layout does not count."""
    tool = dict(document["tool"]["envbuild"])
    tool.pop("digest", None)
    content = {**document, "tool": {**document["tool"], "envbuild": tool}}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def digest_of_lock(lock: Lock) -> str:
    """The digest that the file of `lock` will carry."""
    return digest_of(_document(lock))


def _document(lock: Lock) -> dict[str, Any]:
    table = {
        "format": FORMAT,
        "digest": "",
        "name": lock.name,
        "platform": lock.platform,
        "apt-resolved": lock.apt_resolved,
        "inputs": lock.inputs,
        "base": asdict(lock.base),
        "python": asdict(lock.python),
        "cuda": lock.cuda,
        "gpu": lock.gpu,
        "tools": lock.tools,
        "apt": [asdict(package) for package in lock.apt],
    }
    if lock.conda:
        table["conda"] = [asdict(record) for record in lock.conda]
    plain: dict[str, Any] = _plain({**lock.document, "tool": {"envbuild": table}})
    return plain


def _plain(value: Any) -> Any:
    """`value` as TOML can say it: no None, no tuples; keys of free tables as they came."""
    if hasattr(value, "items"):
        return {key: _plain(part) for key, part in value.items() if part is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value if part is not None]
    return value


def _lock(document: dict[str, Any], table: dict[str, Any]) -> Lock:
    pep751 = {key: value for key, value in document.items() if key != "tool"}
    base = dict(table["base"])
    python = dict(table["python"])
    return Lock(
        name=table["name"],
        platform=table["platform"],
        inputs=table["inputs"],
        base=LockedBase(**base | {"diff_ids": tuple(base["diff_ids"])}),
        python=LockedPython(**python | {"packages": tuple(python["packages"])}),
        apt=tuple(LockedApt(**row) for row in table["apt"]),
        apt_resolved=table["apt-resolved"],
        packages=packages_of(pep751),
        conda=tuple(
            CondaRecord(**row | {"depends": tuple(row.get("depends", ()))}) for row in table.get("conda", ())
        ),
        cuda=table["cuda"],
        gpu=table.get("gpu", {}),
        tools=table["tools"],
        document=pep751,
        digest=table["digest"],
    )


def _is_sound(lock: Lock) -> bool:
    """Whether texts are texts and tables are tables: anybody can compute the digest of nonsense."""
    rows: tuple[LockedPackage | LockedApt | CondaRecord, ...] = (*lock.packages, *lock.apt, *lock.conda)
    texts = [lock.name, lock.platform, lock.base.reference, lock.python.version, lock.python.source]
    texts += [text for row in rows for text in (row.name, row.version)]
    texts += [
        text
        for row in lock.conda
        for text in (
            row.build,
            row.subdir,
            row.channel,
            row.url,
            row.sha256,
            row.md5,
            row.noarch,
            row.pypi,
            *row.depends,
        )
    ]
    sizes = [row.size for row in rows]
    return (
        all(isinstance(text, str) for text in texts)
        and all(size is None or isinstance(size, int) for size in sizes)
        and all(hasattr(table, "items") for table in (lock.inputs, lock.cuda, lock.gpu, lock.tools))
        and all(isinstance(text, str) for text in (*lock.cuda.values(), *lock.tools.values()))
    )


def _no_sense(where: str) -> LockError:
    return LockError(f"{where}: not a lock of envbuild: its tables make no sense", hint=_ANEW)


def _not_toml(where: str, text: str, error: tomllib.TOMLDecodeError) -> LockError:
    place = re.search(r"\(at line (\d+)", str(error))
    line = int(place[1]) if place else len(text.splitlines())
    what = re.sub(r" \(at .*\)$", "", str(error))
    if re.search(r"^<{7} ", text, re.MULTILINE):
        return LockError(
            f"{where}:{line}: not a lock: it holds the marks of a merge conflict",
            hint="take either side of it, then run: envbuild lock",
        )
    return LockError(f"{where}:{line}: not a lock: {what[:1].lower()}{what[1:]}", hint=_ANEW)


def _not_writable(path: Path, reason: str | None) -> LockError:
    return LockError(
        f"{path}: cannot write the lock: {reason or 'unknown reason'}",
        hint="make the folder writable, or work on a copy of the spec",
    )


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Hold the folder while writing, on a file system that can say so; it leaves nothing behind."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

"""A spec's bytes → `Spec`. Reads its requirements files; looks at its copy sources.

Parse, check everything, then complete: a file with any problem gives a SpecError with all of them, in the
file's order.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from envbuild.errors import Problem, SpecError
from envbuild.spec import grammar, model
from envbuild.spec.conda import conda_problems
from envbuild.spec.file import SpecFile
from envbuild.spec.pep508 import requirement_name
from envbuild.spec.problems import explain, nearest
from envbuild.spec.requirements import Reader, inside
from envbuild.spec.words import Bad, dotted
from envbuild.spec.yaml import Document, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.spec.file import CondaFile, CudaFile, ImageFile, PipFile, SmokeFile

_MOST_PROBLEMS = 100
_LATER = {
    "variants": ("variants come in a later release", "write one spec file for each until then"),
}


def parse_spec(data: bytes, path: Path, *, look: bool = True) -> model.Spec:
    """The spec in `data`, as if it had been read from `path`.

    `look` False: the files that it names are not looked for (a spec inside an image has none beside it).
    Raises SpecError, with every problem of the file.
    """
    file = os.fsencode(str(path)).decode("utf-8", "replace")
    document = read_yaml(data, file)
    if not isinstance(document.value, dict):
        kind = "a list" if isinstance(document.value, list) else "one text"
        what = f"the file holds {kind} where a mapping is expected"
        raise SpecError(
            [Problem(file=file, line=1, what=what, todo="begin with a line such as `name: dl-env`")]
        )
    problems = list(document.problems)
    checked = None
    try:
        checked = SpecFile.model_validate(document.value)
    except ValidationError as error:
        problems += explain(error, document.lines, file)
    files = _Files(document, path, file)
    problems += files.check() if look else []
    if problems or checked is None:
        raise SpecError(_in_order(problems, file))
    source = model.SpecSource(
        path=path,
        text=data.decode("utf-8-sig"),
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        lines=document.lines,
    )
    return _complete(checked, source, files.reader, file)


def _in_order(problems: list[Problem], file: str) -> list[Problem]:
    """The spec's own problems by line, then those of other files; a flood is cut."""
    unique = list(dict.fromkeys(problems))
    ordered = sorted(unique, key=lambda problem: (problem.file != file, problem.file, problem.line))
    if len(ordered) > _MOST_PROBLEMS:
        more = Problem(file=file, what=f"and {len(ordered) - _MOST_PROBLEMS} problems more")
        ordered = [*ordered[:_MOST_PROBLEMS], more]
    return ordered


class _Files:
    """The checks that need the spec's folder.

    They look at the plain document, so that they also run beside other problems.
    """

    def __init__(self, document: Document, path: Path, file: str) -> None:
        self._value: Any = document.value
        self._lines = document.lines
        self._folder = path.parent
        self._file = file
        self._problems: list[Problem] = []
        self.reader = Reader(folder=path.parent, shown_folder=Path(file).parent)

    def check(self) -> list[Problem]:
        """All problems with files that the spec names, and with keys of a later release."""
        for key, (what, todo) in _LATER.items():
            if self._value.get(key) is not None:
                self._add((key,), what, todo)
        conda = self._value.get("conda")
        for path, what, todo in conda_problems(conda, self._value.get("python")):
            self._add(path, what, todo)
        for index, name in enumerate(_list(conda.get("channels") if isinstance(conda, dict) else None)):
            if isinstance(name, str) and name.startswith("./"):
                self._try(name, ("conda", "channels", index), self._folder_of_channel)
        for index, item in enumerate(_list(self._value.get("copy"))):
            source = item.get("from") if isinstance(item, dict) else None
            self._try(source, ("copy", index, "from"), self._copy_source)
        pip = self._value.get("pip")
        for index, name in enumerate(_list(pip.get("requirements") if isinstance(pip, dict) else None)):
            self._try(name, ("pip", "requirements", index), self.reader.read)
        return self._problems + self.reader.problems

    def _try(self, value: object, path: model.KeyPath, check: Callable[[str], object]) -> None:
        """Run `check` on a value that is a path; the model reports those that are none."""
        if not isinstance(value, str):
            return
        try:
            grammar.relative(value)
        except Bad:
            return
        try:
            check(value)
        except Bad as bad:
            self._add(path, bad.what, bad.todo)

    def _copy_source(self, value: str) -> None:
        found = inside(self._folder, value)
        if not found.is_file() and not found.is_dir():
            raise Bad(f"{value!r} is neither a file nor a folder", "name one of them")

    def _folder_of_channel(self, value: str) -> None:
        if not inside(self._folder, value).is_dir():
            raise Bad(f"{value!r} is no folder", "name the folder that holds linux-64 and noarch")

    def _add(self, path: model.KeyPath, what: str, todo: str) -> None:
        line = nearest(self._lines, path)
        self._problems.append(Problem(file=self._file, line=line, path=dotted(path), what=what, todo=todo))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _complete(checked: SpecFile, source: model.SpecSource, reader: Reader, file: str) -> model.Spec:
    """The checked file with all defaults filled in."""
    return model.Spec(
        name=checked.name,
        python=checked.python,
        base=checked.base,
        cuda=_cuda(checked.cuda),
        targets=tuple(checked.targets or ()),
        accept=tuple(dict.fromkeys(checked.accept or ())),
        apt=tuple(checked.apt or ()),
        conda=_conda(checked.conda),
        pip=_pip(checked.pip, source, reader, file),
        env=tuple((checked.env or {}).items()),
        copy=tuple(_copy(item.from_, item.to, source.folder) for item in checked.copy_ or ()),
        run=tuple(checked.run or ()),
        user=checked.user or "app",
        workdir=_absolute(checked.workdir or "/workspace"),
        entrypoint=None if checked.entrypoint is None else tuple(checked.entrypoint),
        cmd=None if checked.cmd is None else tuple(checked.cmd),
        smoke=_smoke(checked.smoke),
        image=_image(checked.image, checked.name),
        source=source,
    )


def _cuda(given: CudaFile | None) -> model.Cuda | None:
    if given is None:
        return None
    return model.Cuda(version=given.version, flavour=given.flavour or "auto", cudnn=given.cudnn, os=given.os)


def _conda(given: CondaFile | None) -> model.Conda | None:
    if given is None:
        return None
    return model.Conda(
        channels=tuple(dict.fromkeys(given.channels or ())),
        packages=tuple(text.strip() for text in given.packages or ()),
        priority=given.priority or "strict",
    )


def _pip(given: PipFile | None, source: model.SpecSource, reader: Reader, file: str) -> model.Pip:
    if given is None:
        return model.Pip()
    own = []
    for index, text in enumerate(given.packages or ()):
        path: model.KeyPath = ("pip", "packages", index)
        own.append(
            model.Requirement(
                text=text.strip(),
                name=requirement_name(text),
                file=file,
                line=source.line(path),
                path=dotted(path),
            )
        )
    return model.Pip(
        requirements=(*own, *reader.requirements),
        files=tuple(reader.files),
        index_url=given.index_url,
        extra_index_urls=tuple(given.extra_index_urls or ()),
        torch_backend=given.torch_backend,
    )


def _copy(source: str, target: str, folder: Path) -> model.Copy:
    """`src/` and `./src` are src; a file that goes to a folder (`to: /data/`) keeps its name."""
    normal = posixpath.normpath(source)
    if target.endswith("/") and (folder / normal).is_file():
        target = f"{target}{posixpath.basename(normal)}"
    return model.Copy(source=normal, target=_absolute(target))


def _absolute(path: str) -> str:
    """Without doubled, trailing or dotted parts; posixpath.normpath would keep a leading //."""
    return "/" + "/".join(part for part in path.split("/") if part not in {"", "."})


def _smoke(given: SmokeFile | None) -> model.Smoke:
    if given is None:
        return model.Smoke()
    return model.Smoke(
        imports=tuple(given.imports or ()),
        commands=tuple(given.commands or ()),
        gpu=given.gpu or "auto",
        timeout=model.Smoke().timeout if given.timeout is None else given.timeout,
        memory=model.Smoke().memory if given.memory is None else given.memory,
    )


def _image(given: ImageFile | None, name: str) -> model.ImageName:
    if given is None:
        return model.ImageName(repository=name)
    return model.ImageName(
        repository=given.repository or name,
        tags=tuple(given.tags or ("latest",)),
        labels=tuple((given.labels or {}).items()),
    )

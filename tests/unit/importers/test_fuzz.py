"""Whatever a file holds, an import ends with a draft whose spec loads, or with a SpecError."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envbuild.errors import SpecError
from envbuild.importers.formats import FOLDER, FORMATS
from envbuild.importers.model import Draft, Wishes
from envbuild.importers.read import import_from
from envbuild.importers.write import spec_text
from envbuild.spec.parse import parse_spec

CORPUS = Path(__file__).parent / "corpus"
LONGEST = 6000  # longer sources are covered by the corpus itself
NAMES = {
    "spec.yml": "other.yaml",
    "environment.yml": "environment.yml",
    "requirements.txt": "requirements.txt",
    "explicit": "explicit.txt",
    "conda list": "packages.txt",
    "Dockerfile": "Dockerfile",
    "devcontainer.json": "devcontainer.json",
    "cog.yaml": "cog.yaml",
}
FORMAT_NAMES = [each.name for each in FORMATS if each.module]
FOLDER_FILES = (
    "apt.txt",
    "runtime.txt",
    "environment.yml",
    "requirements.txt",
    "postBuild",
    "start",
    "Pipfile",
)
JUNK = (
    *(
        "[]",
        "{}",
        "null",
        "~",
        "true",
        "1.5",
        "-1",
        '""',
        "''",
        "- ",
        ": ",
        "#",
        "\\",
        "\t",
        "\r",
        "\x00",
        "\x85",
    ),
    *(
        "\u2028",
        "\ufeff",
        "\ud7ff",
        "$",
        "${",
        "$(",
        "`",
        "<<EOT",
        "&&",
        ";",
        "|",
        "@",
        "git+https://a/b",
        "-r x",
    ),
    *(
        "file:///a",
        "https://u:p@h/x",
        "*",
        "&a",
        "*a",
        "!!x",
        "<<: *a",
        "---",
        "9" * 5000,
        "[[",
        "]]",
        '"""',
        "'''",
    ),
    *(
        ">=",
        "==",
        "==1.*",
        "^",
        "~",
        "python",
        "=",
        ";python_version<'3'",
        "[x",
        "../x",
        "/",
        "${V:-",
        "ONBUILD",
    ),
)
OTHERS: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "1.0",
    [],
    {},
    [[]],
    [{}],
    {"a": {}},
    {"": ""},
    ["\n"],
)
FUZZ = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=30,
)


def file_name(format_: str) -> str:
    """The name under which a file is taken for one of the format."""
    return NAMES.get(format_, format_)


def seeds(format_: str) -> list[bytes]:
    """What the corpus has for a format, and one line of nothing."""
    named = next(each for each in FORMATS if each.name == format_)
    found = [path for path in sorted(CORPUS.rglob("*")) if path.is_file() and named.is_named(path)]
    found += sorted(path for path in CORPUS.glob(f"{named.module}/*/*") if path.is_file())
    texts = [
        path.read_bytes()
        for path in found
        if path.name not in {"expected.yml", "findings.txt", "error.txt", "wishes.yml"}
    ]
    return [text for text in dict.fromkeys(texts) if len(text) <= LONGEST] or [b"a: b\n"]


def check(files: dict[str, bytes], source: str) -> Draft | None:
    """Import `source` from a folder of `files`; None when it is refused. The spec of a draft has to load."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for inner, data in files.items():
            (folder / inner).write_bytes(data)
        try:
            draft = import_from(folder / source, Wishes())
        except SpecError as error:
            refusal = error
        else:
            spec = parse_spec(spec_text(draft).encode(), folder / "spec.yml")
            assert spec.name == draft.name
            assert all("\n" not in str(finding) for finding in draft.findings)
            return draft
    assert refusal.problems
    assert all(problem.what and "\n" not in str(problem) for problem in refusal.problems)
    return None


@st.composite
def changed(draw: st.DrawFn, texts: list[bytes]) -> bytes:
    """One of the texts with parts cut out, doubled, swapped, or replaced."""
    lines = draw(st.sampled_from(texts)).decode("utf-8", "replace").splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        if not lines:
            break
        at = draw(st.integers(0, len(lines) - 1))
        other = draw(st.integers(0, len(lines) - 1))
        column = draw(st.integers(0, len(lines[at])))
        how = draw(st.sampled_from(("cut", "drop", "double", "swap", "indent", "junk", "replace", "value")))
        if how == "cut":
            lines = [*lines[:at], lines[at][:column]]
        elif how == "drop":
            del lines[at]
        elif how == "double":
            lines.insert(other, lines[at])
        elif how == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif how == "indent":
            lines[at] = draw(st.sampled_from(("  ", "    ", "\t"))) + lines[at]
        elif how == "junk":
            lines[at] = lines[at][:column] + draw(st.sampled_from(JUNK)) + lines[at][column:]
        elif how == "replace":
            lines[at] = lines[at][:column] + draw(st.sampled_from(JUNK)) + "\n"
        else:
            sign = next((sign for sign in (": ", "=", ":", " ") if sign in lines[at]), "")
            lines[at] = lines[at].partition(sign or " ")[0] + sign + draw(st.sampled_from(JUNK)) + "\n"
    return "".join(lines).encode("utf-8", "surrogatepass")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a document, the whole first."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """`value` with what lies at `path` replaced by `new`."""
    if not path:
        return new
    key, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = replaced(copy[key], tuple(rest), new)
    return copy


def loaded(format_: str, data: bytes) -> Any:
    """The document; None where it is no YAML, TOML or JSON."""
    try:
        if format_.endswith((".yml", ".yaml")) or format_ == "pixi.lock":
            return yaml.load(data, Loader=yaml.BaseLoader)
        if format_.endswith((".json", "Pipfile.lock")):
            return json.loads(data)
        return tomllib.loads(data.decode())
    except (ValueError, yaml.YAMLError):
        return None


def dumped(format_: str, value: Any) -> bytes | None:
    """The document as bytes; None where the format cannot say it."""
    if format_.endswith((".yml", ".yaml")) or format_ == "pixi.lock":
        return yaml.safe_dump(value, sort_keys=False).encode()
    if format_.endswith((".json", "Pipfile.lock")):
        return json.dumps(value).encode()
    try:
        return tomli_w.dumps(value).encode()
    except (TypeError, AttributeError):
        return None


@pytest.mark.parametrize("format_", FORMAT_NAMES)
def test_bytes(format_: str) -> None:
    @FUZZ
    @given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode())))
    def each(data: bytes) -> None:
        check({file_name(format_): data}, file_name(format_))

    each()


@pytest.mark.parametrize("format_", FORMAT_NAMES)
def test_changed_sources(format_: str) -> None:
    @settings(FUZZ, max_examples=50)
    @given(changed(seeds(format_)))
    def each(data: bytes) -> None:
        check({file_name(format_): data}, file_name(format_))

    each()


STRUCTURED = [
    name for name in FORMAT_NAMES if name not in {"requirements.txt", "explicit", "conda list", "Dockerfile"}
]


@pytest.mark.parametrize("format_", STRUCTURED)
def test_values_of_other_types(format_: str) -> None:
    documents = [found for text in seeds(format_) if (found := loaded(format_, text)) is not None]

    @settings(FUZZ, max_examples=50)
    @given(st.data())
    def each(data: st.DataObject) -> None:
        document = data.draw(st.sampled_from(documents))
        for _ in range(data.draw(st.integers(1, 2))):
            path = data.draw(st.sampled_from(places(document)))
            document = replaced(document, path, data.draw(st.sampled_from(OTHERS)))
        text = dumped(format_, document)
        if text is not None:
            check({file_name(format_): text}, file_name(format_))

    assert documents, f"the corpus has nothing for {format_} that loads"
    each()


def test_folders_for_repo2docker() -> None:
    texts = [
        text
        for name in ("Dockerfile", "environment.yml", "requirements.txt", "Pipfile")
        for text in seeds(name)
    ]
    read = 0

    @settings(FUZZ, max_examples=50)
    @given(
        st.dictionaries(
            st.sampled_from(FOLDER_FILES), st.one_of(changed(texts), st.binary(max_size=60)), min_size=1
        )
    )
    def each(files: dict[str, bytes]) -> None:
        nonlocal read
        draft = check({"apt.txt": b"git\n", **files}, ".")
        assert draft is None or draft.format == FOLDER.name
        read += draft is not None

    each()
    assert read > 25

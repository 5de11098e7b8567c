"""Whatever a file holds, loading it gives a Spec or a SpecError whose problems are one line each."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from envbuild.errors import SpecError
from envbuild.spec.file import SpecFile
from envbuild.spec.model import Spec
from envbuild.spec.parse import parse_spec
from envbuild.spec.problems import keys_at

LINE_END = re.compile("\r\n|\r|\n")
HERE = Path("no-such-folder/spec.yml")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["3.12", "x", "/a", "8GiB"])
)
KEYS = st.sampled_from(
    [
        *keys_at(()),
        *keys_at(("pip",)),
        *keys_at(("smoke",)),
        *keys_at(("image",)),
        *keys_at(("copy",)),
        *keys_at(("cuda",)),
    ]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
YAML_LIKE = st.text(alphabet="ab:-[]{}&*!|>'\"#%@`, \n\t?<~.0\\\u00e9\u2028\U0001f642\x00\x85", max_size=60)


def outcome(data: bytes) -> None:
    try:
        assert isinstance(parse_spec(data, HERE), Spec)
    except SpecError as error:
        problems = error.problems
    else:
        return
    lines = len(LINE_END.split(data.decode("utf-8", "replace")))
    assert problems
    for problem in problems:
        assert problem.what
        assert "\n" not in str(problem)
        assert problem.line <= lines


@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb\xbfname: x")
@settings(deadline=None)
def test_any_bytes(data: bytes) -> None:
    outcome(data)


@given(YAML_LIKE | st.text(max_size=60))
@example("a: 1\n...\n%")
@example("\r\ta")
@settings(max_examples=300, deadline=None)
def test_any_text(text: str) -> None:
    outcome(text.encode("utf-8", "replace"))


@given(st.dictionaries(KEYS, TREES, max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_tree(tree: dict[str, object]) -> None:
    """JSON is YAML, but for NaN and surrogate pairs, so this reaches the model behind the reader."""
    outcome(json.dumps({"name": "x", "python": 3.12, **tree}, ensure_ascii=False).encode("utf-8", "replace"))


def test_a_key_of_the_format_is_known_everywhere() -> None:
    assert keys_at(()) == tuple(item.alias or key for key, item in SpecFile.model_fields.items())
    assert keys_at(("copy", 0)) == ("from", "to")
    assert keys_at(("variants", "cpu", "pip"))[:2] == ("packages", "requirements")

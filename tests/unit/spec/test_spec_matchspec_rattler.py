"""What the grammar takes, py-rattler takes, and understands as the same package."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.spec import matchspec
from envbuild.spec.words import Bad

rattler = pytest.importorskip("rattler", reason="envbuild[conda] is not installed")

ASCII = st.characters(min_codepoint=32, max_codepoint=126)
PLAIN = st.from_regex(matchspec._PLAIN, fullmatch=True, alphabet=ASCII)
WISH = st.from_regex(matchspec._VALUES["version"], fullmatch=True, alphabet=ASCII)
BUILD = st.from_regex(matchspec._BUILD, fullmatch=True, alphabet=ASCII)
BRACKETS = st.builds("x[version='{}', build='{}']".format, WISH, BUILD)
CHANNELLED = st.builds("{}::{}".format, st.sampled_from(["lab", "a/label/b", "https://h.org/c"]), PLAIN)


@settings(max_examples=150, deadline=None)
@given(PLAIN | BRACKETS | CHANNELLED | st.text(alphabet="ax1.=<>!~*,|[]:/ '", max_size=12))
def test_rattler_takes_what_is_taken(text: str) -> None:
    try:
        found = matchspec.parse_match(text)
    except Bad:
        return
    theirs = rattler.MatchSpec(text)
    assert theirs.name is not None
    assert theirs.name.normalized == found.name
    assert (theirs.version is None) == (found.version == "")

"""The word rules of Dockerfiles, after BuildKit's parser (`parseWords`) and shell lexer (`ProcessWord`).

A model to test against without an engine; tests/engine/test_render_roundtrip.py asks a real one.
"""

from collections.abc import Mapping

ESCAPE = "\\"


def split_words(line: str) -> list[str]:
    """A line at its spaces, quotes respected and kept."""
    words: list[str] = []
    word, quote, at = "", "", 0
    while at < len(line):
        character = line[at]
        if character == ESCAPE and quote != "'" and at + 1 < len(line):
            word += line[at : at + 2]
            at += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character.isspace():
            words += [word] if word else []
            word = ""
            at += 1
            continue
        elif character in "'\"":
            quote = character
        word += character
        at += 1
    assert not quote
    return [*words, word] if word else words


def process_word(word: str, environ: Mapping[str, str]) -> str:
    """One word without its quotes, variables expanded."""
    result, quote, at = "", "", 0
    while at < len(word):
        character = word[at]
        following = word[at + 1] if at + 1 < len(word) else ""
        if quote == "'":
            if character == "'":
                quote = ""
            else:
                result += character
        elif character == ESCAPE and (not quote or following in ('"', "$", ESCAPE)):
            assert following, "an escape at the end"
            result += following
            at += 1
        elif character == '"':
            quote = "" if quote else '"'
        elif character == "'" and not quote:
            quote = "'"
        elif character == "$":
            return result + f"<expanded {word[at:]} of {sorted(environ)}>"
        else:
            result += character
        at += 1
    assert not quote, "an open quote"
    return result

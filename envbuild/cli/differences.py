"""What `diff` found → lines and rows for people, data for programs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.cli.output import human_size, one_line, plain_data

if TYPE_CHECKING:
    from envbuild.compare.model import Change, Contents, Difference

FORMAT = 1
"""Version of the JSON form: raised when a field changes its meaning or goes."""
CHANGE_HEADERS = ("PART", "CHANGE", "NAME", "A", "B")
SIZE_HEADERS = ("LAYERS", "A", "B", "DIFFERENCE")
SIZE_RIGHT = frozenset({1, 2, 3})
_WIDTH = 60
_SAID = {
    "identical": "identical",
    "equivalent": "equivalent: other digests, the same content",
    "different": "different",
    "unknown": "no difference was found, and not all could be compared",
}
_PLACES = {"file": "", "engine": " of the engine", "registry": " in its registry"}
_COUNTED = {
    "compressed": "as the registry has them",
    "unpacked": "as the engine has them",
    "downloads": "files to download",
}


def side_line(letter: str, side: Contents) -> str:
    """What one side is."""
    platform = f", {side.platform}" if side.platform else ""
    return f"{letter}: {side.name} ({side.kind}{_PLACES[side.place]}{platform})"


def verdict_line(found: Difference) -> str:
    """The answer in one line."""
    if found.verdict in {"identical", "equivalent"} and found.why:
        return f"{found.verdict}: {found.why}"
    if found.verdict == "different":
        count = len(found.changes)
        return f"different: {count} change{'' if count == 1 else 's'}"
    return _SAID[found.verdict]


def change_rows(found: Difference) -> list[tuple[str, ...]]:
    """One row per change."""
    return [
        (
            change.part,
            change.how,
            one_line(change.name, _WIDTH),
            _value(change, "before"),
            _value(change, "after"),
        )
        for change in found.changes
    ]


def _value(change: Change, which: str) -> str:
    value = change.before if which == "before" else change.after
    if value is None or value == change.name:
        return ""
    return one_line(value, 2 * _WIDTH)


def size_rows(found: Difference) -> list[tuple[str, ...]]:
    """One row per group of layers whose size differs, and the sum of all."""
    rows = [
        (change.group, _size(change.before), _size(change.after), _difference(change.before, change.after))
        for change in found.sizes
        if change.before != change.after
    ]
    before = sum(change.before or 0 for change in found.sizes)
    after = sum(change.after or 0 for change in found.sizes)
    return [*rows, ("all", human_size(before), human_size(after), _difference(before, after))] if rows else []


def size_title(found: Difference) -> str:
    """What the sizes count."""
    return f"sizes, {_COUNTED[found.measure]}:" if found.measure else ""


def _size(size: int | None) -> str:
    return "" if size is None else human_size(size)


def _difference(before: int | None, after: int | None) -> str:
    gained = (after or 0) - (before or 0)
    return f"{'+' if gained >= 0 else '-'}{human_size(abs(gained))}"


def difference_data(found: Difference) -> dict[str, Any]:
    """The JSON document; sizes in bytes."""
    data = plain_data(found)
    assert isinstance(data, dict)  # noqa: S101  a dataclass is one
    return {"format": FORMAT, **data}

"""The verbs: two `Contents` → `Difference`, and whether they come to the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.compare.model import LOCKED, PARTS, Change, Contents, Difference, SizeChange
from envbuild.compare.versions import how

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envbuild.compare.model import Judgement, Part, Verdict

_WORDS = {
    "apt": "Debian packages",
    "conda": "conda packages",
    "pip": "Python packages",
    "gpu": "GPU needs",
    "env": "environment variables",
    "run": "run steps",
    "copy": "copied files",
}
_PINS: tuple[Part, ...] = ("pip", "apt", "conda")


def diff(a: Contents, b: Contents) -> Difference:
    """What changes from `a` to `b`, in the order of an image's layers."""
    if same := _same_digest(a, b):
        return Difference(a=a.name, b=b.name, verdict="identical", why=f"both are {same}")
    by_wishes = _by_wishes(a, b)
    compared = [part for part in PARTS if _tells(a, b, part) and not (by_wishes and part in LOCKED)]
    changes = [change for part in compared for change in _changes(a, b, part)]
    if by_wishes:
        changes = [*_wish_changes(a.wishes or {}, b.wishes or {}), *changes]
    else:
        changes += _file_changes(a, b)
    measured = a.measure == b.measure != ""
    verdict, why = _verdict(a, b, changes, by_wishes=by_wishes)
    return Difference(
        a=a.name,
        b=b.name,
        verdict=verdict,
        why=why,
        changes=tuple(sorted(changes, key=lambda change: PARTS.index(change.part))),
        sizes=tuple(_sizes(a, b)) if measured else (),
        measure=a.measure if measured else "",
        by_wishes=by_wishes,
        not_compared=tuple(_not_compared(a, b, by_wishes=by_wishes)),
    )


def judge(a: Contents, b: Contents) -> Judgement:
    """Whether two come to the same.

    identical   the same digest
    equivalent  the same packages and files under another digest
    different   anything else, also when nobody can tell that they are the same
    """
    verdict = diff(a, b).verdict
    return "different" if verdict == "unknown" else verdict


def _same_digest(a: Contents, b: Contents) -> str:
    """The digest that both are known by; "" when there is none. An index has several images under one."""
    if a.kind != b.kind or (a.platform and b.platform and a.platform != b.platform):
        return ""
    return min(a.digests & b.digests, default="")


def _by_wishes(a: Contents, b: Contents) -> bool:
    """Whether what the specs ask for has to stand for pins, which one side does not have."""
    return (a.pip is None or b.pip is None) and a.wishes is not None and b.wishes is not None


def _told(side: Contents, part: Part, *, image: bool) -> Any:
    """What a side says of a part; `image`: both sides are images and say it themselves."""
    if part == "env":
        return side.image_env if image else side.env
    if part == "settings":
        return side.image_settings if image else side.settings
    return getattr(side, part)


def _both(a: Contents, b: Contents, part: Part) -> tuple[Any, Any]:
    """What both say of a part, in the form that both have."""
    image = {
        "env": a.image_env is not None and b.image_env is not None,
        "settings": a.image_settings is not None and b.image_settings is not None,
    }.get(part, False)
    return _told(a, part, image=image), _told(b, part, image=image)


def _tells(a: Contents, b: Contents, part: Part) -> bool:
    return None not in _both(a, b, part)


def _changes(a: Contents, b: Contents, part: Part) -> Iterator[Change]:
    before, after = _both(a, b, part)
    if part == "base":
        yield from _base_changes(a, b)
    elif hasattr(before, "items"):
        yield from _mapping_changes(part, before, after, versions=part in _PINS)
    elif isinstance(before, tuple):
        yield from _list_changes(part, before, after)
    elif before != after:
        yield Change(
            part=part,
            how=how(before, after) if part in {"python", "cuda"} else "changed",
            before=before or None,
            after=after or None,
        )


def _base_changes(a: Contents, b: Contents) -> Iterator[Change]:
    """Two names for the same bytes are no change; one name for other bytes is."""
    before, after = a.base, b.base
    if before is None or after is None:
        return
    if before.diff_ids and before.diff_ids == after.diff_ids:
        return
    for mine, other in ((before.digest, after.digest), (before.image_id, after.image_id)):
        if mine and other:
            if mine != other:
                yield Change(
                    part="base", how="changed", before=_bytes_of(before, mine), after=_bytes_of(after, other)
                )
            return
    if before.reference != after.reference:
        yield Change(part="base", how="changed", before=before.reference, after=after.reference)


def _bytes_of(base: Any, digest: str) -> str:
    return base.reference if "@" in base.reference else f"{base.reference}@{digest}"


def _mapping_changes(
    part: Part, before: Mapping[str, str], after: Mapping[str, str], *, versions: bool
) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None:
            yield Change(part=part, how="added", name=name, after=new)
        elif new is None:
            yield Change(part=part, how="removed", name=name, before=old)
        else:
            kind = (
                how(_version(part, old), _version(part, new), debian=part == "apt") if versions else "changed"
            )
            yield Change(part=part, how=kind, name=name, before=old, after=new)


def _version(part: Part, text: str) -> str:
    """A conda package's version stands before its build."""
    return text.partition(" ")[0] if part == "conda" else text


def _list_changes(part: Part, before: Sequence[str], after: Sequence[str]) -> Iterator[Change]:
    gone = [item for item in before if item not in after]
    come = [item for item in after if item not in before]
    yield from (Change(part=part, how="removed", name=item, before=item) for item in gone)
    yield from (Change(part=part, how="added", name=item, after=item) for item in come)
    if not gone and not come and tuple(before) != tuple(after):
        yield Change(part=part, how="changed", name="another order")


def _file_changes(a: Contents, b: Contents) -> Iterator[Change]:
    """Packages of the same version that come from another file."""
    if a.pip is None or b.pip is None:
        return
    for key in sorted(a.files.keys() & b.files.keys()):
        conda, name = key.startswith("conda:"), key.removeprefix("conda:")
        old, new = ((side.conda or {}).get(name) if conda else (side.pip or {}).get(name) for side in (a, b))
        if old == new and a.files[key] and b.files[key] and a.files[key] != b.files[key]:
            part: Part = "conda" if conda else "pip"
            version = old or "?"
            yield Change(
                part=part, how="changed", name=name, before=version, after=f"{version} from another file"
            )


_WISHED: dict[str, Part] = {
    "index_url": "pip",
    "extra_index_urls": "pip",
    "torch_backend": "pip",
    "targets": "gpu",
    "accept": "gpu",
}


def _wish_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """What the specs ask for: requirements as written, under the part that they are about."""
    for key in sorted({*before, *after}):
        part = _WISHED.get(key, key)
        if part not in PARTS:
            continue
        old, new = before.get(key), after.get(key)
        if isinstance(old, list | tuple) or isinstance(new, list | tuple):
            yield from _list_changes(part, tuple(map(str, old or ())), tuple(map(str, new or ())))
        elif old != new:
            name = key if key != part else ""
            yield Change(part=part, how="changed", name=name, before=_shown(old), after=_shown(new))


def _shown(value: Any) -> str | None:
    if hasattr(value, "items"):
        return ", ".join(f"{key} {part}" for key, part in sorted(value.items()))
    return None if value is None else str(value)


def _sizes(a: Contents, b: Contents) -> Iterator[SizeChange]:
    for group in dict.fromkeys((*a.sizes, *b.sizes)):
        yield SizeChange(group=group, before=a.sizes.get(group), after=b.sizes.get(group))


def _verdict(a: Contents, b: Contents, changes: Sequence[Change], *, by_wishes: bool) -> tuple[Verdict, str]:
    if changes:
        return "different", ""
    if a.diff_ids and a.diff_ids == b.diff_ids:
        return "equivalent", "all their layers hold the same bytes"
    if a.context and a.context == b.context:
        return "equivalent", "they were made from the same files, by the same steps"
    missing = _unknown(a, b)
    if by_wishes or missing:
        return "unknown", "no difference was found, and not all could be compared"
    told = "packages, which is all that a lock tells" if "lock" in {a.kind, b.kind} else "packages and files"
    return "equivalent", f"they hold the same {told}"


def _unknown(a: Contents, b: Contents) -> list[str]:
    """What has to be known to say that two are equivalent, and is not."""
    relevant = LOCKED if "lock" in {a.kind, b.kind} else frozenset(PARTS)
    missing = [_WORDS.get(part, part) for part in PARTS if part in relevant and not _tells(a, b, part)]
    if a.added or b.added:
        missing.append("layers that somebody put on top")
    if a.base and b.base and not _same_base(a, b):
        missing.append("the bytes of the base")
    if any(not version for side in (a, b) for version in (side.apt or {}).values()):
        missing.append("versions of Debian packages")
    if a.copy and b.copy and "copy" in relevant and not (a.copied and a.copied == b.copied):
        missing.append("what is in the copied files")
    return missing


def _same_base(a: Contents, b: Contents) -> bool:
    """Whether the bases are known to be the same bytes."""
    assert a.base is not None  # noqa: S101  asked by who knows
    assert b.base is not None  # noqa: S101
    pairs = (
        (a.base.diff_ids, b.base.diff_ids),
        (a.base.digest, b.base.digest),
        (a.base.image_id, b.base.image_id),
    )
    return any(mine and mine == other for mine, other in pairs)


def _not_compared(a: Contents, b: Contents, *, by_wishes: bool) -> Iterator[str]:
    yield from dict.fromkeys((*a.notes, *b.notes))
    if by_wishes:
        yield "exact versions: what the specs ask for was compared instead"
    for side, other in ((a, b), (b, a)):
        parts = [
            part
            for part in PARTS
            if not (by_wishes and part in LOCKED)
            and _told_at_all(side, part) is None
            and _told_at_all(other, part) is not None
        ]
        if parts:
            told = ", ".join(_WORDS.get(part, part) for part in parts)
            yield f"{told}: {side.name} does not tell"
    if a.copy and b.copy and not _copies_known(a, b):
        yield "what is in the copied files: their names are all that could be compared"
    if a.sizes and b.sizes and a.measure != b.measure:
        yield f"sizes: one side counts {_COUNTS[a.measure]}, the other {_COUNTS[b.measure]}"


_COUNTS = {
    "": "nothing",
    "compressed": "layers as they are in a registry",
    "unpacked": "layers as they are in an engine",
    "downloads": "files as they are downloaded",
}


def _told_at_all(side: Contents, part: Part) -> Any:
    own = getattr(side, part)
    other = {"env": side.image_env, "settings": side.image_settings}.get(part)
    return other if own is None else own


def _copies_known(a: Contents, b: Contents) -> bool:
    same_context = bool(a.context) and a.context == b.context
    return same_context or (bool(a.copied) and a.copied == b.copied)

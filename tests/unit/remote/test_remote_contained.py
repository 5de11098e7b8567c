"""Spec and lock out of an image, held against its labels."""

import hashlib
from dataclasses import replace

import pytest
from support.planned import lock, package

from envbuild.lock.pylock import dump_lock, parse_lock
from envbuild.remote.contained import contained, lock_name, spec_in
from envbuild.remote.model import Contained

SPEC = b"name: env\npython: 3.11\ncopy: [{from: src, to: /data/}]\n"
LOCK = dump_lock(lock([package("idna", "3.10")])).encode()
DIGEST = parse_lock(LOCK.decode(), "").digest
LABELS = {
    "dev.envbuild.name": "env",
    "dev.envbuild.spec": f"sha256:{hashlib.sha256(SPEC).hexdigest()}",
    "dev.envbuild.lock": DIGEST,
}
FILES = {"spec.yml": SPEC, "pylock.env.toml": LOCK}


def test_spec_and_lock() -> None:
    found = contained(FILES, LABELS)
    assert (found.spec_text, found.lock_text, found.doubts) == (SPEC.decode(), LOCK.decode(), ())
    assert found.lock is not None
    assert found.lock.digest == DIGEST
    spec, why_not = spec_in(found, "registry.example.org/lab/env")
    assert spec is not None
    assert (spec.name, spec.copy[0].target, why_not) == ("env", "/data", "")


def test_an_image_without_labels_of_digests() -> None:
    assert contained(FILES, {}).doubts == ()


@pytest.mark.parametrize(
    ("files", "labels", "doubts"),
    [
        ({}, LABELS, ("it holds no spec.yml", "it holds no pylock.env.toml")),
        ({**FILES, "spec.yml": b"\xff"}, LABELS, ("its spec.yml is not UTF-8 text",)),
        (
            {**FILES, "spec.yml": b"name: other\n"},
            LABELS,
            ("the spec in it is not the one that its labels name",),
        ),
        (
            FILES,
            {**LABELS, "dev.envbuild.lock": "sha256:0"},
            ("the lock in it is not the one that its labels name",),
        ),
        (
            {**FILES, "pylock.env.toml": b"x = 1\n"},
            LABELS,
            (
                (
                    "its lock is not to be trusted: pylock.env.toml: not a lock of envbuild:"
                    " it has no [tool.envbuild] table"
                ),
            ),
        ),
        (
            {**FILES, "pylock.env.toml": LOCK.replace(b"3.10", b"3.11")},
            LABELS,
            (
                (
                    "its lock is not to be trusted: pylock.env.toml: was edited by hand:"
                    " its digest does not fit its content"
                ),
            ),
        ),
    ],
)
def test_what_is_not_to_be_trusted_is_said(
    files: dict[str, bytes], labels: dict[str, str], doubts: tuple[str, ...]
) -> None:
    found = contained(files, labels)
    assert found.doubts == doubts
    if "pylock" in doubts[-1]:
        assert found.lock is None


def test_a_spec_that_a_later_envbuild_wrote() -> None:
    held = Contained(spec_text="name: env\npython: 3.11\nquantum: true\n")
    spec, why_not = spec_in(held, "lab/env:1")
    assert spec is None
    assert why_not.startswith("this envbuild does not understand its spec: lab/env:1/spec.yml:3: quantum:")
    assert spec_in(Contained(), "lab/env:1") == (None, "")


def test_the_name_of_the_lock() -> None:
    assert lock_name(FILES, LABELS) == "pylock.env.toml"
    assert lock_name({"pylock.x.toml": b""}, LABELS) == "pylock.x.toml"  # the label was changed
    assert lock_name({"pylock.x.toml": b"", "pylock.y.toml": b""}, LABELS) == "pylock.env.toml"
    assert lock_name({}, {}) == "pylock..toml"


def test_a_lock_is_read_as_it_was_written() -> None:
    found = contained(FILES, LABELS).lock
    assert found is not None
    assert dump_lock(replace(found, digest="")).encode() == LOCK

"""Stand-ins for CUDA libraries: small ELF files, their sections and fat binaries laid out as nvcc lays them
out, with bytes of no meaning where the device code would be.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

MAGIC = 0xBA55ED50
PTX, CUBIN, LTO, SEVERAL = 1, 2, 8, 256
X86_64, AARCH64, PPC64, CUDA = 62, 183, 21, 190
KERNEL = bytes(range(256)) * 16
"""As long as a cubin with a kernel in it; what nvcc makes without any is not half as long."""


def architecture(text: str) -> tuple[int, int]:
    """ "90a" → its number and its flags."""
    digits = text.rstrip("af")
    return int(digits), {"": 0, "a": 1 << 20, "f": 1 << 21}[text[len(digits) :]]


def entry(kind: int, text: str, code: bytes = KERNEL, *, raw: int = 0, options: bytes = b"") -> bytes:
    """An entry of a container; `raw`: how long its code was before compression; `options` as of ptxas."""
    header = _entry_header(kind, text, len(code), raw, options)
    return header + code + bytes(-len(code) % 8)


def several(*members: bytes) -> bytes:
    """An entry of kind 256 made of the headers of other ones, as `nvcc --concat` makes it."""
    inner = b"".join(members)
    table = struct.pack("<II", len(members), len(inner) + 8) + inner
    head = struct.pack(
        "<HHIQIIIIIIQQQ", SEVERAL, 0x101, 64 + len(table), 64, 60, 64, 1, 0, 0, 0, 0x8011, 0, 999
    )
    return head + table + bytes(64)


def member(kind: int, text: str, options: bytes = b"") -> bytes:
    """The header of one of `several`."""
    number, flags = architecture(text)
    more = 64 if options else 0
    head = struct.pack(
        "<HHIIIIIIIIIQQQ", kind, 0x101, 0, len(KERNEL), 0, 0, more, 0x10008, number, 0, 0, flags, 0, 0
    )
    return head + _options(options)


def container(*entries: bytes) -> bytes:
    """A fat binary."""
    inner = b"".join(entries)
    return struct.pack("<IHHQ", MAGIC, 1, 16, len(inner)) + inner


def code(cubins: Sequence[str] = (), ptx: Sequence[str] = ()) -> bytes:
    """A container with cubins and PTX of the architectures named."""
    return container(*(entry(CUBIN, each) for each in cubins), *(entry(PTX, each) for each in ptx))


@dataclass(kw_only=True)
class Elf:
    """An ELF file to be: `sections` are (name, content); `bytes()` gives it."""

    sections: list[tuple[str, bytes]] = field(default_factory=list)
    machine: int = X86_64
    bits: int = 2
    order: int = 1
    kinds: dict[str, int] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)

    def __bytes__(self) -> bytes:
        names = b"\0"
        rows = [bytes(64)]
        body = b""
        for name, content in [*self.sections, (".shstrtab", b"")]:
            where = 64 + len(body)
            at = len(names)
            names += name.encode() + b"\0"
            content = names if name == ".shstrtab" else content
            kind, flags = self.kinds.get(name, 1), self.flags.get(name, 0)
            rows.append(struct.pack("<IIQQQQIIQQ", at, kind, flags, 0, where, len(content), 0, 0, 8, 0))
            body += content + bytes(-len(content) % 8)
        head = b"\x7fELF" + bytes([self.bits, self.order, 1]) + bytes(9)
        head += struct.pack(
            "<HHIQQQIHHHHHH",
            3,
            self.machine,
            1,
            0,
            0,
            64 + len(body),
            0,
            64,
            0,
            0,
            64,
            len(rows),
            len(rows) - 1,
        )
        return head + body + b"".join(rows)


def library(cubins: Sequence[str] = (), ptx: Sequence[str] = ()) -> bytes:
    """A stand-in for a library with device code of the architectures named, in one container."""
    return bytes(Elf(sections=[(".text", b"\xc3" * 32), (".nv_fatbin", code(cubins, ptx))]))


def plain_library() -> bytes:
    """A stand-in for a library without device code."""
    return bytes(Elf(sections=[(".text", b"\xc3" * 32)]))


def _entry_header(kind: int, text: str, size: int, raw: int, options: bytes) -> bytes:
    number, flags = architecture(text)
    more = _options(options) if options or kind == PTX else b""
    padded = size + -size % 8
    flags |= 0x11 | (0x8000 if raw else 0)
    where = 64 if more else 0
    packed = size if raw else 0
    return (
        struct.pack(
            "<HHIQIIIIIIQQQ",
            kind,
            0x101,
            64 + len(more),
            padded,
            packed,
            where,
            0x10008,
            number,
            0,
            0,
            flags,
            0,
            raw,
        )
        + more
    )


def _options(options: bytes) -> bytes:
    if not options:
        return b""
    text = struct.pack("<II", 72, len(options)) + options + bytes(4)
    return text + bytes(-len(text) % 8)

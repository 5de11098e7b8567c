# ruff: noqa: PTH112, PTH118, UP006, UP035, UP045  # Python 3.6 is enough: it also runs inside images
"""Reads which GPU architectures the device code in ELF files is for. Not pure: it reads files.

It steps from header to header and reads nothing else, so the size of the code costs nothing. Standard library
only. As a script, `python - FOLDER|FILE… < read.py`, it prints one JSON line for every library that it finds.

Device code lies in the sections .nv_fatbin and __nv_relfatbin as a row of containers, all little-endian:

    container  u32 magic 0xBA55ED50 · u16 version 1 · u16 size of this header · u64 size of its entries
    entry      u16 kind · u16 version · u32 size of this header · u64 size of its code, padding included
               @28 u32 architecture (86) · @40 u64 flags · @56 u64 size of the code before compression
    kind       1 PTX · 2 cubin · 8 LTO-IR (linkers take it, no device) · 256 several, compressed as one
    kind 256   @64 u32 how many · u32 size of what follows, with these two · the headers of the several
    flags      bit 20: suffix `a` · bit 21: suffix `f` · bits 13 and 15: compressed

All of it was compared with what cuobjdump says. A header that looks otherwise makes a file "not read".
"""

import json
import os
import stat
import struct
import sys
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

READER = 1  # raised when this module makes something else of the same file

MAGIC = 0xBA55ED50
_CODE = (b".nv_fatbin", b"__nv_relfatbin")
_REGISTERED = b".nvFatBinSegment"
_ELSEWHERE = (b".data", b".ldata", b".rodata", b".lrodata")
_START = struct.pack("<IHH", MAGIC, 1, 16)
_MACHINES = (21, 62, 183)  # ppc64le, x86-64, aarch64
_CUBIN_FILE = 190
_PTX, _CUBIN, _LTO, _SEVERAL = 1, 2, 8, 256
_WORDS = {_PTX: "compute_", _CUBIN: "sm_", _LTO: "lto_"}
_COMPRESSED = 1 << 13 | 1 << 15
_NO_BITS, _COMPRESSED_SECTION = 8, 0x800

# No file makes the reader work without end or fill the memory: past these it is "not read".
_MOST_SECTIONS = 100000
_MOST_NAMES = 8 << 20  # bytes
_MOST_STEPS = 1000000
_MOST_ARCHITECTURES = 1000
_MOST_PADDING = 4096  # bytes
_LARGEST_HEADER = 1 << 16
_CHUNK = 1 << 20
# nvcc puts a cubin without kernels into every library; those seen are of 872 to 1888 bytes.
_EMPTY_CUBIN = 2048
# What nvcc compiled for when nobody told it. Alone and without PTX, as in cuFFT, it is no kernels' home.
_USUAL = ("sm_20", "sm_30", "sm_52")


class DeviceCode(NamedTuple):
    """The device code of one library.

    size        of the file, in bytes
    cubins      architectures of its cubins ("86", "90a"), oldest first; () none, None unknown
    ptx         the same of its PTX
    note        why something is unknown, or what is peculiar, for people
    code        how many bytes of the file are device code
    containers  how many fat binaries those are: about one for each .cu file
    entries     how many of each are in them, as cuobjdump counts them: {"sm_86": 12, "compute_90": 1}
    """

    path: str
    size: int
    cubins: Optional[Tuple[str, ...]]
    ptx: Optional[Tuple[str, ...]]
    note: str = ""
    code: int = 0
    containers: int = 0
    entries: Dict[str, int] = {}  # noqa: RUF012  # never changed


At = Callable[[int, int], bytes]
"""Reads from a file: (offset, count) → as many bytes, fewer at its end."""


def read_library(path: str) -> DeviceCode:
    """The device code of the file `path`. Raises nothing: what cannot be read has a note that says why."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        return _unread(path, 0, f"cannot be opened: {_why(error)}")
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            return _unread(path, 0, "not read: not a file")
        # Not mmap: who cuts the file short while it is read would end this process by SIGBUS.
        return read_at(path, status.st_size, lambda offset, count: os.pread(number, count, offset))
    finally:
        os.close(number)


def read_at(path: str, size: int, at: At) -> DeviceCode:
    """The same for a file of `size` bytes that is read by `at`; its OSError and EOFError become notes."""
    seen = _Seen()
    try:
        sections = _sections(at, size)
        for section in sections:
            if section.name in _CODE and section.size:
                _walk(at, section, size, seen)
        return _judged(path, size, seen, _elsewhere(at, sections, seen))
    except _NotRead as error:
        met = " ".join(_architectures(seen, "sm_") + _architectures(seen, "compute_"))
        return _unread(path, size, f"not read: {error}" + (f" (met until there: {met})" if met else ""))
    except (OSError, EOFError) as error:
        return _unread(path, size, f"cannot be read: {_why(error)}")


def find_libraries(
    paths: List[str], skip: Tuple[str, ...] = (), failed: Optional[List[OSError]] = None
) -> Iterator[str]:
    """The shared libraries among `paths` and below the folders there, each file once, links left out.

    A file counts by its name (`*.so`, `*.so.12`), or because it is named itself. Folders in `skip` are left
    out; those that cannot be listed are put into `failed`.
    """
    seen: Set[Tuple[int, int]] = set()
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, folders, names in os.walk(path, onerror=None if failed is None else failed.append):
            folders[:] = sorted(name for name in folders if os.path.join(folder, name) not in skip)
            for name in sorted(names):
                found = os.path.join(folder, name)
                if is_library_name(name) and _is_new(found, seen):
                    yield found


def is_library_name(name: str) -> bool:
    """Whether a file of this name is a shared library, going by the name."""
    return name.endswith(".so") or ".so." in name


def sort_key(architecture: str) -> Tuple[int, str]:
    """Puts "86" before "90", "90" before "90a", and "90a" before "100"."""
    digits = architecture.rstrip("af")
    return int(digits) if digits.isdigit() else 0, architecture


def _is_new(path: str, seen: Set[Tuple[int, int]]) -> bool:
    """Whether `path` is a regular file, no link, and not another name of one that was there before."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) in seen:
        return False
    seen.add((status.st_dev, status.st_ino))
    return True


class _NotRead(Exception):  # noqa: N818  # it says what happened
    """The file is not what this module can read."""


class _Seen:
    """What was met so far."""

    def __init__(self) -> None:
        self.entries: Dict[str, int] = {}
        self.containers = 0
        self.code = 0
        self.largest_cubin = 0
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise _NotRead(f"more than {_MOST_STEPS} headers")

    def entry(self, kind: int, header: bytes, size: int) -> None:
        """Note an entry: its header (48 bytes at least) and the size of its code in the file."""
        self.step()
        number = struct.unpack_from("<I", header, 28)[0]
        flags = struct.unpack_from("<Q", header, 40)[0]
        if not 10 <= number <= 9999:
            raise _NotRead(f"an architecture number of {number}")
        suffix = "a" if flags & 1 << 20 else "f" if flags & 1 << 21 else ""
        name = f"{_WORDS.get(kind, f'kind{kind}_')}{number}{suffix}"
        self.entries[name] = self.entries.get(name, 0) + 1
        if len(self.entries) > _MOST_ARCHITECTURES:
            raise _NotRead(f"more than {_MOST_ARCHITECTURES} architectures")
        if kind == _CUBIN:
            compressed = flags & _COMPRESSED and len(header) >= 64
            whole = struct.unpack_from("<Q", header, 56)[0] if compressed else size
            self.largest_cubin = max(self.largest_cubin, whole)


class _Section(NamedTuple):
    name: bytes
    kind: int
    flags: int
    offset: int
    size: int


def _sections(at: At, size: int) -> List[_Section]:
    """The sections that matter, in the order of the file."""
    table, count, names = _where_sections_are(at)
    if count > _MOST_SECTIONS:
        raise _NotRead(f"more than {_MOST_SECTIONS} sections")
    if table + count * 64 > size:
        raise _NotRead("it is cut short: its section table lies beyond its end")
    rows = list(struct.iter_unpack("<IIQQQQIIQQ", _exactly(at, table, count * 64)))
    if names >= len(rows) or rows[names][5] > _MOST_NAMES or rows[names][1] == _NO_BITS:
        raise _NotRead("its sections have no names")
    texts = _exactly(at, rows[names][4], rows[names][5])
    if not texts[rows[names][0] :].startswith(b"."):  # it does not even hold its own name, .shstrtab
        raise _NotRead("its sections have no names")
    found = []
    for row in rows:
        name = texts[row[0] : row[0] + 20].split(b"\0", 1)[0]
        if name in _CODE or name in _ELSEWHERE or name == _REGISTERED:
            found.append(_Section(name, row[1], row[2], row[4], row[5]))
    return sorted(found, key=lambda section: section.offset)


def _where_sections_are(at: At) -> Tuple[int, int, int]:
    """The section table's offset, how many rows it has, and which of them holds the names."""
    head = at(0, 64)
    if head[:4] != b"\x7fELF":
        raise _NotRead("not an ELF file")
    if head[4:5] != b"\x02":
        raise _NotRead("a 32-bit ELF file")
    if head[5:6] != b"\x01":
        raise _NotRead("a big-endian ELF file")
    if len(head) < 64:
        raise _NotRead("it is cut short")
    machine = struct.unpack_from("<H", head, 18)[0]
    if machine == _CUBIN_FILE:
        raise _NotRead("a cubin, not a library")
    if machine not in _MACHINES:
        raise _NotRead(f"for another machine (ELF machine {machine})")
    table = struct.unpack_from("<Q", head, 40)[0]
    width, count, names = struct.unpack_from("<HHH", head, 58)
    if not table:
        raise _NotRead("it has no section table")
    if width != 64:
        raise _NotRead(f"its section table has rows of {width} bytes")
    if count == 0 or names == 0xFFFF:  # more than fit there: the first section holds the numbers
        first = _exactly(at, table, 64)
        count = count or struct.unpack_from("<Q", first, 32)[0]
        names = struct.unpack_from("<I", first, 40)[0] if names == 0xFFFF else names
    return table, count, names


def _walk(at: At, section: _Section, size: int, seen: _Seen) -> None:
    """Step over the containers of a section."""
    name = section.name.decode()
    if section.kind == _NO_BITS:
        raise _NotRead(f"{name} was split off into another file")
    if section.flags & _COMPRESSED_SECTION:
        raise _NotRead(f"{name} is compressed")
    position, end = section.offset, section.offset + section.size
    if end > size:
        raise _NotRead(f"it is cut short: {name} goes beyond its end")
    while end - position >= 16:
        seen.step()
        magic, version, header, payload = struct.unpack("<IHHQ", _exactly(at, position, 16))
        if magic != MAGIC:
            position = _after_padding(at, position, end)
            continue
        if version != 1 or header < 16 or header + payload > end - position:
            raise _NotRead(f"a container in {name} at {position} makes no sense")
        _entries(at, position + header, position + header + payload, seen)
        seen.containers += 1
        seen.code += header + payload
        position += header + payload


def _after_padding(at: At, position: int, end: int) -> int:
    block = at(position, min(end - position, _MOST_PADDING))
    rest = block.lstrip(b"\0")
    if len(rest) == len(block) or (not rest and len(block) == _MOST_PADDING):
        raise _NotRead(f"no container at {position}")
    return position + len(block) - len(rest)


def _entries(at: At, position: int, end: int, seen: _Seen) -> None:
    """Step over the entries of one container."""
    while position < end:
        if end - position < 48:
            raise _NotRead(f"an entry at {position} is cut short")
        head = _exactly(at, position, min(64, end - position))
        kind, _, header, payload = struct.unpack_from("<HHIQ", head)
        if header < 48 or header + payload > end - position:
            raise _NotRead(f"an entry at {position} makes no sense")
        if kind == _SEVERAL:
            if header > _LARGEST_HEADER:
                raise _NotRead(f"an entry at {position} has a header of {header} bytes")
            _several(_exactly(at, position, header), seen)
        else:
            seen.entry(kind, head[:header], payload)
        position += header + payload


def _several(header: bytes, seen: _Seen) -> None:
    """The entries that one of kind 256 describes in its header."""
    wrong = _NotRead("an entry of several makes no sense")
    if len(header) < 72:
        raise wrong
    count, length = struct.unpack_from("<II", header, 64)
    position, end = 72, 64 + length
    if end > len(header):
        raise wrong
    for _ in range(count):
        if end - position < 64:
            raise wrong
        kind = struct.unpack_from("<H", header, position)[0]
        size, more = struct.unpack_from("<I8xI", header, position + 8)
        seen.entry(kind, header[position : position + 64], size)
        position += 64
        if more:  # options: an offset, their length, themselves, four bytes at least, up to a multiple of 8
            if end - position < 8:
                raise wrong
            position += (8 + struct.unpack_from("<4xI", header, position)[0] + 4 + 7) // 8 * 8
    if position != end:
        raise wrong


def _elsewhere(at: At, sections: List[_Section], seen: _Seen) -> str:
    """Where else fat binaries lie in a library without kernels in the usual sections (cuFFT's); else ""."""
    if seen.containers and not _only_empty(seen):
        return ""
    for section in [one for one in sections if one.name in _ELSEWHERE and one.kind != _NO_BITS][:8]:
        if _START in at(section.offset, min(section.size, _CHUNK)):
            return section.name.decode()
    if not seen.containers and any(section.name == _REGISTERED and section.size for section in sections):
        return "a section that is not known"
    return ""


def _only_empty(seen: _Seen) -> bool:
    """Whether all that was met is what nvcc adds by itself, or compiles for when nobody tells it."""
    cubins = _architectures(seen, "sm_")
    if len(cubins) != len(seen.entries):
        return False
    return seen.largest_cubin <= _EMPTY_CUBIN or (len(cubins) == 1 and cubins[0] in _USUAL)


def _judged(path: str, size: int, seen: _Seen, elsewhere: str) -> DeviceCode:
    cubins: Optional[Tuple[str, ...]] = tuple(name[3:] for name in _architectures(seen, "sm_"))
    ptx: Optional[Tuple[str, ...]] = tuple(name[8:] for name in _architectures(seen, "compute_"))
    strange = sorted({name.split("_")[0] for name in seen.entries if name.startswith("kind")})
    note = "" if cubins or ptx else "no device code"
    if elsewhere or (seen.containers and _only_empty(seen)):
        only = f"only {', '.join(_architectures(seen, 'sm_'))}: " if cubins else ""
        note = f"{only}kernels lie elsewhere{f' (in {elsewhere})' if elsewhere else ''}: unknown"
        cubins = ptx = None
    elif strange:
        note = f"also code of a kind that is not known ({', '.join(one[4:] for one in strange)})"
        ptx = None
    elif seen.entries and not cubins and not ptx:
        note = "only LTO-IR, which is linked when the program runs: unknown"
        cubins = ptx = None
    return DeviceCode(path, size, cubins, ptx, note, seen.code, seen.containers, seen.entries)


def _architectures(seen: _Seen, prefix: str) -> List[str]:
    found = [name for name in seen.entries if name.startswith(prefix)]
    return sorted(found, key=lambda name: sort_key(name[len(prefix) :]))


def _unread(path: str, size: int, note: str) -> DeviceCode:
    return DeviceCode(path, size, None, None, note)


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _exactly(at: At, offset: int, count: int) -> bytes:
    data = at(offset, count) if offset < 1 << 62 else b""
    if len(data) != count:
        raise _NotRead("it is cut short")
    return data


def main(arguments: List[str]) -> None:
    """Print a JSON line for every library among `arguments`; a file of another kind only if named itself."""
    failed: List[OSError] = []
    for path in find_libraries(arguments, ("/proc", "/sys", "/dev"), failed):
        found = read_library(path)
        if found.note != "not read: not an ELF file" or path in arguments:
            sys.stdout.write(json.dumps(found._asdict()) + "\n")
    for error in failed:
        note = f"cannot be listed: {_why(error)}"
        sys.stdout.write(json.dumps(_unread(str(error.filename), 0, note)._asdict()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

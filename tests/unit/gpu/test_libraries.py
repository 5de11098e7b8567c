"""A package is as good as the bulk of its main library."""

from envbuild.facts.model import Code
from envbuild.fatbin.read import DeviceCode
from envbuild.gpu.libraries import bulk, code_of, main_library, rare, served_by


def code(path: str, size: int, *, cubins: tuple[str, ...] | None = ("80",), weight: int = 0) -> DeviceCode:
    entries = {f"sm_{name}": 1 for name in cubins or ()}
    return DeviceCode(path, size, cubins, None if cubins is None else (), "", weight, 1, entries)


# As they were read from the libraries themselves (cuobjdump says the same).
TORCH = DeviceCode(
    "torch/lib/libtorch_cuda.so",
    1015364433,
    ("70", "75", "80", "86", "89", "90", "90a", "100", "100a", "120", "120a"),
    (),
    "",
    800_000_000,
    393,
    {**{f"sm_{name}": 393 for name in (70, 75, 80, 86, 90, 100, 120)}, "sm_89": 1, "sm_90a": 4, "sm_100a": 1}
    | {"sm_120a": 1},
)
CUSPARSELT = DeviceCode(
    "libcusparseLt.so.0",
    452_000_000,
    ("52", "80", "90"),
    ("52", "120"),
    "",
    400_000_000,
    795,
    {"sm_52": 1, "sm_80": 39, "sm_90": 47, "compute_52": 1, "compute_120": 1},
)


def test_what_only_one_of_many_fat_binaries_has_does_not_speak_for_the_library() -> None:
    assert bulk(TORCH) == (("70", "75", "80", "86", "90", "90a", "100", "120"), ())
    assert rare(TORCH) == ("sm_89", "sm_100a", "sm_120a")
    assert bulk(CUSPARSELT) == (("80", "90"), ())
    assert rare(CUSPARSELT) == ("sm_52", "compute_52", "compute_120")
    assert served_by(CUSPARSELT, (7, 0)) == "none"
    assert served_by(CUSPARSELT, (8, 6)) == "cubin"


def test_in_a_small_library_every_one_counts() -> None:
    small = DeviceCode(
        "a.so", 9, ("80", "90"), ("90",), "", 5, 100, {"sm_80": 100, "sm_90": 1, "compute_90": 1}
    )
    assert bulk(small) == (("80", "90"), ("90",))
    assert rare(small) == ()


def test_unknown_stays_unknown() -> None:
    unknown = code("a.so", 100, cubins=None)
    assert bulk(unknown) == (None, None)
    assert served_by(unknown, (8, 0)) == "unknown"
    partly = DeviceCode("a.so", 9, ("80",), None, "", 5, 1, {"sm_80": 1, "kind64_100": 1})
    assert (served_by(partly, (8, 6)), served_by(partly, (9, 0))) == ("cubin", "unknown")


def test_the_main_library_has_the_most_device_code() -> None:
    large, small = code("large.so", 50, weight=40), code("small.so", 900, cubins=("52", "90"), weight=2)
    assert main_library([small, large]) == large
    assert code_of([small, large]) == Code(cubins=("80",), ptx=(), source="read from large.so")


def test_one_that_could_not_be_read_may_be_the_main_one() -> None:
    known, unread = code("known.so", 50, weight=40), code("unread.so", 41, cubins=None)
    assert main_library([known, unread]) == unread
    assert code_of([known, unread]) == Code(cubins=None, ptx=None, source="read from unread.so")
    small = code("unread.so", 39, cubins=None)
    assert main_library([known, small]) == known


def test_libraries_without_device_code_say_nothing() -> None:
    plain = code("plain.so", 10, cubins=())
    assert main_library([plain]) is None
    assert code_of([plain]) is None
    assert code_of([]) is None

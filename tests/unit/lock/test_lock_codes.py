"""What was read from a wheel stands above the tables in the next lock; by digest, so for no other wheel."""

from pathlib import Path

from envbuild.fatbin.memory import remember_audit
from envbuild.fatbin.read import DeviceCode
from envbuild.gpu.needs import needs_of
from envbuild.lock.codes import codes_of

DIGEST = "ab" * 32
DOCUMENT = {
    "packages": [
        {"name": "torch", "version": "2.8.0", "wheels": [{"name": "t.whl", "hashes": {"sha256": DIGEST}}]},
        {"name": "rich", "version": "14", "wheels": [{"name": "r.whl", "hashes": {"sha256": "cd" * 32}}]},
        {"name": "mine", "version": "1", "vcs": {"type": "git", "url": "https://example.org/x"}},
    ]
}


def test_what_was_read_of_a_wheel_is_found_again(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    assert codes_of(DOCUMENT, environ) == {}
    library = DeviceCode(
        path="torch/lib/libtorch_cuda.so",
        size=100,
        cubins=("80", "90"),
        ptx=(),
        code=50,
        containers=2,
        entries={"sm_80": 2, "sm_90": 2},
    )
    remember_audit(DIGEST, [library], environ)
    codes = codes_of(DOCUMENT, environ)
    assert codes.keys() == {"torch"}
    (use,) = needs_of({"torch": "2.8.0"}, codes=codes).uses
    assert (use.cubins, use.ptx) == (("80", "90"), ())
    assert use.found_by == "read from libtorch_cuda.so"

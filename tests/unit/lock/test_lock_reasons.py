import pytest

from envbuild.errors import BuildError, LockError, Problem, Unsolvable
from envbuild.lock.reasons import failure, not_installed
from envbuild.lock.uv import UvRan
from envbuild.spec.model import Requirement

WISHES = tuple(
    Requirement(text=text, name=name, file="spec.yml", line=line, path=f"pip.packages[{line - 4}]")
    for line, text, name in [(4, "numpy<2", "numpy"), (5, "pandas>=3.1", "pandas"), (6, "rich", "rich")]
)
FIRST = (
    "Because pandas>=3.1.0 depends on numpy>=2.0.2 and you require numpy<2,"
    " we can conclude that your requirements and pandas>=3.1.0 are incompatible."
)
LAST = "And because you require pandas>=3.1, we can conclude that your requirements are unsatisfiable."
CROSS = "\N{MULTIPLICATION SIGN}"
NEW = f"""\
warning: The requested Python version 3.12 is not available; 3.11 will be used to build dependencies instead.
error: No solution found when resolving dependencies
  cause: {FIRST}
         {LAST}

hint: Try harder
"""
OLD = f"""\
  {CROSS} No solution found when resolving dependencies:
  ╰─▶ {FIRST}
      {LAST}

hint: Try harder
"""


@pytest.mark.parametrize("stderr", [NEW, OLD])
def test_a_conflict_is_shortened_and_points_at_its_lines(stderr):
    error = failure(UvRan(code=1, stdout="", stderr=stderr), WISHES)
    assert isinstance(error, Unsolvable)
    assert error.message == (
        "no set of packages satisfies the requirements:\n"
        "  Because pandas>=3.1.0 depends on numpy>=2.0.2 and you require numpy<2,"
        " we can conclude that your requirements and pandas>=3.1.0 are incompatible.\n"
        "  And because you require pandas>=3.1, there is no solution"
    )
    assert [str(problem) for problem in error.problems] == [
        "spec.yml:4: pip.packages[0]: numpy<2 is part of the conflict",
        "spec.yml:5: pip.packages[1]: pandas>=3.1 is part of the conflict",
    ]
    assert error.hint == "Try harder"


def test_an_index_that_does_not_answer_is_named():
    stderr = (
        "error: Request failed after 3 retries in 7.8s\n"
        "  cause: Failed to fetch: http://127.0.0.1:9/simple/rich/\n"
        "  cause: client error (Connect)\n"
        "  cause: Connection refused (os error 111)\n"
    )
    error = failure(UvRan(code=2, stdout="", stderr=stderr), WISHES)
    assert type(error) is LockError
    where = "http://127.0.0.1:9/simple/rich/"
    assert error.message == f"the package index does not answer: {where}: Connection refused (os error 111)"


def test_a_cache_that_cannot_be_written_to_has_a_hint():
    stderr = (
        "error: Failed to initialize cache at `/c/uv`\n"
        "  cause: failed to write to file `/c/uv/CACHEDIR.TAG`: No space left on device (os error 28)\n"
    )
    error = failure(UvRan(code=2, stdout="", stderr=stderr), WISHES)
    assert error.message.endswith("`/c/uv/CACHEDIR.TAG`: No space left on device (os error 28)")
    assert error.hint == "free some space, or name another cache folder: UV_CACHE_DIR"


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        ("error: the wheel is odd\n", "uv could not lock the Python packages: the wheel is odd"),
        ("thread panicked\n", "uv could not lock the Python packages: thread panicked"),
        ("", "uv could not lock the Python packages: it ended with 2"),
    ],
)
def test_whatever_uv_says_there_is_a_sentence(stderr, message):
    assert failure(UvRan(code=2, stdout="", stderr=stderr), WISHES).message == message


def test_a_build_that_fails_keeps_its_headline_and_its_package():
    stderr = "error: Failed to build `rich==1.0`\n  cause: The build backend returned an error\n"
    error = failure(UvRan(code=1, stdout="", stderr=stderr), WISHES)
    assert error.message == "Failed to build `rich==1.0`:\n  The build backend returned an error"
    assert [str(problem) for problem in error.problems] == ["spec.yml:6: pip.packages[2]: rich cannot be had"]


def test_a_long_conflict_keeps_its_beginning_and_its_end():
    causes = "\n".join(f"         line {number}" for number in range(50))
    stderr = f"error: No solution found\n  cause: first\n{causes}\n"
    lines = failure(UvRan(code=1, stdout="", stderr=stderr), WISHES).message.splitlines()
    assert len(lines) == 15
    assert lines[1:5] == ["  first", "  line 0", "  line 1", "  …"]
    assert lines[-1] == "  line 49"


def failed_step(*log, path="pip"):
    problem = Problem(file="spec.yml", line=3, path=path, what="its step failed")
    return BuildError("the step `x` failed", step="x", log=log, dockerfile_line=9, problem=problem)


@pytest.mark.parametrize("kind", ["Hash", "Size"])
def test_a_file_that_is_not_the_locked_one_is_named_with_its_line(kind):
    log = (
        "Using Python 3.11.2",
        "error: Failed to download `rich==1.0`",
        f"  cause: {kind} mismatch for `rich==1.0`",
    )
    error = not_installed(failed_step(*log), WISHES)
    assert error.message == (
        f"rich==1.0: {kind.lower()} mismatch: the index has another file of this name than the lock"
    )
    assert str(error.problem) == "spec.yml:6: pip.packages[2]: rich asks for it"
    assert error.hint == (
        "find out why before you trust it; to accept the new file: envbuild lock --upgrade-package rich"
    )
    assert (error.step, error.log, error.dockerfile_line) == ("x", log, 9)


def test_what_else_keeps_a_package_from_being_installed_is_said():
    log = ("error: Failed to download `idna==3`", "  cause: Failed to fetch: `x`", "  cause: HTTP status 404")
    error = not_installed(failed_step(*log), WISHES)
    assert error.message == "idna==3: cannot be installed: HTTP status 404"
    assert str(error.problem) == "spec.yml:3: pip: its step failed"


def test_other_failed_steps_stay_as_they_are():
    for error in (failed_step("error: Failed to download `rich==1.0`", path="run[0]"), failed_step("killed")):
        assert not_installed(error, WISHES) is error

"""The house keeps its plan: imports point one way, pure rooms stay pure, files stay small."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "envbuild"

# From the ground up: a room imports its own floor's rooms never, those below freely.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"__init__"}),
    frozenset({"errors", "events", "images", "files"}),
    frozenset({"facts", "fatbin", "names"}),
    frozenset({"logins", "site"}),
    frozenset({"spec"}),
    frozenset({"conda", "gpu"}),
    frozenset({"lock"}),
    frozenset({"plan"}),
    frozenset({"render"}),
    frozenset({"engine", "registry"}),
    frozenset({"audit", "bootstrap", "compare", "export", "host", "importers", "smoke"}),
    frozenset({"remote"}),
    frozenset({"outcomes", "state", "doctor"}),
    frozenset({"archive", "publish", "subjects"}),
    frozenset({"fits"}),
    frozenset({"made"}),
    frozenset({"pipeline"}),
    frozenset({"reproduce"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
# state.py turns a memory into an outcome; both lie on one floor, and it goes one way.
ALLOWED_BESIDE = {("state", "outcomes")}

PURE = (
    "errors.py",
    "events.py",
    "images.py",
    "names.py",
    "outcomes.py",
    "facts/*.py",
    "gpu/*.py",
    "plan/*.py",
    "render/*.py",
    "lock/drift.py",
    "remote/history.py",
    "smoke/checks.py",
    "compare/*.py",
    "conda/model.py",
    "export/*.py",
    "importers/model.py",
    "doctor/gpu.py",
    "doctor/judge.py",
    "doctor/usable.py",
    "engine/gpu.py",
    "engine/gpu_errors.py",
    "host/judge.py",
    "host/trouble.py",
    "registry/challenge.py",
    "registry/pace.py",
    "registry/parse.py",
    "registry/platforms.py",
    "registry/proxies.py",
    "registry/refusals.py",
    "registry/write.py",
    "*/model.py",
)
NOT_PURE = {"render/templates.py", "render/copies.py", "render/write.py", "render/compiled.py"}
WORLD = {
    "os",
    "subprocess",
    "socket",
    "docker",
    "time",
    "datetime",
    "requests",
    "urllib3",
    "http",
    "urllib.request",
    "random",
}
LONGEST = 400
PIPELINE_LONGEST = 120


@dataclass(frozen=True)
class Import:
    """One imported module, whether only a type checker sees it, and its line."""

    module: str
    typing_only: bool
    line: int


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    """Every import anywhere in the file; `from envbuild import x` counts as envbuild.x."""
    found: list[Import] = []

    def visit(node: ast.AST, typing_only: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                visit(child, typing_only=True)
            for child in node.orelse:
                visit(child, typing_only=typing_only)
            return
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, typing_only, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found.extend(Import(name, typing_only, node.lineno) for name in names)
        for child in ast.iter_child_nodes(node):
            visit(child, typing_only)

    visit(tree_of(path), typing_only=False)
    return tuple(found)


def floor_of(room: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"envbuild/{room} has no place in FLOORS: give it one")


def imported_room(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "envbuild":
        return None
    if len(parts) < 2 or not ((PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file()):
        return "__init__"
    return parts[1]


def test_every_room_has_a_place() -> None:
    assert {room_of(path) for path in modules()} <= frozenset[str]().union(*FLOORS)


def test_imports_point_one_way() -> None:
    """Those for the type checker too: a type is as good a tie as a call."""
    wrong = []
    for path in modules():
        room = room_of(path)
        for item in imports_of(path):
            target = imported_room(item.module)
            if target is None or target == room or (room, target) in ALLOWED_BESIDE:
                continue
            if floor_of(target) >= floor_of(room):
                wrong.append(f"{name_of(path)}:{item.line} imports {item.module}")
    assert not wrong


def test_no_cycles_between_modules_of_a_room() -> None:
    """At import time: imports within functions and for the type checker may go both ways."""
    edges: dict[str, set[str]] = {}
    for path in modules():
        name = ".".join(["envbuild", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(
            ".__init__"
        )
        edges[name] = set()
        for node in tree_of(path).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                edges[name] |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                edges[name] |= {alias.name for alias in node.names}
    for name, targets in edges.items():
        edges[name] = {target for target in targets if target in edges and target != name}
        edges[name].discard("envbuild")

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail, name))
        if name in done:
            return
        for target in sorted(edges[name]):
            walk(target, (*trail, name))
        done.add(name)

    done: set[str] = set()
    for name in sorted(edges):
        walk(name, ())


def test_only_the_engine_imports_docker() -> None:
    importers = {
        room_of(path)
        for path in modules()
        for item in imports_of(path)
        if item.module.split(".")[0] == "docker"
    }
    assert importers <= {"engine"}


def test_only_the_registry_imports_urllib3() -> None:
    importers = {
        name_of(path)
        for path in modules()
        for item in imports_of(path)
        if item.module.split(".")[0] == "urllib3"
    }
    assert importers == {"registry/wire.py"}


def test_docker_and_urllib3_are_never_imported_with_a_module() -> None:
    """They cost 0.1 s and more: only functions import them, so that who does not build does not pay."""
    early = []
    for path in modules():
        for node in tree_of(path).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            early += [name_of(path) for name in names if name.split(".")[0] in {"docker", "urllib3"}]
    assert not early


def test_only_the_command_line_prints_or_exits() -> None:
    """The probes of smoke/ run inside the image: they print their verdict."""
    wrong = []
    for path in modules():
        if room_of(path) in {"cli", "__main__"} or "probes" in path.parts:
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "print",
                "exit",
                "quit",
                "sys.exit",
                "os._exit",
            }:
                wrong.append(f"{name_of(path)}:{node.lineno}")
            if isinstance(node, ast.Raise) and node.exc and "SystemExit" in ast.unparse(node.exc):
                wrong.append(f"{name_of(path)}:{node.lineno}")
    assert not wrong


def pure_modules() -> list[Path]:
    found = {path for pattern in PURE for path in PACKAGE.glob(pattern)}
    return sorted(path for path in found if name_of(path) not in NOT_PURE)


def test_pure_modules_do_not_look_at_the_world() -> None:
    wrong = [
        f"{name_of(path)}:{item.line} imports {item.module}"
        for path in pure_modules()
        for item in imports_of(path)
        if not item.typing_only and any(f"{item.module}.".startswith(f"{name}.") for name in WORLD)
    ]
    assert not wrong


def test_files_stay_small_and_say_what_they_are() -> None:
    long = [name_of(path) for path in modules() if path.read_text(encoding="utf-8").count("\n") > LONGEST]
    mute = [name_of(path) for path in modules() if not ast.get_docstring(tree_of(path))]
    assert (long, mute) == ([], [])


def test_no_bare_except() -> None:
    bare = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not bare


def test_the_pipeline_is_short_and_knows_no_tool() -> None:
    path = PACKAGE / "pipeline.py"
    assert path.read_text(encoding="utf-8").count("\n") <= PIPELINE_LONGEST
    assert not {item.module.split(".")[0] for item in imports_of(path)} & {
        "docker",
        "typer",
        "jinja2",
        "rich",
    }


def tracked_files() -> list[Path]:
    ran = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if ran.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in ran.stdout.decode().split("\0") if name]


def test_no_file_names_an_index_or_a_mirror() -> None:
    """Tools know their defaults; a host name here would bypass what a site says."""
    hosts = [
        ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("deb", "debian", "org"))
    ]
    pattern = re.compile("|".join(re.escape(host) for host in hosts).encode())
    found = [str(path) for path in tracked_files() if path.is_file() and pattern.search(path.read_bytes())]
    assert not found

"""From spec and lock to plan and Dockerfile, compared with files. `make golden` writes them anew."""

import json
import os
from pathlib import Path

import pytest
from support.planned import TEMPLATES, lock_of

from envbuild.cli.summaries import plan_rows
from envbuild.plan.make import make_plan
from envbuild.render.copies import read_copies
from envbuild.render.render import render
from envbuild.spec.load import load_spec

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/spec.yml"))


def made(case: str) -> dict[str, str]:
    """File name → text, for one case. The lock's text and envbuild's version are fixed."""
    spec = load_spec(HERE / case / "spec.yml")
    lock = lock_of(json.loads((HERE / case / "lock.json").read_text()))
    plan = make_plan(spec, lock, lock_text="# the lock\n", version="1.2.3")
    context = render(plan, TEMPLATES, copies=read_copies(spec), line_of=spec.source.line_of)
    rows = "\n".join(" | ".join(row).rstrip().replace("\n", "\\n") for row in plan_rows(plan))
    notes = "".join(f"note: {note}\n" for note in plan.notes)
    return {"Dockerfile": context.dockerfile, "plan.txt": f"{rows}\n{notes}"}


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    for name, text in made(case).items():
        path = HERE / case / name
        if os.environ.get("ENVBUILD_GOLDEN") == "write":
            path.write_text(text)
        assert path.is_file(), f"{path} is missing: make golden"
        assert text == path.read_text(), f"{path} differs: look at the change, then make golden"


def test_there_are_cases() -> None:
    assert CASES == ["managed", "quickstart", "torch_gpu"]

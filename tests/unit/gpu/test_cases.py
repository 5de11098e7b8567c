"""Every row of tests/unit/gpu/cases: whether a machine can run an image, against the reasoning by hand."""

from collections import Counter
from pathlib import Path

import pytest
from support.preflight import Case, all_cases

CASES = all_cases()
LEAST = 300
"""Rows that the table holds at least."""


def test_the_table_is_large_and_its_names_differ() -> None:
    assert len(CASES) >= LEAST
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


def test_every_row_is_whole() -> None:
    assert {case.name: case.problems() for case in CASES if case.problems()} == {}


def test_no_question_is_asked_twice() -> None:
    asked = Counter((case.host, str(case.spec), str(case.lock), str(case.image)) for case in CASES)
    assert [question for question, count in asked.items() if count > 1] == []


@pytest.mark.parametrize("case", CASES, ids=[f"{case.theme}: {case.name}" for case in CASES])
def test_verdict(case: Case, tmp_path: Path) -> None:
    answer = case.answer(tmp_path)
    said = [f"{reason.level} {reason.rule}: {reason.text}" for reason in answer.reasons]
    assert answer.verdict in (case.verdict, *case.also), (case.why, said)
    if case.rule and answer.verdict == case.verdict:
        deciding = {reason.rule for reason in answer.reasons if reason.level == answer.verdict}
        assert case.rule in deciding, (case.why, said)

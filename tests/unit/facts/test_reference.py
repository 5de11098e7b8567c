from pathlib import Path

import pytest

from envbuild.facts.reference import with_tables

PAGE = Path(__file__).resolve().parents[3] / "docs/facts.md"


def test_the_page_holds_the_tables_as_they_are():
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text) == text
    assert "| 12.8.1 | 570.124.06 | 570 | 525.60.13 |\n" in text
    assert "| 10.1 | 418.39 | 418 | its own driver |\n" in text
    assert "| 565 | 12.7 |\n" in text
    assert (
        "| 7.0 | Volta | 9.0 to 12.9 | 384 to 580 | data centre: V100, V100S; TITAN V, Quadro GV100 |\n"
        in text
    )
    assert "| 2.10.0 | 3.10, 3.11, 3.12, 3.13, 3.14 | 2.28 | cu126, cu128, cu130 | cu128 |" in text
    assert "| jax[cuda12] | 525.60.13 | 5.2 |\n" in text


def test_only_what_lies_between_marks_is_written_anew():
    page = "above\n<!-- begin jax -->\nold\n<!-- end jax -->\nbelow\n"
    filled = with_tables(page)
    assert filled.startswith("above\n<!-- begin jax -->\n\n| extra | least driver | oldest GPU |\n")
    assert filled.endswith("\n<!-- end jax -->\nbelow\n")
    assert "old\n" not in filled
    assert with_tables(filled) == filled


def test_a_mark_of_no_table_is_refused():
    with pytest.raises(KeyError, match="cheese"):
        with_tables("<!-- begin cheese -->\n<!-- end cheese -->")

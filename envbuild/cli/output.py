"""Values → text: sizes, times, tables, JSON. Pure but for `emit*`, which write to standard output."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence, Set
from pathlib import PurePath
from typing import Any

_STATUS_STYLES = {"passed": "green", "ok": "green", "failed": "bold red", "problem": "bold red"}
_STATUS_STYLES |= {"not run": "yellow", "warning": "yellow"}


def human_size(size: int | None) -> str:
    """Bytes as people say them, in powers of ten like `docker images`: `512 B`, `3.4 MB`; `?` for None."""
    if size is None:
        return "?"
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def human_seconds(seconds: float) -> str:
    """A time span as people say it: `0.4 s`, `12 s`, `3 min 05 s`, `1 h 02 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def one_line(text: str, limit: int = 200) -> str:
    """`text` on one line, cut at `limit`, without control characters: nothing paints the screen."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def plain_data(value: Any) -> Any:
    """Dataclasses, mappings, paths and tuples as what `json.dumps` takes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(plain_data(item) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain_data(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value


def emit_json(value: Any) -> None:
    """Write `value` to standard output as one JSON document."""
    sys.stdout.write(json.dumps(plain_data(value), indent=2, ensure_ascii=False) + "\n")


def emit(text: str = "") -> None:
    """Write `text` and a line end to standard output."""
    sys.stdout.write(text + "\n")


def plain_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Set[int] = frozenset()) -> str:
    """An aligned table for pipes and files; columns in `right` are right-aligned, line ends never padded."""
    cells = [[one_line(cell, 10_000) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def emit_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Set[int] = frozenset()) -> None:
    """Print a table: drawn by rich on a terminal, aligned text elsewhere."""
    if not sys.stdout.isatty():
        emit(plain_table(headers, rows, right))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column, header in enumerate(headers):
        table.add_column(header, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell, 10_000), style=_STATUS_STYLES.get(cell, "")) for cell in row))
    Console(file=sys.stdout, highlight=False).print(table)

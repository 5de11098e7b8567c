"""The very start of the program, before the command line is there."""

import sys

import pytest

from envbuild.__main__ import main


class InterruptedImport:
    """An import system in which Ctrl-C comes while the command line is imported."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "envbuild.cli.app":
            raise KeyboardInterrupt


def test_ctrl_c_at_the_very_start_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["envbuild", "image"])
    monkeypatch.setattr(sys, "meta_path", [InterruptedImport(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "envbuild.cli.app", raising=False)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 130
    assert capsys.readouterr() == ("", "interrupted\n")

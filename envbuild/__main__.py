"""The `envbuild` command. Answers `--version` before any heavy import: scripts and prompts ask it often."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from envbuild import __version__

        sys.stdout.write(f"envbuild {__version__}\n")
        return
    import signal

    # A scheduler's or CI's way of saying stop: as with Ctrl-C, no container is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from envbuild.cli.app import run
    except KeyboardInterrupt:  # as `run` says it, which is not there yet
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

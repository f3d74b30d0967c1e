"""`mobile-deploy`, and `python -m deploy`: nothing is imported before Ctrl-C can end it cleanly."""

import sys


def main() -> int:
    """Run what the arguments say and give the exit code."""
    try:
        from deploy.cli import main as run_command

        return run_command()
    except KeyboardInterrupt:
        # While the commands were imported; later ones are told where they are run.
        sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())

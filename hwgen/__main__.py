"""``python -m hwgen`` is the command line."""

from hwgen.cli import main

if __name__ == "__main__":
    main()

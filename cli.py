"""``python cli.py …`` and ``torchrun … cli.py …``: the same as the command ``landscape``."""

from landscape.cli import main

if __name__ == "__main__":
    main()

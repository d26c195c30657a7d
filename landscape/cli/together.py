"""A command run by the several processes of ``torchrun``: they share the work, and one speaks."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout

# These share the examples among the processes.
SHARED = ("analyze", "check", "demo", "density", "eigenvalues", "fidelity", "sharpness", "trace")
# This one shares the points of a grid, through files and with no word to the others.
_BY_ITSELF = "surface"

Say = Callable[[str], None]


def run_together(run: Callable[[Say], int], arguments: Sequence[str], say: Say) -> int:
    """``run(say)`` in every process; process 0 alone prints, each error is told once.

    Returns
    -------
    int
        The exit code; ``torchrun`` itself makes 1 of any that is not 0.
    """
    command = next((a for a in arguments if not a.startswith("-")), "")
    main = os.environ.get("RANK", "0") == "0"
    if command == _BY_ITSELF:
        return run(say)
    if command not in SHARED:
        if main:
            say(
                f"Error: {command or 'this'} runs as one process; start it without torchrun. "
                f"These can share their work: {', '.join(sorted((*SHARED, _BY_ITSELF)))}."
            )
        return 2
    from landscape.distributed import PeerLostError, process_group

    real = sys.stderr
    with ExitStack() as stack:
        if not main:
            silence = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(silence))
            stack.enter_context(redirect_stderr(silence))
        try:
            with process_group() as group:

                def say_once(text: str) -> None:
                    if group.is_first(text):
                        with redirect_stderr(real):
                            say(text if main else f"[process {os.environ['RANK']}] {text}")

                return run(say_once)
        except PeerLostError as error:  # in joining; later ones are told by ``run``
            with redirect_stderr(real):
                say(f"Error: {error}")
            return 130

"""The console scripts `lead-invert` and `lead`: from the first import on, Ctrl-C ends a program quietly.

Until a program's commands are imported there is nothing to finish and nothing to say. A `KeyboardInterrupt` would not
do: some modules turn one that comes during their import into an error of their own. Knows nothing of the commands.
"""

import os

PROGRAMS = {"lead-invert": "cli.invert", "lead": "cli.base"}
"""The modules of the programs. Each has a `main`."""
STOPPED = 130
"""The exit code that a shell gives for Ctrl-C."""

try:
    import signal
    from importlib import import_module
except KeyboardInterrupt:
    os._exit(STOPPED)


def lead_invert() -> None:
    """The console script `lead-invert`."""
    run_program(PROGRAMS["lead-invert"])


def lead() -> None:
    """The console script `lead`."""
    run_program(PROGRAMS["lead"])


def run_program(module: str) -> None:
    """Import a module and call its `main`. Where Ctrl-C is ignored, as for work in the background, it stays ignored."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        import_module(module).main()
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(STOPPED))
    main = import_module(module).main
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        main()
    except KeyboardInterrupt:  # before the command began, or after its end
        os._exit(STOPPED)

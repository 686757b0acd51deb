"""The console scripts `lead-invert` and `lead`, and how signals end them: Ctrl-C and SIGTERM.

Until a program's commands are imported there is nothing to finish and nothing to say: from the first import on, Ctrl-C
ends a program quietly. A `KeyboardInterrupt` would not do: some modules turn one that comes during their import into an
error of their own. SIGTERM, by which `kill`, `timeout` and job schedulers end a program, clears up as Ctrl-C does, but
keeps no result that is not finished. Knows nothing of the commands.
"""

import os

PROGRAMS = {"lead-invert": "cli.invert", "lead": "cli.base"}
"""The modules of the programs. Each has a `main`."""
STOPPED = 130
"""The exit code that a shell gives for Ctrl-C."""
TERMINATED = 143
"""The exit code that a shell gives for SIGTERM."""
TWICE_SECONDS = 2.0
"""From then on a second SIGTERM ends a program at once."""

try:
    import signal
    import threading
    import time
    from collections.abc import Iterator
    from contextlib import contextmanager
    from importlib import import_module
except KeyboardInterrupt:
    os._exit(STOPPED)


class Terminated(SystemExit):
    """SIGTERM ends the program; `message` is for the user."""

    def __init__(self, message: str = "") -> None:
        super().__init__(TERMINATED)
        self.message = message or "ended by SIGTERM; what was not finished is not kept"


def lead_invert() -> None:
    """The console script `lead-invert`."""
    run_program(PROGRAMS["lead-invert"])


def lead() -> None:
    """The console script `lead`."""
    run_program(PROGRAMS["lead"])


def run_program(module: str) -> None:
    """Import a module and call its `main`. Where Ctrl-C is ignored, as for work in the background, it stays ignored."""
    if "RANK" not in os.environ:  # a launcher's processes wait for each other, and have to end at once
        signal.signal(signal.SIGTERM, _terminate)
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


def _terminate(*_: object) -> None:
    """End the program by `Terminated`. Some senders send the signal twice: the second one is ignored."""
    ended = time.monotonic()

    def again(*_: object) -> None:
        if time.monotonic() - ended > TWICE_SECONDS:
            os._exit(TERMINATED)

    signal.signal(signal.SIGTERM, again)
    raise Terminated


@contextmanager
def terminate_by_interrupt() -> Iterator[None]:
    """Within the block SIGTERM does what Ctrl-C does; its `KeyboardInterrupt` becomes a `Terminated` of its message."""
    asked = 0.0

    def ask(*_: object) -> None:
        nonlocal asked
        if asked and time.monotonic() - asked < TWICE_SECONDS:
            return
        asked = time.monotonic()
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # work in the background
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield
    except KeyboardInterrupt as stop:
        if asked:
            raise Terminated(str(stop)) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def end_with_parent(parent: int) -> None:
    """Have this program end when the process `parent`, which started it, ends in any way."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

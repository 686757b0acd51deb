"""The console scripts `lead-invert` and `lead`, and how signals end them: Ctrl-C and SIGTERM.

Until a program's commands are imported there is nothing to finish and nothing to say: from the first import on, Ctrl-C
ends a program quietly. A `KeyboardInterrupt` would not do: some modules turn one that comes during their import into an
error of their own. SIGTERM, by which `kill`, `timeout` and job schedulers end a program, clears up as Ctrl-C does, but
keeps no result that is not finished. Knows nothing of the commands.
"""

import os

PROGRAMS = {"lead-invert": "cli.invert", "lead": "cli.base"}
"""The modules of the programs. Each has a `main`."""
PACKAGES = ("lead", "inversion", "concepts", "cli")
"""Our top-level packages. Other distributions may have packages of these names."""
STOPPED = 130
"""The exit code that a shell gives for Ctrl-C."""
TERMINATED = 143
"""The exit code that a shell gives for SIGTERM."""
TWICE_SECONDS = 2.0
"""From then on a second SIGTERM ends a program at once."""

try:
    import signal
    import sys
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
    with _explain_foreign_packages():
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


@contextmanager
def _explain_foreign_packages() -> Iterator[None]:
    """An import within the block that fails in a package of ours ends the program with what to do.

    Another distribution that has a package of the same name writes its files over ours.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package not in PACKAGES:
            raise
        from importlib.metadata import packages_distributions

        others = sorted(set(packages_distributions().get(package, ())) - {"lead-invert"})
        whose = f"{' and '.join(others)} installed one too" if others else "the installation is not complete"
        sys.exit(
            f"error: the package {package!r} at {error.path or 'no place'} is not lead-invert's ({error.msg}); "
            f"{whose}. Install lead-invert in an environment of its own: python -m venv, then pip install"
        )


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

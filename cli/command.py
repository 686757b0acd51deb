"""What makes a function a command: options that are declared once, how a command ends, and console scripts.

A command is a function that typer calls. It takes `as_json` and returns what `--json` prints. Its parameters may be
option groups: frozen dataclasses whose fields are options, so that commands share declarations.

    @dataclass(frozen=True)
    class ReadingOptions(OptionGroup):
        fps: Annotated[float | None, typer.Option("--fps")] = None

    @command
    def view(places: Places, reading: ReadingOptions = ReadingOptions(), as_json: Json = False) -> JsonObject: ...

With `--json` standard output is one JSON object, and nothing else. An error that a user can act on is one message and
exit code 1, or 2 for a command line that cannot be read; never a traceback. A fault of ours keeps its traceback. Knows
nothing of what the commands do.
"""

import dataclasses
import functools
import gc
import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar, get_type_hints

import typer
from typer.core import TyperGroup

from cli.console import discard_output, escape_controls, escape_unprintable, flush_output, print_error, print_json
from cli.errors import shorten_words, to_message, user_errors
from cli.start import STOPPED, TERMINATED, Terminated

JsonObject = dict[str, object]
"""What a command returns, and prints with `--json`."""
Command = Callable[..., None]
F = TypeVar("F", bound=Callable[..., object])

RARELY = (50_000, 20, 100)
"""Thresholds of the garbage collector. Python's own are 700, 10 and 10."""


class OptionGroup:
    """The base of frozen dataclasses whose fields are options, annotated as typer's parameters are."""

    @classmethod
    def parameters(cls, defaults: "OptionGroup") -> list[inspect.Parameter]:
        """The fields as parameters of a command; `defaults` is an instance of the class."""
        hints = get_type_hints(cls, include_extras=True)
        return [_parameter(name, hints[name], getattr(defaults, name)) for name in _field_names(cls)]

    def to_arguments(self) -> list[str]:
        """The command line that gives these values; options that were not given are left out."""
        hints = get_type_hints(type(self), include_extras=True)
        arguments: list[str] = []
        for name in _field_names(type(self)):
            value, (declared,) = getattr(self, name), hints[name].__metadata__
            names = [declared.default, *(declared.param_decls or ())]  # typer keeps the first name as the default
            option = next((one for one in names if str(one).startswith("--")), f"--{name.replace('_', '-')}")
            if value is True:
                arguments.append(option)
            elif value is not None and value is not False:
                arguments += [option, str(value)]
        return arguments


def command(function: Callable[..., Mapping[str, object]]) -> Command:
    """Make a function a command: expand its option groups, print what it returns with `--json`, report its errors."""
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    groups = {one.name: one.annotation for one in parameters if _is_group(one.annotation)}

    @functools.wraps(function)
    def run(**options: Any) -> None:
        as_json = bool(options["as_json"])
        escape_unprintable()
        for name, group in groups.items():
            options[name] = group(**{field: options.pop(field) for field in _field_names(group)})
        try:
            result = function(**options)
            if as_json:
                print_json(result)
            flush_output()
        except KeyboardInterrupt as stop:
            with ignore_interrupts():
                _fail(str(stop) or "stopped; what was not finished is not kept", as_json, STOPPED)
        except Terminated as end:
            with ignore_interrupts():
                _fail(end.message, as_json, TERMINATED)
        except BrokenPipeError:  # the reader of a pipe has read enough
            discard_output()
            raise typer.Exit(1) from None
        except Exception as error:
            if not isinstance(error, user_errors()):
                raise
            _fail(to_message(error), as_json, 1)

    return _with_parameters(run, list(_expand(parameters)))


def accept_device(function: Callable[..., Mapping[str, object]]) -> Callable[..., Mapping[str, object]]:
    """Give a command that computes nothing on a device the option `--device`, so that scripts can pass it to all."""
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    option = typer.Option(metavar="DEVICE", help="Accepted and not used: this command computes nothing on a device.")
    place = next((row for row, one in enumerate(parameters) if one.name == "as_json"), len(parameters))
    parameters.insert(place, _parameter("device", Annotated[str, option], "auto"))

    @functools.wraps(function)
    def run(**options: Any) -> Mapping[str, object]:
        options.pop("device")
        return function(**options)

    return _with_parameters(run, parameters)


class _Group(TyperGroup):
    """A program whose own errors, as of an unknown option, are told as those of its commands are."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **options: Any) -> Any:
        as_json = _ask_for_json(args)  # which the call empties
        with _tell_errors(as_json):
            context = super().make_context(info_name, args, *more, **options)
        context.meta[_Group.__qualname__] = as_json
        return context

    def invoke(self, ctx: Any) -> Any:
        with _tell_errors(ctx.meta[_Group.__qualname__]):
            return super().invoke(ctx)


def _ask_for_json(arguments: list[str]) -> bool:
    """Whether a command line has `--json` among its options, which `--` ends."""
    return "--json" in arguments[: arguments.index("--") if "--" in arguments else None]


@contextmanager
def _tell_errors(as_json: bool) -> Iterator[None]:
    """Within the block, an error of typer's echoes nothing that acts on a terminal; with --json it is JSON."""
    try:
        yield
    except Exception as error:
        if not isinstance(message := getattr(error, "message", None), str):
            raise
        error.message = escape_controls(shorten_words(message), lines=True)  # type: ignore[attr-defined]  # of typer's errors
        if as_json and hasattr(error, "format_message"):
            _fail(error.format_message(), as_json, getattr(error, "exit_code", 2))
        raise


def make_app(help: str, commands: Mapping[str, Command]) -> typer.Typer:
    """A program, or a group of its commands, from a table of commands by name."""
    app = typer.Typer(
        cls=_Group,
        help=inspect.cleandoc(help),
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, function in commands.items():
        app.command(name)(function)
    app.callback()(_offer_version)
    return app


def _print_version(wanted: bool) -> bool:
    if wanted:
        from lead.version import __version__

        typer.echo(f"lead-invert {__version__}")
        raise typer.Exit
    return wanted


def _offer_version(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None: ...


def run_script(app: Callable[[], None]) -> None:
    """Run the commands of a console script, which has the process to itself.

    The garbage collector runs seldom, and not at the end: importing torch makes a million objects and no garbage, and
    each run visits all of them, the last for a third of a second.
    """
    _let_threads_sleep()
    gc.set_threshold(*RARELY)
    try:
        app()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends now in any case
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        gc.freeze()


@contextmanager
def ignore_interrupts() -> Iterator[None]:
    """Within the block Ctrl-C does nothing: an earlier one is being answered, or a result saved."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _let_threads_sleep() -> None:
    """Have torch's OpenMP threads sleep when they wait longer than about 20 microseconds; before torch is imported.

    By default GNU's spin for milliseconds. Beside another busy program every product then waits that long, and a step
    of training takes 5 seconds instead of a fifth.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, OptionGroup)


def _field_names(group: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(group)]


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _expand(parameters: list[inspect.Parameter]) -> Iterator[inspect.Parameter]:
    """The parameters, the fields of a group in its place."""
    for one in parameters:
        if _is_group(one.annotation):
            yield from one.annotation.parameters(one.default)
        else:
            yield one.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _with_parameters(function: F, parameters: list[inspect.Parameter]) -> F:
    """The function with the signature and annotations that typer is to see."""
    keyword_only = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    function.__annotations__ = {one.name: one.annotation for one in keyword_only}
    function.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]  # inspect reads it
    return function


def _fail(message: str, as_json: bool, code: int) -> None:
    """End the command with a message and an exit code."""
    try:
        if as_json:
            print_json({"error": message})
        flush_output()
    except OSError:  # a full disk behind standard output
        discard_output()
        as_json = False
    if not as_json:
        print_error(message)
    raise typer.Exit(code)

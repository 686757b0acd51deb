"""The repository's pages for tests: code blocks, command lines, links, anchors."""

import functools
import re
from pathlib import Path

from cli.start import PROGRAMS

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "lead/weights/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LAUNCHER = r"(?:(?:accelerate launch|torchrun) .*?--no[-_]python )?"
COMMAND = re.compile(rf"^(?:\.venv/bin/)?{LAUNCHER}((?:\.venv/bin/)?(?:lead|lead-invert) [^\n]*)$", re.MULTILINE)


def page_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_blocks(text: str, language: str | None = None) -> list[str]:
    """The contents of fenced blocks, of one language or of all."""
    return [code for _, its, code in BLOCK.findall(text) if language is None or its == language]


def without_code(text: str) -> str:
    """The text without fenced blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", BLOCK.sub("", text))


def command_lines(code: str) -> list[str]:
    """The lines of a script that call our programs: continued lines joined, comments and launchers cut."""
    joined = re.sub(r" *\\\n\s*", " ", code)
    return [re.sub(r"\s+#.*", "", line).removeprefix(".venv/bin/") for line in COMMAND.findall(joined)]


def commands_of_page(text: str) -> list[str]:
    """The command lines of a page's blocks and, in backticks, of its text. COMMAND stands for any command."""
    inline = re.findall(r"`((?:lead|lead-invert) [a-z][^`\n]*)`", BLOCK.sub("", text))
    blocks = [line for code in code_blocks(text) for line in command_lines(code)]
    return [line for line in blocks + inline if "COMMAND" not in line]


@functools.cache
def help_text(program: str, *command: str) -> str:
    """What `program command --help` prints; an AssertionError if there is no such command."""
    import importlib

    from typer.testing import CliRunner

    result = CliRunner().invoke(importlib.import_module(PROGRAMS[program]).app, [*command, "--help"])
    assert result.exit_code == 0, f"{program} {' '.join(command)}: {result.output}"
    return result.output


def check_command(line: str) -> None:
    """Assert that a command line's command and options exist."""
    program, *words = re.sub(r'"[^"]*"', "TEXT", line).split()
    command = [word for word in words[: 2 if words[0] == "data" else 1] if not word.startswith("-")]
    text = help_text(program, *command)
    for option in (word for word in words if word.startswith("-")):
        assert re.search(rf"(^|[\s,/]){option}\b", text), f"{option} is no option of {program} {' '.join(command)}"


def links(text: str) -> list[str]:
    """The targets of links and pictures that stay in the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", without_code(text))
    return [target for target in targets if not re.match(r"[a-z]+://|mailto:", target)]


def anchors(text: str) -> set[str]:
    """The names by which a page's headings can be linked, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ +(.*?) *#*$", BLOCK.sub("", text), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading)).strip().lower() for heading in headings]
    return {re.sub(r"\s+", "-", heading) for heading in plain}

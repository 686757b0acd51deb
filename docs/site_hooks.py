"""MkDocs hooks: pages that are made from the code and from files outside docs/ when the site is built.

A page with a marker line gets that marker replaced:

    <!-- commands: cli.invert -->       the reference of a typer program, command by command
    <!-- rig names -->                  the joint names and the makers that `lead.motion.rigs.joint_names` knows
    <!-- include: CONTRIBUTING.md -->   a file of the repository; it replaces the whole page
"""

import html
import importlib
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SITE_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "lead/weights/README.md": "model-card.md",
    "lead/weights/README-open.md": "model-card-open.md",
}
"""Files outside docs/ by their page."""
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
FOLDER_LINK = re.compile(r"\[([^\]\n]*)\]\(([A-Za-z0-9_-]+/?)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace a page's markers."""
    if include := re.search(r"^<!-- include: (\S+) -->$", markdown, re.MULTILINE):
        return included_page(include[1])
    markdown = re.sub(r"^<!-- commands: (\S+) -->$", lambda m: command_reference(m[1]), markdown, flags=re.MULTILINE)
    markdown = re.sub(r"^<!-- rig names -->$", lambda _: rig_names(), markdown, flags=re.MULTILINE)
    return FOLDER_LINK.sub(folder_link, markdown)


def folder_link(match: re.Match[str]) -> str:
    """A link to a folder of docs/, which a site cannot list, as links to the files in it."""
    folder = ROOT / "docs" / match[2]
    if not folder.is_dir():
        return match[0]
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(f"[{name}]({match[2].rstrip('/')}/{name})" for name in names)


def included_page(name: str) -> str:
    """A file of the repository. Its links lead to pages of the site; a link to any other file becomes its text."""
    text = FRONT_MATTER.sub("", (ROOT / name).read_text(encoding="utf-8"))

    def page_link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), match["target"]))
        page = SITE_PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else "")
        return f"[{match['text']}]({page}{match['anchor'] or ''})" if page else match["text"]

    return LINK.sub(page_link, text)


def command_reference(module: str) -> str:
    """The commands of a typer program as Markdown."""
    sys.path.insert(0, str(ROOT))
    try:
        from typer.main import get_command

        program = get_command(importlib.import_module(module).app)
    finally:
        sys.path.remove(str(ROOT))
    name = {"cli.invert": "lead-invert", "cli.base": "lead"}[module]
    return "\n\n".join(command_sections(program, name))


def command_sections(command: Any, path: str) -> list[str]:
    """One section for each command of a program, groups left out. The texts are those that `--help` prints."""
    if commands := getattr(command, "commands", None):
        return [section for name, child in commands.items() for section in command_sections(child, f"{path} {name}")]
    context = command.make_context(path, [], resilient_parsing=True)
    records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    rows = [f"| `{usage}` | {escaped(text)} |" for usage, text in records]
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    table = "\n".join(["| argument or option | meaning |", "| --- | --- |", *rows])
    return ["\n\n".join([f"## {path}", f"```\n{usage}\n```", *help_paragraphs(command.help or ""), table])]


def help_paragraphs(text: str) -> list[str]:
    r"""A docstring's paragraphs; those after `\b` are examples and become code."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    return [
        "```\n" + "\n".join(line.strip() for line in part.replace("\b", "").strip().splitlines()) + "\n```"
        if "\b" in part
        else escaped(" ".join(part.split()))
        for part in paragraphs
    ]


def escaped(text: str) -> str:
    """Text that Markdown shows as it stands: angle brackets and table bars, code in backticks left alone."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        piece if piece.startswith("`") else html.escape(piece, quote=False).replace("|", "&#124;") for piece in pieces
    )


def rig_names() -> str:
    """Tables of the names that are looked for, and of the makers that are told apart."""
    sys.path.insert(0, str(ROOT))
    try:
        limbs, middle, makers = joint_name_tables()
    finally:
        sys.path.remove(str(ROOT))
    joints = {**middle, **{f"left_ and right_{limb}": names for limb, names in limbs.items()}}
    lines = ["| our joint | names, best first |", "| --- | --- |"]
    lines += [f"| {joint} | {', '.join(f'`{name}`' for name in names)} |" for joint, names in joints.items()]
    lines += ["", "## Makers", "", "| maker | a pattern of its names | at least |", "| --- | --- | --- |"]
    lines += [f"| {maker} | `{pattern}` | {least} names |" for maker, pattern, least in makers]
    return "\n".join(lines)


def joint_name_tables() -> tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, int]]]:
    """The names of limbs and of joints in the middle, and the makers' patterns."""
    tables = importlib.import_module("lead.motion.rigs.joint_names")
    return tables.LIMBS, tables.MIDDLE, [(maker.name, maker.pattern, maker.least) for maker in tables.MAKERS]

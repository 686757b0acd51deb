"""A concept's card: the README that hubs show beside a file, written from what the file itself says.

The front matter is YAML as the Hugging Face Hub reads it; each value is a quoted text or a list of them. Texts of
strangers are escaped for Markdown and HTML: a card shows them and never acts on them.
Knows of base models no more than their names, and draws nothing: the caller names the pictures.
"""

import json
import re
import shlex
from collections.abc import Sequence

from concepts.concept import Concept
from concepts.provenance import is_noncommercial, split_licenses

HUB_LICENSES = {
    "apache-2.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "mit", "odc-by", "pddl", "unlicense",
}  # fmt: skip
"""The hub's identifiers that recordings and bases may have; others are named in the card."""
HUB_ALIASES = {"pddl-1.0": "pddl", "odc-by-1.0": "odc-by", "cc0": "cc0-1.0", "apache-license-2.0": "apache-2.0"}

SCORES = {
    "report.reproduces": "how well it reproduces the clips (0 to 1)",
    "report.travels": "on how many other actions or ways it works (0 to 1)",
    "report.holds": "how much of the other actions' content is left (0 to 1)",
    "report.variety": "variety of its motions, beside the clips' (1 is as much)",
    "report.nearest_cm": "nearest that a motion comes to a clip, pose for pose, cm",
    "loss.start": "loss before learning",
    "loss.best": "loss of the word that was kept",
    "step.best": "step of learning that it is from",
}
"""What `learn` measures, in the order and the words of a card. Other scores follow under their own names."""

STANDS_FOR = {
    "action": "an action: it stands where a verb would, after *does*",
    "style": "a style: it says how something is done",
    "persona": "a persona: somebody's way of moving",
}


def concept_to_card(concept: Concept, file: str, picture: str = "", page: str = "") -> str:
    """The README of a concept whose file is named `file`; `picture` and `page` are files beside it, or empty."""
    sections = [_front_matter(concept, picture), *_head(concept, picture, page), *_usage(concept, file)]
    return "\n\n".join([*sections, *_facts(concept)]) + "\n"


def describe_concept(concept: Concept) -> str:
    """What the card says of the concept, in Markdown, without how its file is used."""
    return "\n\n".join([*_head(concept, "", ""), *_facts(concept)]) + "\n"


def license_to_hub_id(license: str) -> str:
    """The hub's identifier of a license text; "other" where there is none for it, or where it names several."""
    names = split_licenses(license)
    if len(names) != 1:
        return "other"
    identifier = _to_kebab(names[0])
    identifier = HUB_ALIASES.get(identifier, identifier)
    return identifier if identifier in HUB_LICENSES else "other"


def escape_markup(text: str) -> str:
    """Escape a text for Markdown: nothing in it is markup, HTML or a link."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_{}\[\]()#+!|~:@])", lambda match: f"&#{ord(match[1])};", text)
    text = re.sub(r"(?i)\b(www)\.", r"\1&#46;", text)
    return re.sub(r"(?m)^(\s*)([-=]|\d+\.)", lambda match: match[1] + f"&#{ord(match[2][0])};" + match[2][1:], text)


def _front_matter(concept: Concept, picture: str) -> str:
    identifier = license_to_hub_id(concept.license)
    values: dict[str, object] = {"library_name": "lead-invert"}
    if concept.license:
        values["license"] = identifier
        if identifier == "other":
            values["license_name"] = _to_kebab("-and-".join(split_licenses(concept.license))) or "see-card"
    tags = ["text-to-motion", "human-motion", "motion-capture", "textual-inversion", "lead-invert", concept.kind]
    values |= {
        "base_model": concept.base,
        "base_model_relation": "adapter",
        "instance_prompt": concept.probe_prompt,
        "tags": tags,
    }
    if picture:
        values["thumbnail"] = picture
    return "\n".join(["---", *(f"{key}: {_yaml(value)}" for key, value in values.items()), "---"])


def _head(concept: Concept, picture: str, page: str) -> list[str]:
    lines = [f"# {escape_markup(concept.title)}"]
    lines.append(
        f"`{concept.token}` is a word that the text-to-motion model {escape_markup(concept.base)} was taught from "
        f"{_count(len(concept.exemplars), 'recording')}. It stands for {STANDS_FOR[concept.kind]}."
    )
    if concept.description:
        lines.append("\n".join(f"> {escape_markup(line)}" for line in concept.description.split("\n")))
    if picture:
        lines.append(f"![What {concept.token[1:-1]} looks like]({picture})")
    if page:
        lines.append(f"[{page}]({page}) plays it: download it and open it in a browser.")
    return lines


def _usage(concept: Concept, file: str) -> list[str]:
    harmless = re.fullmatch(r"[\w<>,.' -]+", concept.probe_prompt)  # it will be pasted into a shell
    prompt = concept.probe_prompt if harmless else f"a person {concept.token}"
    if not file.isprintable() or "`" in file or file.startswith("-"):  # it would end the block, or be an option
        file = concept.file_name
    name = shlex.quote(file)
    from lead.bases import name_other

    base = name_other(concept.base)
    option, argument = (f" --base {base}", json.dumps(base)) if base else ("", "")
    shell = f'lead-invert verify {name}\nlead-invert generate "{prompt}" --concept {name}{option}'
    python = f"""from concepts import Concept
from lead import Lead

words = Concept.load({json.dumps(file)}).words
motions = Lead.load({argument}).generate(["{prompt}"], words=words)
motions[0].save("out.bvh")"""
    return [
        "## Use",
        "In the folder of the file:",
        f"```\n{shell}\n```",
        f"```python\n{python}\n```",
        "The file is safetensors: it is checked when it is read, and nothing in it is ever run.",
    ]


def _facts(concept: Concept) -> list[str]:
    return [*_training(concept), *_figures(concept), *_licenses(concept), *_limits(concept)]


def _training(concept: Concept) -> list[str]:
    seconds = sum(one.frames / one.fps for one in concept.exemplars)
    sources = ", ".join(dict.fromkeys(escape_markup(one.source) for one in concept.exemplars if one.source))
    rows = [
        ("base model", escape_markup(concept.base)),
        ("its parts", ", ".join(f"{part} `{digest[:12]}`" for part, digest in concept.fingerprints.items())),
        ("recordings", f"{len(concept.exemplars)}, {seconds:.1f} s in all" if concept.exemplars else ""),
        ("their source", sources),
        ("starts from", escape_markup(concept.init)),
        ("prompts", "<br>".join(escape_markup(text) for text in concept.templates[:8])),
        ("objective", f"{escape_markup(concept.objective)}, {concept.steps} steps, seed {concept.seed}"),
        ("motion", f"{escape_markup(concept.skeleton)}, {concept.fps:g} frames a second"),
        ("author", escape_markup(concept.author)),
        ("date", escape_markup(concept.date)),
    ]
    return ["## How it was made", _table(("", ""), [row for row in rows if row[1]])]


def _figures(concept: Concept) -> list[str]:
    order = sorted(concept.scores, key=lambda name: (*SCORES, name).index(name))
    rows = [(SCORES.get(name) or escape_markup(name), f"{concept.scores[name]:.3g}") for name in order]
    if not rows:
        return []
    note = "Measured by the author's program on the base model above, without a human judge."
    return ["## Figures", _table(("measure", "value"), rows), note]


def _licenses(concept: Concept) -> list[str]:
    recordings = [one.license for one in concept.exemplars]
    counts = {text: recordings.count(text) for text in dict.fromkeys(recordings)}
    rows = [("this word", escape_markup(concept.license) or "not stated")]
    rows += [(_count(count, "recording"), escape_markup(text) or "not stated") for text, count in counts.items()]
    lines = ["## License", _table(("what", "license"), rows)]
    if any(is_noncommercial(text) for text in (concept.license, *recordings)):
        lines.append(
            "**Not for commercial use**: the terms above do not allow it, and they hold for motions made with the word."
        )
    if not concept.license or "" in recordings:
        lines.append("Where no license is stated, ask the author before you use or share it.")
    return lines


def _limits(concept: Concept) -> list[str]:
    few = len(concept.exemplars)
    kin = "what they share beside the meaning, such as one body or one pace, may come along"
    limits = [
        f"It means something only to a base model with the same text tower as {escape_markup(concept.base)}.",
        f"It was taught from {_count(few, 'recording')}: {kin}." if few else "Its recordings are not stated.",
        "Motions have 22 joints: no fingers, no face, no objects, one person.",
        "It may carry the style of a person who can be recognized: use it as that person would agree to.",
    ]
    travels = concept.scores.get("report.travels")
    if travels is not None and travels < 0.7:
        limits.append(f"It worked on {travels:.0%} of the other actions or ways that were tried.")
    return ["## Limits", "\n".join(f"- {limit}" for limit in limits)]


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"| {left} | {right} |" for left, right in [head, ("---", "---"), *rows])


def _to_kebab(text: str) -> str:
    """Small letters, digits and dots; a hyphen for anything else."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def _yaml(value: object) -> str:
    """A text or a list of texts as YAML in one line, escaped to ASCII."""
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return '"' + str(value).encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

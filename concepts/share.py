"""Send concept files to a place and fetch them from one: a model hub, or a folder that people share.

`prepare_parcel` gathers what would go, and touches nothing; `push` sends exactly that. `fetch` only copies: a file from
elsewhere is untrusted until it is loaded, which verifies it.

Places on the hub are written as huggingface_hub writes them: `hf://<owner>/<name>`, and `hf://<owner>/<name>/<file>`
for one file. A login is huggingface_hub's own (`hf auth login`, or HF_TOKEN); HF_ENDPOINT names another hub.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concepts.concept import SUFFIX, Concept
from concepts.container import MAX_FILE_BYTES, read_bytes, unpack, write_bytes
from concepts.errors import ConceptError, name_file_in_errors
from concepts.text import clean_text, quote

SCHEME = "hf://"
_NAME = r"[A-Za-z0-9][\w.-]{0,95}"
_PLACE = re.compile(rf"{SCHEME}({_NAME}/{_NAME})(?:/([\w.-]+(?:/[\w.-]+)*))?/?", re.ASCII)


@dataclass(frozen=True)
class HubPlace:
    """A repository of the hub, or one file in it."""

    repo: str
    file: str = ""

    @classmethod
    def parse(cls, text: str) -> "HubPlace":
        """The place that `hf://...` means; ConceptError where it means none."""
        match = _PLACE.fullmatch(text)
        if match is None:
            raise ConceptError(f"{quote(text)} is no place on the hub: write {SCHEME}<owner>/<name>, or a file in it")
        return cls(match[1], match[2] or "")


@dataclass(frozen=True)
class Parcel:
    """What would go to a place, to the byte."""

    target: str
    """`hf://<owner>/<name>`, or the path of the file."""
    files: Mapping[str, bytes]
    """By the names that they will have there."""
    concept: Concept
    metadata: Mapping[str, str]
    """All of the concept file's, those too that a concept does not keep."""


def prepare_parcel(path: str | Path, target: str, beside: Mapping[str, bytes] | None = None) -> Parcel:
    """The concept file, verified, and what goes to the hub beside it; nothing is sent or written."""
    path = Path(path)
    data = _read_named(path)
    with name_file_in_errors(path):
        concept, metadata = Concept.from_bytes(data), unpack(data)[0]
    name = concept.file_name
    if target.startswith(SCHEME):
        if HubPlace.parse(target).file:
            raise ConceptError(f"{quote(target)} names a file: give the repository, the file will be {name} there")
        return Parcel(target, {name: data, **(beside or {})}, concept, metadata)
    return Parcel(str(_choose_target(target, name)), {name: data}, concept, metadata)


def push(parcel: Parcel, public: bool = False, replace: bool = False) -> str:
    """Send a parcel; returns where it is now.

    On the hub each push is a commit, in a private repository unless `public`. A file in a folder is only replaced
    with `replace`.
    """
    if parcel.target.startswith(SCHEME):
        return upload(HubPlace.parse(parcel.target), parcel.files, public)
    target = Path(parcel.target)
    if target.exists() and not replace:
        raise ConceptError(f"{target} is there already: --replace it, or choose another place")
    (data,) = parcel.files.values()
    with name_file_in_errors(target):
        write_bytes(target, data)
    return str(target)


def fetch(source: str, folder: Path) -> list[Path]:
    """Copies of a place's concept files in a folder of ours, not yet verified.

    A place is `hf://...`, a file, or a folder of concept files.
    """
    if source.startswith(SCHEME):
        return download(HubPlace.parse(source), folder)
    if "://" in source:
        raise ConceptError(f"{quote(source)}: expected {SCHEME}<owner>/<name>, a file or a folder; download it first")
    place = Path(source)
    found = sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
    if not found:
        raise ConceptError(f"{place}: no file that ends in {SUFFIX}. Subfolders are not searched.")
    copies = []
    for path in found:
        copies.append(folder / path.name)
        copies[-1].write_bytes(_read_named(path))
    return copies


def upload(place: HubPlace, files: Mapping[str, bytes], public: bool = False) -> str:
    """One commit with the files, by name; makes the repository where there is none. Returns the commit's address.

    A repository that everybody can read is refused unless `public`.
    """
    with _open_hub(place) as api:
        from huggingface_hub import CommitOperationAdd
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            open_to_all = not api.model_info(place.repo).private
        except RepositoryNotFoundError:
            api.create_repo(place.repo, private=not public)
            open_to_all = public
        if open_to_all and not public:
            raise ConceptError(
                f"{SCHEME}{place.repo} is public, everybody can read it: add --public if you mean that, or name another"
            )
        additions = [CommitOperationAdd(name, data) for name, data in files.items()]
        commit = api.create_commit(place.repo, additions, commit_message=f"Add {', '.join(files)}")
    return str(commit.commit_url)


def download(place: HubPlace, folder: Path) -> list[Path]:
    """The place's file, or all of its repository's concept files, put into a folder; sizes are checked before."""
    with _open_hub(place) as api:
        info = api.model_info(place.repo, files_metadata=True)
        sizes = {one.rfilename: one.size or 0 for one in info.siblings or () if one.rfilename.endswith(SUFFIX)}
        if place.file and place.file not in sizes:
            there = ", ".join(sorted(map(clean_text, sizes))[:20]) or "no concept file"
            raise ConceptError(f"{SCHEME}{place.repo} has no {place.file}; it has {there}")
        wanted = [place.file] if place.file else sorted(sizes)
        if not wanted:
            raise ConceptError(f"{SCHEME}{place.repo} has no file that ends in {SUFFIX}: there is no concept in it")
        for name in wanted:
            if sizes[name] > MAX_FILE_BYTES:
                raise ConceptError(
                    f"{SCHEME}{place.repo}: {clean_text(name)} has {sizes[name]} bytes and a concept at most "
                    f"{MAX_FILE_BYTES}: perhaps a whole model; name the file that you want after the repository"
                )
        paths = [api.hf_hub_download(place.repo, name, revision=info.sha, local_dir=folder) for name in wanted]
    return [Path(path) for path in paths]


def _choose_target(target: str, name: str) -> Path:
    """The file that a push to a folder, or to a file in one, writes."""
    if "://" in target:
        raise ConceptError(f"{quote(target)}: expected {SCHEME}<owner>/<name> or a folder")
    place = Path(target)
    if place.is_dir():
        return place / name
    if place.suffix == SUFFIX and place.parent.is_dir():
        return place
    raise ConceptError(
        f"{place}: there is no such folder; make it, check the name, or write {SCHEME}<owner>/<name> for the hub"
    )


def _read_named(path: Path) -> bytes:
    with name_file_in_errors(path):
        return read_bytes(path)


@contextmanager
def _open_hub(place: HubPlace) -> Iterator[Any]:
    """huggingface_hub's API for the block; its failures become ConceptErrors that say what to do."""
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # public, not in __all__
    except ImportError:
        raise ConceptError("the hub needs huggingface_hub: pip install 'lead-invert[hub]'") from None
    # The HTTP library under huggingface_hub changes with its version; all of its errors have this ancestor.
    transport: Any = HfHubHTTPError.__bases__[0]
    disable_progress_bars()  # a concept takes no time
    try:
        yield HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
    except ConceptError:
        raise
    except (transport, OSError, ValueError) as error:
        raise ConceptError(f"{SCHEME}{place.repo}: {_explain(error)}") from None


def _explain(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    found = clean_text(str(error)).split("  ")[0][:300]
    if status in (401, 403):
        return f"the hub refused ({status}): log in with `hf auth login`, or set HF_TOKEN to a token that may do this"
    if status == 404:
        return "the hub has no such repository for you: check the name; for a private one log in with `hf auth login`"
    if status is not None:
        return f"the hub answered {status}: {found}"
    return f"the hub was not reached or did not do it ({found}): check the network and HF_ENDPOINT"

"""Concept files on a model hub, through huggingface_hub: up into a repository, down from one.

Places are written as huggingface_hub writes them: `hf://<owner>/<name>`, and `hf://<owner>/<name>/<file>` for one file.
A login is huggingface_hub's own (`hf auth login`, or HF_TOKEN), and HF_ENDPOINT names another hub. What is in a file
is not looked at here: what was downloaded is untrusted until it is loaded.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from concepts.concept import SUFFIX
from concepts.container import MAX_FILE_BYTES
from concepts.errors import ConceptError
from concepts.text import clean_text, quoted

SCHEME = "hf://"
_NAME = r"[A-Za-z0-9][\w.-]{0,95}"
_PLACE = re.compile(rf"{SCHEME}({_NAME}/{_NAME})(?:/([\w.-]+(?:/[\w.-]+)*))?/?", re.ASCII)


@dataclass(frozen=True)
class HubPlace:
    """A repository of the hub, or one file in it."""

    repo: str
    file: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place that `hf://...` means; ConceptError where it means none."""
        match = _PLACE.fullmatch(text)
        if match is None:
            raise ConceptError(f"{quoted(text)} is no place on the hub: write {SCHEME}<owner>/<name>, or a file in it")
        return cls(match[1], match[2] or "")


def upload(place: HubPlace, files: Mapping[str, bytes], public: bool = False) -> str:
    """One commit with the files, by name; makes the repository where there is none. Returns the commit's address.

    A repository that everybody can read is refused unless `public`.
    """
    with _asked(place) as api:
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
    with _asked(place) as api:
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


@contextmanager
def _asked(place: HubPlace) -> Iterator[Any]:
    """huggingface_hub's API while the block runs; its failures become ConceptErrors that say what to do."""
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import disable_progress_bars
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
        raise ConceptError(f"{SCHEME}{place.repo}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    told = clean_text(str(error)).split("  ")[0][:300]
    if status in (401, 403):
        return f"the hub refused ({status}): log in with `hf auth login`, or set HF_TOKEN to a token that may do this"
    if status == 404:
        return "the hub has no such repository for you: check the name; for a private one log in with `hf auth login`"
    if status is not None:
        return f"the hub answered {status}: {told}"
    return f"the hub was not reached or did not do it ({told}): check the network and HF_ENDPOINT"

"""A model hub: its places, and files of its repositories fetched and sent. Knows neither bases nor concepts.

Places are written as huggingface_hub writes them: `hf://<owner>/<name>`, `hf://<owner>/<name>@<revision>`, and each
with `/<file>` for one file. A login is huggingface_hub's own (`hf auth login`, or HF_TOKEN); HF_ENDPOINT names another
hub; with HF_HUB_OFFLINE=1 nothing is asked of a network, and what is in huggingface_hub's cache is used.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

SCHEME = "hf://"
SUFFIX = ".safetensors"
PLAIN_NAME = f"model{SUFFIX}"
"""The file's name where a repository or folder is one model."""
_NAME, _REVISION, _FILE = r"[A-Za-z0-9][\w.-]{0,95}", r"[A-Za-z0-9][\w.-]*", r"[\w-][\w.-]*"
_PLACE = re.compile(rf"{SCHEME}({_NAME}/{_NAME})(?:@({_REVISION}))?(?:/({_FILE}(?:/{_FILE})*))?/?", re.ASCII)
_SAFE_FILE = re.compile(r"[^./\\][^/\\]*(?:/[^./\\][^/\\]*)*")


class HubOptions(TypedDict, total=False):
    """What may be said of a repository beside its name, as huggingface_hub has it."""

    filename: str | None
    """Which of its files."""
    revision: str | None
    """A branch, a tag or a commit; a whole commit always is the same bytes."""
    token: str | bool | None
    """A login other than that of `hf auth login` and HF_TOKEN; False for none."""
    cache_dir: str | Path | None
    local_files_only: bool
    """Use what is in the cache, and ask nothing of a network."""


class HubError(ValueError):
    """A hub, a place on it or its answer that cannot be used. The message says what was found and what to do."""


@dataclass(frozen=True)
class HubPlace:
    """A repository of the hub, or one file in it, at a revision."""

    repo: str
    file: str = ""
    revision: str = ""
    """A branch, a tag or a commit; empty for the newest state of the main branch."""

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"{SCHEME}{self.repo}{at}{'/' if self.file else ''}{self.file}"

    @classmethod
    def parse(cls, text: str) -> "HubPlace":
        """The place that `hf://...` means; HubError where it means none."""
        match = _PLACE.fullmatch(text)
        if match is None:
            raise HubError(
                f"{_clean(text)!r} is no place on the hub: write {SCHEME}<owner>/<name>, "
                f"{SCHEME}<owner>/<name>@<revision>, or a file in it"
            )
        return cls(match[1], match[3] or "", match[2] or "")


def find_pretrained(name_or_path: str | Path, most_bytes: int, **options: Unpack[HubOptions]) -> Path:
    """The file of a model: of a local file or folder, or of a repository on the hub, through huggingface_hub's cache.

    A repository is given as `<owner>/<name>` or as `hf://...`. Without `filename` it is the only safetensors file, or
    `model.safetensors` among several. HubError where there is none, or where it has more than `most_bytes`.
    """
    path, text = Path(name_or_path), str(name_or_path)
    if path.is_file():
        return path
    if path.is_dir():
        sizes = {file.name: file.stat().st_size for file in path.glob(f"*{SUFFIX}")}
        return path / _choose(sizes, options.get("filename") or "", str(path), most_bytes)
    place = _to_place(text, options.get("filename"), options.get("revision"))
    found = download(
        place,
        most_bytes,
        one=True,
        token=options.get("token"),
        cache_dir=options.get("cache_dir"),
        local_files_only=options.get("local_files_only", False),
    )
    return found[0]


def download(
    place: HubPlace,
    most_bytes: int,
    *,
    one: bool = False,
    folder: Path | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
) -> list[Path]:
    """The place's file, or all safetensors files of its repository; with `one` the one that `find_pretrained` means.

    They are put into `folder`, or into huggingface_hub's cache. Names and sizes are checked before anything is fetched,
    sizes afterwards too.
    """
    with _open_hub(place, token) as api:
        if local_files_only or _is_offline():
            at = {"revision": place.revision or None, "cache_dir": cache_dir}
            snapshot = Path(api.snapshot_download(place.repo, local_files_only=True, **at))
            sizes = {_relative(path, snapshot): path.stat().st_size for path in snapshot.rglob(f"*{SUFFIX}")}
            return [snapshot / name for name in _list_wanted(place, sizes, most_bytes, one)]
        info = api.model_info(place.repo, revision=place.revision or None, files_metadata=True)
        sizes = {each.rfilename: each.size or 0 for each in info.siblings or () if each.rfilename.endswith(SUFFIX)}
        paths = []
        for name in _list_wanted(place, sizes, most_bytes, one):
            if folder:
                where = {"revision": info.sha, "local_dir": folder}
            else:  # a copy is found again by the name of its revision
                where = {"revision": place.revision or None, "cache_dir": cache_dir}
            paths.append(Path(api.hf_hub_download(place.repo, name, **where)))
            try:
                _check_size(paths[-1].stat().st_size, name, str(place), most_bytes, told=sizes[name])
            except HubError:  # nobody shall take it for a copy
                paths[-1].resolve().unlink()
                paths[-1].unlink(missing_ok=True)
                raise
    return paths


def upload(
    place: HubPlace,
    files: Mapping[str, bytes],
    public: bool = False,
    *,
    message: str = "",
    token: str | bool | None = None,
) -> str:
    """One commit with the files, by name; makes the repository where there is none. Returns the commit's address.

    A repository that everybody can read is refused unless `public`.
    """
    if place.file or place.revision:
        raise HubError(f"{place} is more than a repository: files are sent to {SCHEME}{place.repo}")
    with _open_hub(place, token) as api:
        from huggingface_hub import CommitOperationAdd
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            open_to_all = not api.model_info(place.repo).private
        except RepositoryNotFoundError:
            api.create_repo(place.repo, private=not public)
            open_to_all = public
        if open_to_all and not public:
            raise HubError(
                f"{place} is public, everybody can read it: add --public (in Python private=False) if you mean that, "
                "or name another"
            )
        additions = [CommitOperationAdd(name, data) for name, data in files.items()]
        commit = api.create_commit(place.repo, additions, commit_message=message or f"Add {', '.join(files)}")
    return str(commit.commit_url)


def _to_place(text: str, filename: str | None, revision: str | None) -> HubPlace:
    """The place on the hub that a name means where no local file has it."""
    if text.endswith(SUFFIX) and not text.startswith(SCHEME):
        raise HubError(f"{text}: there is no such file; check the name and the folder")
    full = text if text.startswith(SCHEME) else SCHEME + text
    match = _PLACE.fullmatch(full)
    if full != text and (match is None or match[3]):
        raise HubError(
            f"{_clean(text)}: there is no such file or folder, and it is no place on the hub, which is written "
            f"<owner>/<name> or {SCHEME}<owner>/<name>"
        )
    place = HubPlace.parse(full)
    for said, given in ((place.file, filename), (place.revision, revision)):
        if said and given and said != given:
            raise HubError(f"{place} says {said!r}, and {given!r} is asked for beside it: leave one out")
    return HubPlace(place.repo, place.file or filename or "", place.revision or revision or "")


def _list_wanted(place: HubPlace, sizes: Mapping[str, int], most_bytes: int, one: bool) -> list[str]:
    """The files to take, all of names and sizes that we take."""
    if place.file or one:
        return [_choose(sizes, place.file, str(place), most_bytes)]
    return [_choose(sizes, name, str(place), most_bytes) for name in sorted(sizes) or [""]]


def _choose(sizes: Mapping[str, int], file: str, where: str, most_bytes: int) -> str:
    """`file`, else the only one, else the one with the plain name; HubError where it is none of these, or too large."""
    there = ", ".join(sorted(map(_clean, sizes))[:20])
    if not sizes:
        raise HubError(f"{where} has no file that ends in {SUFFIX}: there is no concept or base in it")
    if not file:
        file = next(iter(sizes)) if len(sizes) == 1 else PLAIN_NAME
        if file not in sizes:
            raise HubError(f"{where} has several files, {there}: name one of them")
    if file not in sizes:
        raise HubError(f"{where} has no {file}; it has {there}")
    if not _SAFE_FILE.fullmatch(file) or file != _clean(file):
        raise HubError(
            f"{where} has a file named {_clean(file)!r}, which could land outside of its folder: do not use it"
        )
    _check_size(sizes[file], file, where, most_bytes)
    return file


def _check_size(found: int, name: str, where: str, most_bytes: int, told: int = 0) -> None:
    """HubError for a file of more bytes than are taken, or of others than the hub told."""
    if found > most_bytes:
        raise HubError(
            f"{where}: {_clean(name)} has {found} bytes, and at most {most_bytes} are taken: perhaps another kind of "
            "model; name the file that you want after the repository"
        )
    if told and found != told:
        raise HubError(f"{where}: {_clean(name)} came with {found} bytes of {told}: get it again")


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _clean(text: str) -> str:
    """A text of strangers in one line, without what acts on a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:300]


@contextmanager
def _open_hub(place: HubPlace, token: str | bool | None) -> Iterator[Any]:
    """huggingface_hub's API for the block; its failures become HubErrors that say what to do."""
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # public, not in __all__
    except ImportError:
        raise HubError("the hub needs huggingface_hub: pip install 'lead-invert[hub]'") from None
    # The HTTP library under huggingface_hub changes with its version; all of its errors have this ancestor.
    transport: Any = HfHubHTTPError.__bases__[0]
    disable_progress_bars()
    try:
        yield HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
    except HubError:
        raise
    except (transport, OSError, ValueError) as error:
        raise HubError(f"{place}: {_explain(error)}") from None


def _explain(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    found = _clean(str(error)).split("  ")[0]
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "RevisionNotFoundError" in kinds:
        return "the repository has no such revision: name a branch, a tag or a whole commit"
    if status in (401, 403):
        return f"the hub refused ({status}): log in with `hf auth login`, or set HF_TOKEN to a token that may do this"
    if status == 404:
        return "the hub has no such repository for you: check the name; for a private one log in with `hf auth login`"
    if status is not None:
        return f"the hub answered {status}: {found}"
    if "LocalEntryNotFoundError" in kinds:
        return "no copy is on this machine: get it once with a network, without HF_HUB_OFFLINE and local_files_only"
    return f"the hub was not reached or did not do it ({found}): check the network and HF_ENDPOINT"

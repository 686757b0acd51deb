"""The tab Clips: files come, are read, looked at, trimmed and captioned; a bad one costs no other."""

import json
from pathlib import Path

import numpy as np
import pytest
from nicegui import ui
from nicegui.elements.upload_files import SmallFileUpload
from nicegui.testing import User
from studio_user import open_tab, wait_until

from cli.errors import UsageError
from cli.studio.clips.clip_list import ClipList, StudioClip
from cli.studio.clips.clip_work import add_paths, find_room, look_again, state_reading, take_file, take_place
from cli.studio.clips.reading import ReadFile, read_file
from cli.studio.plain_words import find_other_kind, plain_hint
from cli.studio.worker import Job
from cli.studio.workshop import Workshop
from lead import Motion
from lead.motion.read_options import ReadOptions


def has_looked(clips: ClipList) -> bool:
    assert clips.job is None or clips.job.state != "failed", clips.job.error
    return clips.looked is not None


async def settle(clips: ClipList) -> None:
    """Wait until all clips are read and looked at."""
    await wait_until(lambda: bool(clips.clips) and not clips.is_reading and has_looked(clips), 120.0)


def test_files_that_are_sent_are_looked_at_and_bad_ones_say_why(use, workshop: Workshop, clips: Path) -> None:
    async def script(user: User) -> None:
        await open_tab(user, "Clips")
        await user.should_see("1 to 30 clips")
        with user:
            upload = next(iter(user.find(kind=ui.upload, marker="clips").elements))
        files = [(path.name, path.read_bytes()) for path in sorted(clips.iterdir(), reverse=True)]
        files += [("broken.bvh", b"HIERARCHY\nROOT"), ("../../evil.npy", b"\x93NUMPY\x01\x00"), ("deep.npz", b"")]
        for name, data in files:
            await upload.handle_uploads([SmallFileUpload(name, "", data)])
        found = workshop.desks[0].of(ClipList)
        await wait_until(lambda: len(found.clips) == 5)
        await settle(found)
        assert [clip.name for clip in found.clips] == ["broken.bvh", "deep.npz", "evil.npy", "take-0.bvh", "take-1.bvh"]
        assert [bool(clip.problem) for clip in found.clips] == [True, True, True, False, False]
        assert all(clip.path.is_relative_to(workshop.folder) for clip in found.clips)
        assert not any(str(workshop.folder) in clip.problem for clip in found.clips)
        assert found.looked and len(found.looked.check_usable().clips) == 2
        await user.should_see("3 cannot be used")
        await user.should_see("expected", retries=10)

    use(script)


def test_a_folder_of_this_machine_is_read_with_its_captions(use, workshop: Workshop, clips: Path) -> None:
    rows = [{"clip": name, "captions": ["a person limps"]} for name in ("take-1.bvh", "gone.bvh")]
    (clips / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (clips / "notes.pdf").write_text("take 2")
    told: list[str] = []

    async def script(user: User) -> None:
        found = ClipList()
        take_place(workshop, found, clips, told.append)
        await settle(found)
        assert [clip.caption for clip in found.clips] == ["", "a person limps"]
        assert "notes.pdf" in told[0]
        assert "1 row for files that are not there (gone.bvh)" in told[1] and len(told) == 2
        assert found.looked
        if not found.looked.uncaptioned:
            assert found.looked.check_usable().captioned
        else:
            with pytest.raises(UsageError, match="say what take-0"):
                found.looked.check_usable()
        take_place(workshop, found, clips / "nothing", told.append)
        await wait_until(lambda: found.job is not None and found.job.state == "failed")
        assert found.job and "does not exist" in found.job.error

    use(script)


def test_captions_may_come_after_the_clips(use, workshop: Workshop, walk: Motion, tmp_path: Path) -> None:
    async def script(user: User) -> None:
        found = ClipList()

        def send(name: str, data: bytes) -> Job | None:
            path = find_room(workshop, found, name)
            path.write_bytes(data)
            take_file(workshop, found, path)
            return found.job

        send("a.bvh", walk.save(tmp_path / "a.bvh").read_bytes())
        send("a.txt", b"a person sneaks")
        await wait_until(lambda: found.clips[0].caption == "a person sneaks")
        assert found.unused == []
        send("notes.txt", b"a person sneaks")
        assert [file.name for file in found.unused] == ["notes.txt"], "it is no clip's, and the page says so"
        broken = send("captions.jsonl", b"{")
        await wait_until(lambda: broken is not None and broken.state == "failed")
        assert broken and broken.error.startswith("captions.jsonl, line 1: expected")
        assert not (found.folders[0] / "captions.jsonl").exists(), "it would spoil the captions of what comes later"
        found.remove(found.clips[0])
        assert sorted(path.name for path in found.folders[0].iterdir()) == ["notes.txt"]

    use(script)


def test_a_buffer_without_its_gltf_is_told(use, workshop: Workshop) -> None:
    async def script(user: User) -> None:
        await open_tab(user, "Clips")
        found = workshop.desks[0].of(ClipList)

        def send(name: str) -> None:
            path = find_room(workshop, found, name)
            path.write_bytes(b"{}")
            take_file(workshop, found, path)

        send("walk.bin")
        await user.should_see("not used: walk.bin")
        await user.should_see("a .bin is read with its .gltf")
        send("walk.gltf")
        await user.should_not_see("not used: walk.bin")
        found.remove(found.clips[0])
        assert not found.beside and not list(found.folders[0].iterdir()), "a buffer goes with its .gltf"

    use(script)


def test_a_trim_is_what_is_learned(use, workshop: Workshop, clips: Path) -> None:
    async def script(user: User) -> None:
        await open_tab(user, "Clips")
        await user.should_see("1 to 30 clips")
        found = workshop.desks[0].of(ClipList)
        add_paths(workshop, found, sorted(clips.iterdir()))
        await settle(found)
        clip = found.chosen
        assert clip and clip.motion is not None and clip.row and found.looked
        whole = clip.row.check.frames
        with user:
            thumbs = next(iter(user.find(kind=ui.range).elements))
        assert thumbs.max == whole - 1
        clip.span = (0.5, 2.0)
        look_again(workshop, found)
        assert found.looked is None
        await settle(found)
        assert clip.part is not None and np.array_equal(clip.part.joints, clip.motion.trim(0.5, 2.0).joints)
        assert clip.row.check.frames == len(clip.part.joints) < whole
        assert [len(one.joints) for one in found.looked.check_usable().clips] == [len(clip.part.joints), whole]
        clip.span = (0.5, 0.7)
        look_again(workshop, found)
        await settle(found)
        assert "too short" in clip.problem and found.looked.check_usable().clips[0].name == "take-1"

    use(script)


def test_what_is_stated_of_a_file_counts(use, workshop: Workshop, walk: Motion, tmp_path: Path) -> None:
    path = tmp_path / "walk.npy"
    np.save(path, walk.joints)

    async def script(user: User) -> None:
        found = ClipList()
        add_paths(workshop, found, [path])
        await settle(found)
        clip = found.clips[0]
        state_reading(workshop, found, clip, ReadOptions(fps=60.0, unit="m"))
        await settle(found)
        assert clip.motion is not None and clip.motion.fps == 60.0
        found.remove(clip)
        assert path.exists(), "a file of this machine stays"
        assert found.chosen is None

    use(script)


def test_names_that_are_sent_twice_stay_apart(workshop: Workshop) -> None:
    clips = ClipList()
    rooms = [find_room(workshop, clips, name) for name in ("a.gltf", "a.bin", "a.gltf", "a.bin")]
    assert [room.parent for room in rooms] == [rooms[0].parent] * 2 + [rooms[2].parent] * 2
    assert len(set(rooms)) == 4


def test_too_many_clips_are_refused(tmp_path: Path) -> None:
    clips = ClipList()
    with pytest.raises(UsageError, match="at most 300"):
        clips.add([StudioClip(tmp_path / f"{number}.bvh") for number in range(301)])
    assert not clips.clips


def test_clips_stand_in_the_order_of_their_names(tmp_path: Path) -> None:
    clips = ClipList()
    for name in ("b.glb", "c.bvh", "a.bvh"):
        clips.add([StudioClip(tmp_path / name)])
    clips.add([StudioClip(tmp_path / "b.glb", ReadOptions(animation=n)) for n in (10, 2)])
    assert [clip.name for clip in clips.clips] == ["a.bvh", "b.glb", "b.glb [2]", "b.glb [10]", "c.bvh"]


def test_a_file_that_cannot_be_read_gives_the_librarys_message(tmp_path: Path) -> None:
    path = tmp_path / "a.bvh"
    path.write_text("HIERARCHY\nROOT hips\n{")
    read = read_file(path, ReadOptions())
    assert read.motion is None and read.error and str(tmp_path) not in read.error
    assert isinstance(read_file(tmp_path / "none.bvh", ReadOptions()), ReadFile)


def test_the_first_clip_that_can_be_used_plays_until_one_is_picked() -> None:
    clips = ClipList()
    bad, good, other = (StudioClip(Path(f"{name}.bvh"), read=ReadFile(error=error)) for name, error in (
        ("a", "cut off"), ("b", ""), ("c", "")
    ))  # fmt: skip
    clips.add([bad])
    assert clips.chosen is bad
    clips.add([other])
    clips.add([good])
    assert clips.chosen is good
    clips.chosen, clips.is_picked = bad, True
    clips.forget_look()
    assert clips.chosen is bad
    for clip in (bad, good, other):
        clips.remove(clip)
    assert clips.chosen is None
    clips.add([good])
    assert clips.chosen is good


def test_hints_name_no_options() -> None:
    ask = "write what they show with --captions (--draft-captions makes a file to correct)"
    hint = f"did you mean --kind action? If they show a known action in a style, {ask}"
    assert "--" not in plain_hint(hint) + plain_hint("choose another name, or --replace it")
    assert plain_hint("a longer search (--quality best)") == "a longer search (quality best)"
    assert find_other_kind(("a copy adds nothing", hint)) == "action"
    assert find_other_kind(("a copy adds nothing",)) is None

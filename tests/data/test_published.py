"""Published recordings, in small folders of their downloads' layouts, become data sets with one command."""

import json
from pathlib import Path

import numpy as np
import pytest
from walks import synthesize_walk

from lead.data.dataset import check_data
from lead.data.layout import read_split, read_whole_captions
from lead.data.prepare import prepare_data
from lead.errors import LeadError


def label(text: str, *span: float) -> dict:
    return {"raw_label": text, "proc_label": text, "act_cat": ["walk"]} | dict(
        zip(("start_t", "end_t"), span, strict=False)
    )


def write_babel(folder: Path, **files: dict) -> Path:
    folder.mkdir()
    for name, content in ({"train": {}, "val": {}} | files).items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def captions_of(data: Path) -> dict[str, tuple[str, ...]]:
    return {path.stem: read_whole_captions(data, path.stem) for path in (data / "texts").iterdir()}


def test_babels_labels_for_amass(tmp_path: Path) -> None:
    amass = tmp_path / "AMASS"
    for name in (
        "KIT/3/kick_poses.npz",
        "KIT/4/stand_poses.npz",
        "BMLrub/rub001/walk_stageii.npz",
        "ACCAD/a/b_poses.npz",
    ):
        (amass / name).parent.mkdir(parents=True, exist_ok=True)
        synthesize_walk(5.0).save_amass(amass / name)
    whole = {"labels": [label("stand"), label("stand still")]}
    parts = {
        "labels": [label("walk", 0, 2.5), label("transition", 2.5, 3), label("kick", 3, 4.5), label("hop", 4.5, 5)]
    }
    first, second = ({"labels": [label(text, 1, 3)]} for text in ("strolls", "walk slowly"))
    babel = write_babel(
        tmp_path / "babel",
        train={
            "1": {"feat_p": "KIT/KIT/3/kick_poses.npz", "seq_ann": whole, "frame_ann": parts},
            "2": {"feat_p": "KIT/KIT/4/stand_poses.npz", "seq_ann": whole, "frame_ann": None},
            "3": {"feat_p": "CMU/CMU/5/gone_poses.npz", "seq_ann": whole, "frame_ann": None},
            "4": {"feat_p": "../outside_poses.npz", "seq_ann": whole, "frame_ann": None},
        },
        extra_train={"5": {"feat_p": "BioMotionLab_NTroje/BioMotionLab_NTroje/rub001/walk_poses.npz",
                           "seq_anns": [whole], "frame_anns": [first, second]}},
        val={"6": {"feat_p": "ACCAD/ACCAD/a/b_poses.npz", "seq_ann": whole, "frame_ann": None}},
    )  # fmt: skip
    data = tmp_path / "data"
    counts = prepare_data(amass, data, babel=babel)
    assert counts["not there"] == 2 and counts["train"] + counts["val"] == 4 and counts["test"] == 1
    assert captions_of(data) == {
        "KIT_3_kick_poses_0-2.5s": ("walk",),
        "KIT_3_kick_poses_3-4.5s": ("kick",),
        "KIT_4_stand_poses": ("stand", "stand still"),
        "BMLrub_rub001_walk_stageii_1-3s": ("strolls", "walk slowly"),
        "ACCAD_a_b_poses": ("stand", "stand still"),
    }
    assert read_split(data / "test.txt") == ["ACCAD_a_b_poses"]
    assert len(np.load(data / "new_joint_vecs" / "KIT_3_kick_poses_3-4.5s.npy")) == 30
    assert check_data(data)[0] == "lead"


def test_babel_without_its_recordings(tmp_path: Path) -> None:
    (tmp_path / "AMASS").mkdir()
    babel = write_babel(tmp_path / "babel", train={"1": {"feat_p": "KIT/KIT/3/kick_poses.npz"}})
    with pytest.raises(LeadError, match=r"has none of the recordings that .*babel names"):
        prepare_data(tmp_path / "AMASS", tmp_path / "data", babel=babel)
    (babel / "val.json").write_text("[1]")
    with pytest.raises(LeadError, match=r"val\.json: expected an object of recordings"):
        prepare_data(tmp_path / "AMASS", tmp_path / "data", babel=babel)
    (babel / "val.json").unlink()
    with pytest.raises(LeadError, match=r"val\.json is missing: give the folder of BABEL's release"):
        prepare_data(tmp_path / "AMASS", tmp_path / "data", babel=babel)
    assert not (tmp_path / "data").exists()


def test_100style_by_its_names_and_cuts(tmp_path: Path) -> None:
    folder = tmp_path / "100STYLE"
    for name in ("Neutral/Neutral_FW", "ArmsBehindBack/ArmsBehindBack_ID"):
        (folder / name).parent.mkdir(parents=True)
        synthesize_walk(20.0).save(folder / f"{name}.bvh")
    rows = ["STYLE_NAME,FW_START,FW_STOP,ID_START,ID_STOP", "Neutral,60,1080,N/A,N/A", "ArmsBehindBack,0,600,120,420"]
    (folder / "Frame_Cuts.csv").write_text("\n".join(rows))
    data = tmp_path / "data"
    counts = prepare_data(folder, data)
    assert counts["not there"] == 1  # ArmsBehindBack_FW
    stands = ("a person stands in arms behind back style",)
    assert captions_of(data) == {
        "Neutral_Neutral_FW_1-6.67s": ("a person walks forward",),
        "Neutral_Neutral_FW_6.67-12.33s": ("a person walks forward",),
        "Neutral_Neutral_FW_12.33-18s": ("a person walks forward",),
        "ArmsBehindBack_ArmsBehindBack_ID_2-7s": stands,
    }
    of_neutral = [read_split(path) for path in data.glob("*.txt") if "Neutral" in path.read_text()]
    assert len(of_neutral) == 1  # pieces of one recording are in one split
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "Frame_Cuts.csv").write_text("\n".join(rows))
    with pytest.raises(LeadError, match="and none of its recordings"):
        prepare_data(empty, tmp_path / "other")

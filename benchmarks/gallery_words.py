"""The words of the starter gallery: what each means, and the free clips that it is learned from.

Clips are of the development pack (`benchmarks.pack`), of sources whose terms allow all uses. Styles are the project's
own: procedural styles (`lead.motion.processing.style_augment`) on walks, a jog and a wave, and the zombie march of
`examples/make_concept.py`. Knows nothing of models.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.pack import pack_rows, read_joints
from concepts.kinds import Kind
from concepts.provenance import Credits
from examples.make_concept import TAKES, zombie_march
from lead import LeadError, Motion
from lead.motion.processing.style_augment import StyleParams, apply_style
from lead.motion.skeleton import FPS

AUTHOR = "the lead-invert project"
CC0 = "CC0 1.0"
CMU = Credits("free for all uses (CMU)", "CMU Graphics Lab Motion Capture Database, mocap.cs.cmu.edu")
SOURCES = {
    "hk_k": Credits(CC0, "KayKit Character Pack: Adventurers, Kay Lousberg"),
    "hk_n": Credits(CC0, "KayKit Character Animations, Kay Lousberg"),
    "hk_m": Credits(CC0, "Mesh2Motion"),
    "hk_u": Credits(CC0, "Universal Animation Library, Quaternius"),
    "hk_q": Credits(CC0, "Animated Men and Animated Robot, Quaternius"),
    "dm": Credits("MIT", "DeepMimic, Xue Bin Peng"),
    "ad": Credits("MIT", "AnimatedDrawings, Meta Platforms"),
    "cmu": CMU,
}
"""License and source of clips, by the start of their names."""
WALKS = ("cmu_07_01", "hk_u_walk", "dm_walk", "cmu_12_03", "cmu_07_05", "hk_u_jog", "hk_n_wave")
"""What a procedural style is learned on."""
OTHER_WALKS = ("cmu_02_01", "cmu_07_06", "cmu_12_01", "cmu_08_04")
"""What it is judged on."""
OTHER_SPEED = 1.15
"""An action that has no clips to spare is judged on its own clips, faster by this."""


NO_STYLE = StyleParams()


@dataclass(frozen=True)
class Word:
    """A word of the gallery."""

    name: str
    kind: Kind
    title: str
    """What it means, in a line."""
    clips: tuple[str, ...] = WALKS
    """Names of the pack's clips; none for the zombie march, which the project makes."""
    style: StyleParams = NO_STYLE
    """What is done to the clips."""

    @property
    def token(self) -> str:
        return f"<{self.name}>"

    @property
    def prompts(self) -> tuple[str, ...]:
        """What the page shows: of a style two actions, of which one was not in its clips."""
        if self.kind == "action":
            return (f"a person does {self.token}",)
        return (f"a person walks in {self.token} style", f"a person raises both hands in {self.token} style")


@dataclass(frozen=True)
class Clip:
    """A clip to learn from, its caption and whose it is; without a caption its action is recognized."""

    motion: Motion
    caption: str
    credits: Credits


WORDS = (
    Word("sneaky", "style", "Sneaky: hunched, on bent knees, hands up",
         style=StyleParams(lean=0.5, crouch=0.28, head=-0.35, elbows=1.3, step=0.85, tempo=0.75, arm_gain=0.4)),
    Word("robotic", "style", "Like a robot: stiff, with raised forearms",
         style=StyleParams(arm_gain=0.0, torso_gain=0.0, elbows=1.5, lean=-0.08, tempo=0.8, step=0.8)),
    Word("weary", "style", "Tired to the bone: bent, head down, slow",
         style=StyleParams(tempo=0.65, lean=0.32, head=0.5, crouch=0.08, step=0.75, arm_gain=0.6, sway=0.12,
                           smooth=3.0)),
    Word("swagger", "style", "Strutting: leans back and sways from side to side",
         style=StyleParams(tempo=0.85, lean=-0.18, sway=0.28, arms_out=0.3, arm_gain=1.9, stance=0.08, crouch=0.03,
                           head=-0.15)),
    Word("apelike", "style", "Like an ape: low and wide, arms hanging out",
         style=StyleParams(lean=0.85, head=-0.6, arms_forward=0.5, crouch=0.3, stance=0.14, arms_out=0.45, sway=0.3,
                           arm_gain=1.3)),
    Word("frightened", "style", "Frightened: trembles, hands at the chest, small steps",
         style=StyleParams(tremor=0.13, elbows=1.7, arms_forward=0.35, head=0.25, step=0.6, crouch=0.12, lean=0.2,
                           arm_gain=0.2)),
    Word("strongman", "style", "Broad and heavy, arms held away from the body",
         style=StyleParams(arms_out=0.75, elbows=0.5, stance=0.12, crouch=0.04, lean=-0.12, sway=0.18, arm_gain=0.5,
                           head=-0.1)),
    Word("sleepwalker", "style", "In sleep: slow, arms stretched ahead",
         style=StyleParams(arms_forward=1.45, tempo=0.6, arm_gain=0.1, head=0.15, lean=-0.12, torso_gain=0.2,
                           step=0.7)),
    Word("bouncy", "style", "Springy: bounces and swings the arms",
         style=StyleParams(bounce=0.055, arm_gain=2.3, head=-0.25, tempo=1.2, elbows=0.6, lean=-0.05)),
    Word("hunchback", "style", "Crooked: bent to one side, one shoulder low",
         style=StyleParams(lean=0.6, asymmetry=0.7, side=0.35, crouch=0.15, head=-0.4, step=0.6, tempo=0.8)),
    Word("zombie", "style", "A zombie march: arms ahead, one foot dragged", clips=()),
    Word("whirl", "action", "Whirls around and around, arms swinging",
         clips=("cmu_55_01_0", "cmu_55_01_1", "dm_dance_spin")),
    Word("kick-dance", "action", "Dances and kicks the legs up high in turn", clips=("ad_dance_0", "ad_dance_1")),
    Word("cast-spell", "action", "Thrusts a hand forward as if casting magic",
         clips=("hk_k_cast_long", "hk_k_cast_shoot", "hk_u_spell")),
    Word("death-fall", "action", "Staggers, drops to the knees and falls on the face",
         clips=("hk_k_death_front", "hk_q_death")),
)  # fmt: skip


def read_clips(word: Word) -> list[Clip]:
    """The clips that a word is learned from."""
    if not word.clips:
        credits = Credits(CC0, "examples/make_concept.py")
        motions = [zombie_march(take) for take in TAKES]
        return [Clip(motion, "a person walks forward", credits) for motion in motions]
    return _read(word, word.clips, word.style)


def read_other_clips(word: Word) -> list[Clip]:
    """Clips of the same meaning that the word is not learned from."""
    if not word.clips:
        return [Clip(one.motion.mirror(), one.caption, one.credits) for one in read_clips(word)]
    if word.kind == "style":
        return _read(word, OTHER_WALKS, word.style)
    return _read(word, word.clips, StyleParams(tempo=OTHER_SPEED))


def _read(word: Word, names: tuple[str, ...], style: StyleParams) -> list[Clip]:
    """Clips of the pack in a style; each is trembling and swaying in its own way."""
    captions = {row["id"]: row["captions"][0] for row in pack_rows()}
    clips = []
    for seed, name in enumerate(names):
        joints = read_joints(name)
        joints = joints if style == NO_STYLE else apply_style(joints, style, seed).astype(np.float32)
        caption = captions[name] if word.kind == "style" else ""
        clips.append(Clip(Motion(joints, FPS, name=name), caption, _find_credits(name)))
    return clips


def _find_credits(name: str) -> Credits:
    found = [credits for start, credits in SOURCES.items() if name.startswith(f"{start}_")]
    if not found:
        raise LeadError(f"{name}: found no license for it, expected a name that starts as one of {', '.join(SOURCES)}")
    return found[0]

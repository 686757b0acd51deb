"""`EncodedClips`: what clips are to a base, computed once and handed on.

`encode_clips` resamples clips to the base's rate, cuts long ones into pieces that the base can read, computes features,
encodes the pieces (E_vae, E_proj) and names the action of each: from its caption, or as `inversion.recognition` takes
it. `assess`, `learn`, `report`, `evaluate` and `describe` take the result.
Knows nothing of concepts. Latents are scaled; lengths count frames at the base's rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from inversion.errors import InversionError
from inversion.recognition import Recognition, recognize
from inversion.similarity import Features
from inversion.templates import caption_to_action
from lead import Lead
from lead.data.dataset import MAX_FRAMES, MIN_FRAMES
from lead.motion import Motion
from lead.motion.skeleton import HUMANML3D

MUCH_ALIKE = 0.8
"""Cosine of two pieces in the realigned space. Walks of one style have .81 and more, a walk and a turn of that style at
most .66, both hands' waves .53 to .74; what is more alike than this is nearly the same motion, if not the same action
(one hand raised or waved: .96; a slow run and a walk: .85)."""


@dataclass(frozen=True, eq=False)
class EncodedClips:
    """Clips and their pieces. Fields of pieces have one entry a piece."""

    clips: tuple[Motion, ...]
    """As they were given."""
    clip_features: tuple[Features, ...]
    """HumanML3D's features of each clip as a whole, at 20 fps; without rows for a clip that is too short."""
    captioned: bool
    """Whether captions said what the clips show."""
    pieces: tuple[Motion, ...]
    """At the base's rate; at most MAX_FRAMES + 1 frames each."""
    owners: tuple[int, ...]
    """The piece's clip, as its place in `clips`. A clip that is too short for the base has no piece."""
    base_features: tuple[Float[np.ndarray, "_ feats"], ...]
    """Of the base's skeleton, at its rate."""
    features: tuple[Features, ...]
    """HumanML3D's, at 20 fps; the same arrays where the base has this skeleton."""
    z: Float[Tensor, "pieces latents d_latent"]
    """E_vae(x): posterior means."""
    z_proj: Float[Tensor, "pieces latents d_text"]
    """E_proj(z)."""
    pooled: Float[Tensor, "pieces d_text"]
    """The mean of z_proj over a piece's latents, which captions are compared with."""
    lengths: Int[Tensor, "pieces"]
    """Frames that were encoded."""
    latents: Int[Tensor, "pieces"]
    """Latents of each piece; the rest of its rows is padding."""
    actions: tuple[str, ...]
    """Verb phrases: what captions say, else what the pieces are most likely taken for (`name_actions`)."""
    recognized: tuple[Recognition, ...]
    """What each piece is taken for; empty where captions say it."""

    def select(self, rows: Sequence[int]) -> "EncodedClips":
        """The clips at these places, in this order, with their pieces."""
        if list(rows) == list(range(len(self.clips))):
            return self
        kept = [piece for row in rows for piece, owner in enumerate(self.owners) if owner == row]
        latents = self.latents[kept]
        longest = int(latents.max()) if kept else 0
        return replace(
            self,
            clips=tuple(self.clips[row] for row in rows),
            clip_features=tuple(self.clip_features[row] for row in rows),
            pieces=tuple(self.pieces[piece] for piece in kept),
            owners=tuple(place for place, row in enumerate(rows) for owner in self.owners if owner == row),
            base_features=tuple(self.base_features[piece] for piece in kept),
            features=tuple(self.features[piece] for piece in kept),
            z=self.z[kept, :longest],
            z_proj=self.z_proj[kept, :longest],
            pooled=self.pooled[kept],
            lengths=self.lengths[kept],
            latents=latents,
            actions=tuple(self.actions[piece] for piece in kept),
            recognized=tuple(self.recognized[piece] for piece in kept if self.recognized),
        )

    def with_captions(self, captions: Sequence[str]) -> "EncodedClips":
        """The same clips with captions, one a clip, in place of what they are taken for."""
        _check_captions(captions, self.clips)
        actions = tuple(caption_to_action(captions[owner]) for owner in self.owners)
        return replace(self, captioned=True, actions=actions, recognized=())

    def check(self, fps: float) -> None:
        """Raises InversionError, which names the clip, where a clip is too short; `fps` is the base's rate."""
        for row, clip in enumerate(self.clips):
            if row not in self.owners:
                raise InversionError(describe_short(clip, row, fps))


def _check_captions(captions: Sequence[str], clips: Sequence[Motion]) -> None:
    if len(captions) != len(clips):
        raise InversionError(f"{len(captions)} captions for {len(clips)} clips; give one caption a clip")


@torch.no_grad()
def encode_clips(
    base: Lead, clips: Sequence[Motion], captions: Sequence[str] | None = None, keep_short: bool = False
) -> EncodedClips:
    """Everything that a base can say of clips. `captions` say what each shows, without the token, one a clip.

    A clip that is too short for the base raises InversionError; with `keep_short` it stays, without a piece.
    Raises InversionError where the captions are not one a clip.
    """
    if captions is not None:
        _check_captions(captions, clips)
    fps = base.skeleton.fps
    at_rate = [clip.resample(fps) for clip in clips]
    pieces, owners = cut_clips(clips, at_rate, fps, keep_short)
    base_features = [piece.features(base.skeleton) for piece in pieces]
    same = base.skeleton is HUMANML3D
    features = base_features if same else [piece.features() for piece in pieces]
    z, z_proj, pooled, lengths = _encode(base, base_features)
    if captions is None:
        recognized = recognize(base, pooled, features) if pieces else ()
        actions = name_actions(recognized, pooled)
    else:
        recognized, actions = (), [caption_to_action(captions[owner]) for owner in owners]
    return EncodedClips(
        clips=tuple(clips),
        clip_features=tuple(_clip_features(at_rate if same else clips, features if same else [], owners)),
        captioned=captions is not None,
        pieces=tuple(pieces),
        owners=tuple(owners),
        base_features=tuple(base_features),
        features=tuple(features),
        z=z,
        z_proj=z_proj,
        pooled=pooled,
        lengths=lengths,
        latents=base.vae.latent_lengths(lengths),
        actions=tuple(actions),
        recognized=recognized,
    )


def name_actions(recognized: Sequence[Recognition], pooled: Float[Tensor, "pieces d_text"]) -> list[str]:
    """The action of each piece: the best guess, or, where that is not sure, the action of a sure piece much like it."""
    actions, sure = [one.best.action for one in recognized], [row for row, one in enumerate(recognized) if one.known]
    if not sure:
        return actions
    unit = normalize(pooled.float(), dim=-1)
    cosines, nearest = (unit @ unit[sure].T).max(dim=1)
    for row, (cosine, place) in enumerate(zip(cosines.tolist(), nearest.tolist(), strict=True)):
        if not recognized[row].known and cosine >= MUCH_ALIKE:
            actions[row] = recognized[sure[place]].best.action
    return actions


@torch.no_grad()
def pool_realigned(
    base: Lead, motions: Sequence[Motion], features: Sequence[Features]
) -> Float[Tensor, "batch d_text"]:
    """E_proj of motions, the mean over their latents: their place among captions.

    `features` are HumanML3D's of the motions; a base of another skeleton computes its own.
    """
    own = features if base.skeleton is HUMANML3D else [motion.features(base.skeleton) for motion in motions]
    z, lengths = base.encode_features(own)
    return base.projector.pool(base.projector.encode(z, lengths), lengths)


def cut_clips(
    clips: Sequence[Motion], at_rate: Sequence[Motion], fps: float, keep_short: bool = False
) -> tuple[list[Motion], list[int]]:
    """Clips at the base's rate cut into equal pieces that it can read, and each piece's place in `clips`."""
    pieces, owners = [], []
    for row, (clip, resampled) in enumerate(zip(clips, at_rate, strict=True)):
        frames = len(resampled.joints) - 1
        if frames < MIN_FRAMES:
            if keep_short:
                continue
            raise InversionError(describe_short(clip, row, fps))
        for part in np.array_split(np.arange(frames), -(-frames // MAX_FRAMES)):
            pieces.append(replace(resampled, joints=resampled.joints[part[0] : part[-1] + 2]))
            owners.append(row)
    return pieces, owners


def describe_short(clip: Motion, row: int, fps: float) -> str:
    """The sentence for a clip that is too short."""
    return (
        f"{clip.name or f'clip {row + 1}'} is {clip.seconds:.2f} s long ({len(clip.joints)} frames at "
        f"{clip.fps:g} fps); at least {shortest_seconds(fps):.2f} s are needed: leave it out or record more"
    )


def shortest_seconds(fps: float) -> float:
    """The least length of a clip, for a base of `fps` frames a second."""
    return (MIN_FRAMES + 1) / fps


def _encode(
    base: Lead, features: Sequence[Float[np.ndarray, "_ feats"]]
) -> tuple[
    Float[Tensor, "pieces latents d_latent"],
    Float[Tensor, "pieces latents d_text"],
    Float[Tensor, "pieces d_text"],
    Int[Tensor, "pieces"],
]:
    """z, z_proj, its mean over latents, and lengths in frames; of no pieces, empty tensors."""
    if not features:
        d_latent, d_text = base.config.vae.d_latent, base.config.projector.d_text
        z, z_proj, pooled = torch.zeros(0, 0, d_latent), torch.zeros(0, 0, d_text), torch.zeros(0, d_text)
        return z, z_proj, pooled, torch.zeros(0, dtype=torch.long)
    z, lengths = base.encode_features(features)
    z_proj = base.projector.encode(z, lengths)
    return z, z_proj, base.projector.pool(z_proj, lengths), lengths


def _clip_features(clips: Sequence[Motion], features: Sequence[Features], owners: Sequence[int]) -> list[Features]:
    """HumanML3D's features of whole clips; those of a clip that is one piece are the piece's."""
    of_clips = []
    for row, clip in enumerate(clips):
        pieces = [piece for piece, owner in enumerate(owners) if owner == row]
        if not pieces:
            of_clips.append(np.zeros((0, HUMANML3D.features), dtype=np.float32))
        elif len(pieces) == 1 and features:
            of_clips.append(features[pieces[0]])
        else:
            of_clips.append(clip.features())
    return of_clips

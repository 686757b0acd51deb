"""Hints about clips before a word is learned: captions that they do not show, one thing done, several styles."""

from inversion.encoded_clips import EncodedClips
from inversion.judgement.deeds import find_deed
from inversion.judgement.style import MIXED, measure_mixture
from inversion.judgement.style_space import load_style_space
from inversion.recognition import recognize
from inversion.similarity import embed
from inversion.templates import action_to_caption
from lead import Lead
from lead.data.compose.truth import holds
from lead.eval.evaluator import Evaluator
from lead.motion import Motion
from lead.text.parsing import parse


def check_captions(base: Lead, encoded: EncodedClips) -> list[str]:
    """A sentence about captions that the joints deny, where the clips are surely taken for another action."""
    if not encoded.captioned:
        return []
    denied = []
    for action, features in zip(encoded.actions, encoded.features, strict=True):
        meaning = parse(action_to_caption(action))
        denied.append(meaning is not None and holds(meaning, Motion.from_features(features).joints) is False)
    if not any(denied):
        return []
    found = recognize(base, encoded.pooled, encoded.features)
    wrong = [row for row, one in enumerate(found) if denied[row] and one.known]
    wrong = [row for row in wrong if found[row].best.action != encoded.actions[row]]
    if 2 * len(wrong) <= len(found):
        return []
    said, shown = encoded.actions[wrong[0]], found[wrong[0]].best.action
    return [f'the captions say "{said}", and the clips look like "{shown}": correct the captions, or leave them out']


def check_style(base: Lead, encoded: EncodedClips) -> list[str]:
    """A sentence about clips of a style that show one thing done, or several styles."""
    recognized = encoded.recognized
    sure = [action for row, action in enumerate(encoded.actions) if not recognized or recognized[row].known]
    deed = find_deed(sure) if 2 * len(sure) > len(encoded.actions) else ""
    if deed:
        return [
            f'did you mean --kind action? The clips show a thing done ("{deed}"). A style is a way of doing things; '
            "it is learned best from walks, runs or gestures"
        ]
    places = load_style_space().embed(embed(Evaluator.load(device=base.device), encoded.features))
    if measure_mixture(places, encoded.actions) > MIXED:
        return ["the clips look as if they were in different styles: a style is learned best from one"]
    return []

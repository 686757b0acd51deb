"""A plain caption for what a clip of the pack is labeled as, beside the captions that it has.

The pack's captions describe a take ("lowers the hips toward the floor"); people type the action ("squats"). The labels
are the pack's `content`, by source. Where a label does not say the side or the way for all of its clips, there is none.
"""

PLAIN: dict[str, dict[str, str]] = {
    "hdm05": {
        "depositFloorR": "a person puts something down with the right hand",
        "grabHighR": "a person reaches up with the right hand",
        "hopBothLegs1hops": "a person jumps forward",
        "jogLeftCircle4StepsRstart": "a person jogs in a curve to the left",
        "kickLFront1Reps": "a person kicks with the left leg",
        "lieDownFloor": "a person lies down",
        "squat1Reps": "a person squats",
    },
    "uiprmd": {
        "deep squat": "a person squats",
        "side lunge": "a person lunges to the right",
        "sit to stand": "a person sits down and stands up again",
        "standing active straight leg raise": "a person raises the right leg",
        "standing shoulder abduction": "a person raises the right arm to the side",
        "standing shoulder extension": "a person swings the right arm back",
        "standing shoulder internal-external rotation": "a person rotates the right forearm",
        "standing shoulder scaption": "a person raises the right arm diagonally",
    },
    "bandai": {
        "bow": "a person bows",
        "bye": "a person waves goodbye",
        "byebye": "a person waves goodbye with both hands",
        "dash": "a person sprints forward",
        "guide": "a person shows the way",
        "raise-up-both-hands": "a person raises both hands",
        "raise-up-left-hand": "a person raises the left hand",
        "raise-up-right-hand": "a person raises the right hand",
        "run": "a person runs forward",
        "walk": "a person walks forward",
        "walk-back": "a person walks backward",
        "walk-left": "a person walks diagonally to the left",
        "walk-right": "a person walks diagonally to the right",
        "walk-turn-left": "a person walks and turns left",
        "walk-turn-right": "a person walks and turns right",
        "wave-both-hands": "a person waves with both hands",
        "wave-left-hand": "a person waves with the left hand",
        "wave-right-hand": "a person waves with the right hand",
    },
    "cmu": {
        "forward jump": "a person jumps forward",
        "jump": "a person jumps up",
        "run": "a person runs forward",
        "run/jog": "a person jogs forward",
        "running": "a person runs forward",
        "slow walk": "a person walks forward slowly",
        "soccer - kick ball": "a person kicks with the right leg",
        "walk": "a person walks forward",
        "walk/stride": "a person walks forward quickly",
    },
    "handkeyed": {
        "aim": "a person aims a gun", "aim rifle": "a person aims a gun", "angry gesture": "a person has a tantrum",
        "bow": "a person bows", "box": "a person boxes", "cheer": "a person cheers", "clap": "a person claps",
        "crawl": "a person crawls", "crouch": "a person crouches down", "crouch walk": "a person walks in a crouch",
        "dance": "a person dances", "drink": "a person drinks with the left hand", "drive": "a person drives a car",
        "fall": "a person falls down", "fight stance": "a person stands in a fighting stance",
        "block": "a person raises a shield with the left arm", "sit": "a person sits down and stands up again",
        "fist pump": "a person pumps the right fist", "greet": "a person waves with the right hand",
        "get up": "a person gets up from the floor", "hit": "a person is hit",
        "jab": "a person punches with the left fist", "jog": "a person jogs forward", "jump": "a person jumps up",
        "jumping jacks": "a person does jumping jacks", "kneel": "a person kneels", "lie": "a person lies on the floor",
        "lie down": "a person lies down", "meditate": "a person meditates", "nod": "a person nods",
        "pick up": "a person picks something up with the right hand", "punch": "a person punches with the right fist",
        "push": "a person pushes something", "push-ups": "a person does push-ups",
        "reach": "a person reaches forward with the right hand", "robot dance": "a person does the robot dance",
        "shake head": "a person shakes the head", "shiver": "a person shivers",
        "sit on floor": "a person sits on the floor",
        "sprint": "a person sprints forward", "stand": "a person stands", "stand up": "a person stands up",
        "sword attack": "a person swings a sword with the right hand",
        "sword slash": "a person swings a sword with the right hand", "talk": "a person talks with the hands",
        "throw": "a person throws something with the right hand", "tired": "a person kneels on hands and knees",
        "victory": "a person celebrates a victory", "walk": "a person walks forward",
        "wave": "a person waves with the right hand",
    },
    "react": {"handleft": "a person touches the face with the left hand",
           "handright": "a person touches the face with the right hand", "stand": "a person stands still",
           "look": "a person looks around",
           "weight": "a person shifts the weight"},
    "deepmimic": {
        "dance": "a person dances", "get up": "a person gets up from the floor", "jog": "a person jogs forward",
        "jump": "a person jumps forward", "kick": "a person kicks with the right leg",
        "punch": "a person punches with the right fist", "run": "a person runs forward",
        "walk": "a person walks forward",
    },
    "sie": {
        "punch": "a person punches with the right fist", "run forward": "a person runs forward",
        "run left": "a person runs in a curve to the left", "run right": "a person runs in a curve to the right",
    },
    "cmu2": {"jump turn": "a person jumps and turns in the air", "whirl dance": "a person dances",
             "jump": "a person jumps forward", "karate": "a person does karate", "pop dance": "a person dances",
             "walk": "a person walks forward slowly"},
    "ad": {"jumping jacks": "a person does jumping jacks", "jump": "a person jumps forward",
           "kick dance": "a person dances"},
    "segments": {
        "jump": "a person jumps", "jog-in-place": "a person jogs in place", "sit-still": "a person sits",
        "sit-high": "a person sits down", "stand+still": "a person stands still", "still": "a person stands still",
        "stairs-up": "a person walks up the stairs", "stairs-down": "a person walks down the stairs",
        "squat": "a person squats",
        "jumping-jack": "a person does jumping jacks", "walk-backward": "a person walks backward",
        "box": "a person boxes",
        "sit": "a person sits down", "stand-up": "a person stands up", "climb": "a person climbs",
        "laugh": "a person laughs",
        "bend": "a person bends down", "dance": "a person dances", "hang": "a person hangs from a bar",
        "kick": "a person kicks",
        "wash": "a person washes the body", "wipe": "a person wipes a window", "signal": "a person directs traffic",
        "duck": "a person ducks",
        "climb-down": "a person climbs down", "jump-down": "a person jumps down",
        "dangle": "a person sits and dangles the legs",
        "sword": "a person swings a sword", "punch": "a person punches", "bottle": "a person opens a bottle",
        "pick-up": "a person picks something up",
    },
}  # fmt: skip
"""Source (or `segments`, whose labels are their tags) -> label -> caption. Segments count under their first tag too."""


STYLES = {
    "normal": ("", " normally"), "correct": ("",), "": ("",), "incorrect": (" with poor form",),
    "masculinity": (" in a masculine way",),
    "not-confident": (" without confidence",),
}  # fmt: skip
"""What a style adds to the plain caption; others add "in a <style> way"."""


def article(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"


def plain_captions(source: str, content: str, style: str) -> list[str]:
    """The plain captions of a clip, by its labels; none where its label has none."""
    caption = PLAIN.get(source, {}).get(content) or PLAIN.get(source, {}).get(content.partition("+")[0])
    return [caption + way for way in STYLES.get(style, (f" in {article(style)} {style} way",))] if caption else []

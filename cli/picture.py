"""A contact sheet: motions as rows of drawn figures, so that a result can be looked at without other tools.

Each row is one motion: figures at even times from first to last frame, and a plan of the root's path from
above. The camera looks at the figure in three-quarter view, from the side on which the person faces, and
follows the root; the ground grid (0.5 m squares) stands still in the world, so that travel shows. Left limbs
are blue, right limbs orange. All rows share one scale.

Knows nothing of models and prompts: joints [frames, 22, 3] in metres, Y up, in; pixels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, cos, sin

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lead.motion.features import facing
from lead.motion.motion import Motion
from lead.motion.skeleton import JOINTS, PARENTS

Color = tuple[int, int, int]

LEFT: Color = (36, 103, 183)
RIGHT: Color = (226, 112, 40)
TRUNK: Color = (70, 77, 88)
PANEL: Color = (245, 246, 248)
GRID: Color = (214, 219, 226)
SHADOW: Color = (203, 208, 216)
INK: Color = (34, 38, 45)
FAINT: Color = (122, 130, 141)
WHITE: Color = (255, 255, 255)

CELL_WIDTH, CELL_HEIGHT, GAP, MARGIN, TITLE_HEIGHT, FOOT_HEIGHT = 156, 216, 6, 18, 28, 26
TIME_HEIGHT = 18  # of the time in a cell's corner
SUPERSAMPLING = 3
GRID_STEP, GRID_REACH = 0.5, 2.5  # metres
AZIMUTH, ELEVATION, DISTANCE = 0.62, 0.24, 5.5  # radians from the facing direction, radians, metres
EYE_HEIGHT = 0.93  # metres: what the camera looks at

# Metres of flesh around the bone that ends in a joint; hip and collar bones belong to the trunk.
RADII = {
    "hip": 0.052, "spine1": 0.085, "knee": 0.062, "spine2": 0.085, "ankle": 0.045, "spine3": 0.085,
    "foot": 0.036,
    "neck": 0.062, "collar": 0.055, "head": 0.045, "shoulder": 0.055, "elbow": 0.044, "wrist": 0.034,
}  # fmt: skip
HEAD_RADIUS, HAND_RADIUS = 0.105, 0.042


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at `target` from `azimuth` (radians about Y, from +Z towards +X)."""

    target: np.ndarray
    azimuth: float
    focal: float = 1.0
    center: tuple[float, float] = (0.0, 0.0)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points [..., 3] to pixels [..., 2] (y down) and depths [...] in metres from the camera."""
        away = np.array([sin(self.azimuth) * cos(ELEVATION), sin(ELEVATION), cos(self.azimuth) * cos(ELEVATION)])
        right = np.array([cos(self.azimuth), 0.0, -sin(self.azimuth)])
        up = np.cross(away, right)
        offset = points - self.target
        depth = np.maximum(DISTANCE - offset @ away, 0.1)
        xy = np.stack([offset @ right, -(offset @ up)], axis=-1) * (self.focal / depth)[..., None]
        return xy + np.array(self.center), depth


@dataclass(frozen=True)
class Shot:
    """One figure of a row."""

    frame: int
    camera: Camera
    pose: np.ndarray
    """Joints [22, 3], the clip's floor at y = 0."""


def contact_sheet(
    motions: Sequence[Motion], titles: Sequence[str] | None = None, heading: str = "", columns: int = 8
) -> Image.Image:
    """One row a motion: `columns` figures over time and the root's path from above."""
    assert motions, "a contact sheet needs a motion"
    titles = titles or [motion.name for motion in motions]
    assert len(titles) == len(motions), f"{len(titles)} titles for {len(motions)} motions"
    width = 2 * MARGIN + (columns + 1) * CELL_WIDTH + columns * GAP
    head = MARGIN + (TITLE_HEIGHT + 6 if heading else 0)
    row = TITLE_HEIGHT + CELL_HEIGHT + GAP
    sheet = Image.new("RGB", (width, head + row * len(motions) + FOOT_HEIGHT + MARGIN // 2), WHITE)
    draw = ImageDraw.Draw(sheet)
    if heading:
        draw.text((MARGIN, MARGIN - 4), _shortened(heading, width - 2 * MARGIN, 20), INK, _font(20))
    shots = [_shots(motion, columns) for motion in motions]
    focal, center = _framing(shots)
    for index, (motion, title) in enumerate(zip(motions, titles, strict=True)):
        top = head + index * row
        draw.text((MARGIN, top + 4), _shortened(title, width - 2 * MARGIN - 120, 16), INK, _font(16))
        draw.text((width - MARGIN, top + 6), f"{motion.seconds:.1f} s", FAINT, _font(14), anchor="ra")
        for column, shot in enumerate(shots[index]):
            left = MARGIN + column * (CELL_WIDTH + GAP)
            camera = replace(shot.camera, focal=focal, center=center)
            sheet.paste(_figure_cell(shot.pose, camera), (left, top + TITLE_HEIGHT))
            time = f"{shot.frame / motion.fps:.1f} s"
            draw.text((left + 8, top + TITLE_HEIGHT + 6), time, FAINT, _font(12))
        plan = _plan_cell(motion, [shot.frame for shot in shots[index]])
        sheet.paste(plan, (MARGIN + columns * (CELL_WIDTH + GAP), top + TITLE_HEIGHT))
    _legend(draw, sheet.height - FOOT_HEIGHT)
    return sheet


def _shots(motion: Motion, columns: int) -> list[Shot]:
    """Poses at even times, each with a camera that follows the smoothed root on the side the clip faces."""
    joints = np.asarray(motion.joints, dtype=np.float64)
    joints = joints - np.array([0.0, np.percentile(joints[..., 1].min(axis=1), 5), 0.0])
    directions = facing(joints)[:, [0, 2]]
    mean = directions.mean(axis=0)
    if np.linalg.norm(mean) < 0.3:  # turned all round: the first facing says more than the mean
        mean = directions[0]
    azimuth = float(np.arctan2(mean[0], mean[1])) + AZIMUTH
    path = _smoothed(joints[:, 0, [0, 2]], max(1, int(motion.fps)))
    frames = np.round(np.linspace(0, len(joints) - 1, columns)).astype(int)
    return [
        Shot(frame, Camera(np.array([path[frame, 0], EYE_HEIGHT, path[frame, 1]]), azimuth), joints[frame])
        for frame in frames.tolist()
    ]


def _framing(shots: Sequence[Sequence[Shot]]) -> tuple[float, tuple[float, float]]:
    """The focal length, and where in its cell a camera's target is, at which all figures of all rows fit."""
    low, high, half = np.inf, -np.inf, 0.0
    for shot in (shot for row in shots for shot in row):
        for start, end, radius in (capsule for capsules, _ in _parts(shot.pose) for capsule in capsules):
            xy, depth = shot.camera.project(np.stack([start, end]))
            reach = radius / depth
            low, high = min(low, (xy[:, 1] - reach).min()), max(high, (xy[:, 1] + reach).max())
            half = max(half, (np.abs(xy[:, 0]) + reach).max())
    focal = min((CELL_HEIGHT - TIME_HEIGHT - 14) / (high - low), (CELL_WIDTH - 8) / (2 * half))
    middle = (CELL_HEIGHT + TIME_HEIGHT) / 2 - focal * (low + high) / 2
    return float(focal), (CELL_WIDTH / 2, float(middle))


def _smoothed(path: np.ndarray, window: int) -> np.ndarray:
    """Running mean over `window` frames, the ends held."""
    padded = np.concatenate([path[:1].repeat(window // 2, 0), path, path[-1:].repeat(window - 1 - window // 2, 0)])
    kernel = np.full(window, 1.0 / window)
    return np.stack([np.convolve(padded[:, axis], kernel, mode="valid") for axis in range(path.shape[1])], axis=-1)


def _figure_cell(pose: np.ndarray, camera: Camera) -> Image.Image:
    """One figure on its ground: grid, shadow, then its parts from far to near, each with a thin rim."""
    scale = SUPERSAMPLING
    cell = Image.new("RGB", (CELL_WIDTH * scale, CELL_HEIGHT * scale), PANEL)
    draw = ImageDraw.Draw(cell)
    center = (camera.center[0] * scale, camera.center[1] * scale)
    camera = Camera(camera.target, camera.azimuth, camera.focal * scale, center)
    _draw_grid(draw, camera)
    parts = _parts(pose)
    for capsules, _ in parts:
        for start, end, radius in capsules:
            flat = np.array([[start[0], 0.0, start[2]], [end[0], 0.0, end[2]]])
            xy, depth = camera.project(flat)
            _draw_capsule(draw, xy, 0.8 * radius * camera.focal / depth, SHADOW)
    depths = [np.mean([camera.project((a + b) / 2)[1] for a, b, _ in capsules]) for capsules, _ in parts]
    nearest, farthest = min(depths), max(depths)
    for index in np.argsort(depths)[::-1]:
        capsules, color = parts[index]
        drawn = [(*camera.project(np.stack([a, b])), radius * camera.focal) for a, b, radius in capsules]
        dimmed = 0.30 * (depths[index] - nearest) / max(farthest - nearest, 0.25)
        for xy, depth, radius in drawn:
            _draw_band(draw, xy, radius / depth + 1.2 * scale, PANEL)
        for xy, depth, radius in drawn:
            _draw_capsule(draw, xy, radius / depth, _mixed(color, PANEL, float(dimmed)))
    return cell.resize((CELL_WIDTH, CELL_HEIGHT), Image.Resampling.LANCZOS)


Capsule = tuple[np.ndarray, np.ndarray, float]  # start, end, radius in metres


def _parts(pose: np.ndarray) -> list[tuple[list[Capsule], Color]]:
    """The figure's parts, each sorted by depth as one: the trunk, the head, each limb's bones, the hands."""
    at = dict(zip(JOINTS, pose, strict=True))
    trunk: list[Capsule] = []
    parts: list[tuple[list[Capsule], Color]] = [(trunk, TRUNK)]
    for joint, (parent, radius, color) in enumerate(zip(PARENTS, figure_radii(), figure_colors(), strict=True)):
        if parent >= 0:
            bone = (pose[parent], pose[joint], radius)
            trunk.append(bone) if color == TRUNK else parts.append(([bone], color))
    for side in ("left", "right"):
        armpit = 0.4 * at[f"{side}_collar"] + 0.6 * at[f"{side}_shoulder"]
        trunk.append((armpit, 0.9 * at[f"{side}_hip"] + 0.1 * at["pelvis"], 0.050))
        wrist, elbow = at[f"{side}_wrist"], at[f"{side}_elbow"]
        hand = (wrist, wrist + 0.09 * _unit(wrist - elbow), HAND_RADIUS)
        parts.append(([hand], _side_color(f"{side}_wrist")))
    crown = at["head"] + 0.05 * _unit(at["head"] - at["neck"])
    parts.append(([(at["head"], crown, HEAD_RADIUS)], TRUNK))
    return parts


def _side_color(name: str) -> Color:
    if name.endswith(("hip", "collar")):
        return TRUNK
    return LEFT if name.startswith("left") else RIGHT if name.startswith("right") else TRUNK


def _draw_grid(draw: ImageDraw.ImageDraw, camera: Camera) -> None:
    """World grid lines within reach of the target, in short pieces that fade with distance."""
    x0, z0 = camera.target[0], camera.target[2]
    steps = np.arange(-GRID_REACH, GRID_REACH + 1e-6, GRID_STEP / 2)
    for axis, middle in ((0, x0), (2, z0)):
        first = ceil((middle - GRID_REACH) / GRID_STEP) * GRID_STEP
        for at in np.arange(first, middle + GRID_REACH, GRID_STEP):
            line = np.zeros((len(steps), 3))
            line[:, axis] = at
            line[:, 2 - axis] = (z0 if axis == 0 else x0) + steps
            xy, _ = camera.project(line)
            reach = np.hypot(line[:, 0] - x0, line[:, 2] - z0) / GRID_REACH
            for a, b, far in zip(xy[:-1], xy[1:], reach[:-1], strict=True):
                if far < 1.0:
                    draw.line([tuple(a), tuple(b)], _mixed(GRID, PANEL, far), width=SUPERSAMPLING)


def _draw_capsule(draw: ImageDraw.ImageDraw, xy: np.ndarray, radii: np.ndarray, color: Color) -> None:
    """Two discs and the band between them; xy [2, 2] and radii [2] in pixels."""
    _draw_band(draw, xy, radii, color)
    for (x, y), r in zip(xy, radii, strict=True):
        draw.ellipse([x - r, y - r, x + r, y + r], fill=color)


def _draw_band(draw: ImageDraw.ImageDraw, xy: np.ndarray, radii: np.ndarray, color: Color) -> None:
    """The band between two discs; a rim of bands alone does not cut into the next bone of the same limb."""
    (ax, ay), (bx, by) = xy
    ra, rb = radii
    length = float(np.hypot(bx - ax, by - ay))
    if length > 1e-6:
        nx, ny = -(by - ay) / length, (bx - ax) / length
        corners = [(ax + nx * ra, ay + ny * ra), (bx + nx * rb, by + ny * rb)]
        corners += [(bx - nx * rb, by - ny * rb), (ax - nx * ra, ay - ny * ra)]
        draw.polygon(corners, fill=color)


def _plan_cell(motion: Motion, frames: Sequence[int]) -> Image.Image:
    """The root's path from above, first facing up; dots with a nose at the drawn frames, and a scale bar."""
    scale = SUPERSAMPLING
    width, height = CELL_WIDTH * scale, CELL_HEIGHT * scale
    cell = Image.new("RGB", (width, height), WHITE)
    draw = ImageDraw.Draw(cell)
    draw.rectangle([0, 0, width - 1, height - 1], outline=GRID, width=scale)
    joints = np.asarray(motion.joints, dtype=np.float64)
    directions = facing(joints)[:, [0, 2]]
    x0, z0 = directions[0]
    turn = np.array([[-z0, x0], [-x0, -z0]])  # the first facing points up; the screen's y points down
    path, noses = joints[:, 0, [0, 2]] @ turn.T, directions @ turn.T
    low, high = path.min(axis=0), path.max(axis=0)
    room = np.array([width - 56 * scale, height - 84 * scale])
    pixels = float(min(room / np.maximum(high - low, 1.0)))
    spots = (path - (low + high) / 2) * pixels + np.array([width / 2, height / 2 - 4 * scale])
    draw.line([tuple(p) for p in spots], FAINT, width=2 * scale, joint="curve")
    for order, frame in enumerate(frames):
        shade = _mixed(INK, GRID, 0.75 * (1 - order / max(len(frames) - 1, 1)))
        x, y = spots[frame]
        r = 5 * scale
        tip = spots[frame] + noses[frame] * 11 * scale
        draw.line([(x, y), tuple(tip)], shade, width=2 * scale)
        draw.ellipse([x - r, y - r, x + r, y + r], fill=shade)
    bar = 1.0 if pixels > 30 * scale else float(ceil(30 * scale / pixels))
    left, floor = (width - bar * pixels) / 2, height - 14 * scale
    draw.line([(left, floor), (left + bar * pixels, floor)], FAINT, width=2 * scale)
    cell = cell.resize((CELL_WIDTH, CELL_HEIGHT), Image.Resampling.LANCZOS)
    labels = ImageDraw.Draw(cell)
    labels.text((8, 6), "from above", FAINT, _font(12))
    labels.text((CELL_WIDTH / 2, CELL_HEIGHT - 19), f"{bar:.0f} m", FAINT, _font(12), anchor="md")
    return cell


def _legend(draw: ImageDraw.ImageDraw, top: float) -> None:
    x = float(MARGIN)
    for color, label in ((LEFT, "left"), (RIGHT, "right")):
        draw.ellipse([x, top + 5, x + 10, top + 15], fill=color)
        draw.text((x + 16, top + 2), label, FAINT, _font(13))
        x += 66
    draw.text((x, top + 2), "the camera follows the root; ground squares are 0.5 m", FAINT, _font(13))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _shortened(text: str, width: float, size: int) -> str:
    """The text on one line, cut with an ellipsis where it is wider than `width` pixels."""
    line = " ".join(text.split())
    if _font(size).getlength(line) <= width:
        return line
    while line and _font(size).getlength(line + "...") > width:
        line = line[:-1]
    return line.rstrip() + "..."


def _mixed(color: Color, other: Color, share: float) -> Color:
    """`color` with `share` of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-8)


def figure_colors() -> list[Color]:
    """The colour of the bone that ends in each joint."""
    return [_side_color(name) for name in JOINTS]


def figure_radii() -> list[float]:
    """The radius in metres of the flesh around the bone that ends in each joint; the pelvis ends no bone."""
    sides = [name.removeprefix("left_").removeprefix("right_") for name in JOINTS]
    return [RADII.get(name, 0.0) for name in sides]

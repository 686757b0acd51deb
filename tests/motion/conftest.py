"""A synthetic walk with constant bone lengths, and the same walk on rigs of many makers."""

import numpy as np
import pytest

from lead.motion.formats.bvh import Bvh
from lead.motion.rotations import euler_to_matrix
from lead.motion.skeleton import PARENTS, tpose

TURNS = ("Zrotation", "Xrotation", "Yrotation")
ROOT = ("Xposition", "Yposition", "Zposition", *TURNS)


def _turned(turns: dict[int, np.ndarray], joint: int, frames: int) -> np.ndarray:
    return euler_to_matrix(turns.get(joint, np.zeros((frames, 3))), "ZXY")


def _swing(phase: np.ndarray) -> dict[int, np.ndarray]:
    """ZXY angles of our joints: legs and arms that swing, and elbows that are bent."""
    zero = np.zeros_like(phase)
    stride, lift = 0.5 * np.sin(phase), 0.25 * np.sin(phase)
    left_knee, right_knee = 0.6 + 0.5 * np.cos(phase), 0.6 - 0.5 * np.cos(phase)
    return {
        1: np.stack([zero, -stride, zero], -1),
        2: np.stack([zero, stride, zero], -1),
        4: np.stack([zero, left_knee, zero], -1),
        5: np.stack([zero, right_knee, zero], -1),
        6: np.stack([0.1 * lift, zero + 0.1, lift], -1),
        15: np.stack([zero, -lift, zero], -1),
        16: np.stack([zero - 1.3, stride, zero], -1),
        17: np.stack([zero + 1.2, -stride, zero], -1),
        18: np.stack([zero, zero, zero - 0.5], -1),
        19: np.stack([zero, zero, zero + 0.9 + lift], -1),
    }


@pytest.fixture(scope="session")
def make_walk():
    """A walk from x = z = 0 that faces `heading` radians from +Z, ahead or backward."""

    def make(
        frames: int = 60, heading: float = 0.0, backward: bool = False, height: float = 0.9
    ) -> np.ndarray:
        phase = np.arange(frames) / 20 * 2 * np.pi * 0.9
        turns, rest = _swing(phase), tpose()
        joints, turned = np.zeros((frames, 22, 3)), np.zeros((frames, 22, 3, 3))
        facing = euler_to_matrix(np.full((1, 1), heading), "Y")[0]
        forward = facing @ np.array([0, 0, -1.0 if backward else 1.0])
        for joint, parent in enumerate(PARENTS):
            local = _turned(turns, joint, frames)
            if parent < 0:
                joints[:, 0] = np.arange(frames)[:, None] / 20 * forward
                joints[:, 0, 1] = height + 0.02 * np.cos(2 * phase)
                turned[:, 0] = facing @ local
            else:
                turned[:, joint] = turned[:, parent] @ local
                joints[:, joint] = joints[:, parent] + turned[:, parent] @ (rest[joint] - rest[parent])
        return joints

    return make


SCHEMES = {
    "mixamo": (
        "mixamorig:Hips mixamorig:LeftUpLeg mixamorig:RightUpLeg mixamorig:Spine mixamorig:LeftLeg "
        "mixamorig:RightLeg mixamorig:Spine1 mixamorig:LeftFoot mixamorig:RightFoot mixamorig:Spine2 "
        "mixamorig:LeftToeBase mixamorig:RightToeBase mixamorig:Neck mixamorig:LeftShoulder "
        "mixamorig:RightShoulder mixamorig:Head mixamorig:LeftArm mixamorig:RightArm "
        "mixamorig:LeftForeArm mixamorig:RightForeArm mixamorig:LeftHand mixamorig:RightHand"
    ),
    "smpl": (
        "m_avg_Pelvis m_avg_L_Hip m_avg_R_Hip m_avg_Spine1 m_avg_L_Knee m_avg_R_Knee m_avg_Spine2 "
        "m_avg_L_Ankle m_avg_R_Ankle m_avg_Spine3 m_avg_L_Foot m_avg_R_Foot m_avg_Neck m_avg_L_Collar "
        "m_avg_R_Collar m_avg_Head m_avg_L_Shoulder m_avg_R_Shoulder m_avg_L_Elbow m_avg_R_Elbow "
        "m_avg_L_Wrist m_avg_R_Wrist"
    ),
    "lafan1": (
        "Hips LeftUpLeg RightUpLeg Spine LeftLeg RightLeg Spine1 LeftFoot RightFoot Spine2 LeftToe "
        "RightToe Neck LeftShoulder RightShoulder Head LeftArm RightArm LeftForeArm RightForeArm LeftHand "
        "RightHand"
    ),
    "bandai": (
        "Hips UpperLeg_L UpperLeg_R Spine LowerLeg_L LowerLeg_R Spine2 Foot_L Foot_R Chest Toes_L Toes_R "
        "Neck Shoulder_L Shoulder_R Head UpperArm_L UpperArm_R LowerArm_L LowerArm_R Hand_L Hand_R"
    ),
    "biped": (
        "Bip01_Pelvis Bip01_L_Thigh Bip01_R_Thigh Bip01_Spine Bip01_L_Calf Bip01_R_Calf Bip01_Spine1 "
        "Bip01_L_Foot Bip01_R_Foot Bip01_Spine2 Bip01_L_Toe0 Bip01_R_Toe0 Bip01_Neck Bip01_L_Clavicle "
        "Bip01_R_Clavicle Bip01_Head Bip01_L_UpperArm Bip01_R_UpperArm Bip01_L_Forearm Bip01_R_Forearm "
        "Bip01_L_Hand Bip01_R_Hand"
    ),
    "unreal": (
        "pelvis thigh_l thigh_r spine_01 calf_l calf_r spine_02 foot_l foot_r spine_03 ball_l ball_r "
        "neck_01 clavicle_l clavicle_r head upperarm_l upperarm_r lowerarm_l lowerarm_r hand_l hand_r"
    ),
    "classic": (
        "Hips LeftHip RightHip Chest LeftKnee RightKnee Chest2 LeftAnkle RightAnkle Chest3 LeftToe "
        "RightToe Neck LeftCollar RightCollar Head LeftShoulder RightShoulder LeftElbow RightElbow "
        "LeftWrist RightWrist"
    ),
    "rokoko": (
        "Hips LeftThigh RightThigh Spine1 LeftShin RightShin Spine2 LeftFoot RightFoot Spine3 LeftToe "
        "RightToe Neck LeftShoulder RightShoulder Head LeftArm RightArm LeftForeArm RightForeArm LeftHand "
        "RightHand"
    ),
    "vrm": (
        "J_Bip_C_Hips J_Bip_L_UpperLeg J_Bip_R_UpperLeg J_Bip_C_Spine J_Bip_L_LowerLeg J_Bip_R_LowerLeg "
        "J_Bip_C_Chest J_Bip_L_Foot J_Bip_R_Foot J_Bip_C_UpperChest J_Bip_L_ToeBase J_Bip_R_ToeBase "
        "J_Bip_C_Neck J_Bip_L_Shoulder J_Bip_R_Shoulder J_Bip_C_Head J_Bip_L_UpperArm J_Bip_R_UpperArm "
        "J_Bip_L_LowerArm J_Bip_R_LowerArm J_Bip_L_Hand J_Bip_R_Hand"
    ),
    "kinect": (
        "SpineBase HipLeft HipRight SpineLow KneeLeft KneeRight SpineMid AnkleLeft AnkleRight "
        "SpineShoulder FootLeft FootRight Neck CollarLeft CollarRight Head ShoulderLeft ShoulderRight "
        "ElbowLeft ElbowRight WristLeft WristRight"
    ),
    "asf": (
        "root lfemur rfemur lowerback ltibia rtibia upperback lfoot rfoot thorax ltoes rtoes lowerneck "
        "lclavicle rclavicle head lhumerus rhumerus lradius rradius lwrist rwrist"
    ),
    "rigify": (
        "DEF-hips DEF-thigh.L DEF-thigh.R DEF-spine DEF-shin.L DEF-shin.R DEF-spine.001 DEF-foot.L "
        "DEF-foot.R DEF-spine.002 DEF-toe.L DEF-toe.R DEF-neck DEF-shoulder.L DEF-shoulder.R DEF-head "
        "DEF-upper_arm.L DEF-upper_arm.R DEF-forearm.L DEF-forearm.R DEF-hand.L DEF-hand.R"
    ),
}


@pytest.fixture(scope="session")
def schemes() -> dict[str, list[str]]:
    """For some makers the names of our 22 joints, in our order."""
    return {scheme: names.split() for scheme, names in SCHEMES.items()}


@pytest.fixture(scope="session")
def make_rig_bvh():
    """A `Bvh` of the walk on joints so named, in any unit, Y or Z up, without the joints of `leave`."""

    def make(
        names: list[str], unit: float = 0.01, up: str = "Y", leave: tuple[int, ...] = (), stretch: float = 1.0
    ) -> Bvh:
        rest = tpose() * stretch / unit
        turns = _swing(np.arange(60) / 30 * 2 * np.pi * 0.9)
        to_file = np.eye(3) if up == "Y" else np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
        kept = [joint for joint in range(22) if joint not in leave]
        parents, offsets, columns = [], [], []
        for joint in kept:
            parent = PARENTS[joint]
            while parent in leave:
                parent = PARENTS[parent]
            parents.append(kept.index(parent) if parent >= 0 else -1)
            offsets.append(to_file @ (rest[joint] - rest[parent]) if parent >= 0 else np.zeros(3))
            angles = np.degrees(turns.get(joint, np.zeros((60, 3))))
            if up == "Z":  # R_Z R_X R_Y of our axes is R_-Y R_X R_Z of the file's
                angles = angles * np.array([-1, 1, 1])
            columns.append(angles)
        path = np.zeros((60, 3))
        path[:, 1], path[:, 2] = rest[0, 1], np.arange(60) / 30 / unit
        turns_here = TURNS if up == "Y" else ("Yrotation", "Xrotation", "Zrotation")
        channels = ((*ROOT[:3], *turns_here), *[turns_here] * (len(kept) - 1))
        return Bvh(
            tuple(names[joint] for joint in kept),
            tuple(parents),
            np.array(offsets),
            channels,
            (),
            np.concatenate([path @ to_file.T, *columns], axis=1),
            1 / 30,
        )

    return make

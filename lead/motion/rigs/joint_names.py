"""What tools and data sets call the joints of a person: the tables behind `match_names`.

To add a rig whose names are not found: add its spellings to LIMBS or MIDDLE, and an entry to MAKERS with its names of
our 22 joints. The tests check that the joints of every entry are found, and that its maker is recognized.
A spelling is in lower case, without separators, side and prefix: "upleg" for "mixamorig:LeftUpLeg" and "UpLeg_L".
"""

from dataclasses import dataclass

PREFIX = (
    r"^(?:(?:mixamorig\d*|valvebiped|bip\d+|character\d+|cc_base|robot)[ ._-]*"
    r"|(?:j_(?:bip|adj|sec)(?:_c)?|[mf]_avg|avatar|def|org|skel|b)[ ._-]+|(?-i:m(?=[A-Z])))"
    r"(?=[A-Za-z])"
)
"""A pattern of what stands before joints' names."""
SIDES = {"left": "left_", "l": "left_", "lft": "left_", "right": "right_", "r": "right_", "rgt": "right_"}
FILLERS = {"joint", "jnt", "jt", "bone", "bind"}
"""Words that say nothing."""

OTHER_LIMBS = {"hind", "wing", "wings", "tail", "prop", "weapon", "camera", "ik", "pole", "target", "effector"}
"""Words of joints that are no person's limb, nor is any joint below them."""
PARTS = {"twist", "roll", "thumb", "index", "middle", "ring", "pinky", "little", "finger"}
"""Words of joints that are within a limb or a hand, but none of a limb's three."""

LIMBS: dict[str, tuple[str, ...]] = {
    "hip": ("upleg", "upperleg", "thigh", "hip", "femur", "thighbend"),
    "knee": ("lowleg", "lowerleg", "shin", "calf", "knee", "tibia", "leg"),
    "ankle": ("ankle", "foot"),
    "foot": ("foot", "toebase", "toes", "toe", "toe0", "ball", "toebase0", "forefoot"),
    "shoulder": ("upperarm", "uparm", "arm", "shldr", "shldrbend", "humerus", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowarm", "elbow", "forearmbend", "radius"),
    "wrist": ("wrist", "hand"),
    "collar": ("collar", "clavicle", "collarbone", "shoulder"),
}
"""Our joints of both sides -> their spellings, best first.

A joint that is already matched is not matched again. So "LeftShoulder" is a collar beside "LeftArm", and a shoulder
beside "LeftCollar".
"""
ABOVE = {"knee": "hip", "ankle": "knee", "foot": "ankle", "elbow": "shoulder", "wrist": "elbow"}
"""A limb's joint -> the one that it hangs from."""
MIDDLE: dict[str, tuple[str, ...]] = {
    "pelvis": ("hips", "hip", "pelvis", "spinebase"),
    "neck": ("neck", "neck0", "neck1", "lowerneck", "upperneck"),
    "head": ("head",),
}
"""The same for joints without a side. Joints of the spine are found by the tree, never by name."""


@dataclass(frozen=True)
class Maker:
    """A tool or data set that names joints in its own way."""

    name: str
    pattern: str
    """Matches, from their start and in any case, names that give the maker away."""
    least: int
    """How many different names have to match."""
    joints: str = ""
    """Its names of our 22 joints in our order, "-" for none; for tests."""
    others: str = ""
    """Further names of its rigs; for tests."""


MAKERS = (
    Maker("Mixamo", r"mixamorig", 5,
          "mixamorig:Hips mixamorig:LeftUpLeg mixamorig:RightUpLeg mixamorig:Spine mixamorig:LeftLeg "
          "mixamorig:RightLeg mixamorig:Spine1 mixamorig:LeftFoot mixamorig:RightFoot mixamorig:Spine2 "
          "mixamorig:LeftToeBase mixamorig:RightToeBase mixamorig:Neck mixamorig:LeftShoulder "
          "mixamorig:RightShoulder mixamorig:Head mixamorig:LeftArm mixamorig:RightArm mixamorig:LeftForeArm "
          "mixamorig:RightForeArm mixamorig:LeftHand mixamorig:RightHand"),
    Maker("VRM", r"J_Bip_", 5,
          "J_Bip_C_Hips J_Bip_L_UpperLeg J_Bip_R_UpperLeg J_Bip_C_Spine J_Bip_L_LowerLeg J_Bip_R_LowerLeg "
          "J_Bip_C_Chest J_Bip_L_Foot J_Bip_R_Foot J_Bip_C_UpperChest J_Bip_L_ToeBase J_Bip_R_ToeBase "
          "J_Bip_C_Neck J_Bip_L_Shoulder J_Bip_R_Shoulder J_Bip_C_Head J_Bip_L_UpperArm J_Bip_R_UpperArm "
          "J_Bip_L_LowerArm J_Bip_R_LowerArm J_Bip_L_Hand J_Bip_R_Hand"),
    Maker("Second Life", r"m(?:Hip|Knee|Ankle|Collar|Shoulder|Elbow|Wrist)(?:Left|Right)$", 8,
          "mPelvis mHipLeft mHipRight mTorso mKneeLeft mKneeRight mSpine3 mAnkleLeft mAnkleRight mChest mFootLeft "
          "mFootRight mNeck mCollarLeft mCollarRight mHead mShoulderLeft mShoulderRight mElbowLeft mElbowRight "
          "mWristLeft mWristRight", others="mHindLimb1Left mWing1Left mTail1"),
    Maker("3ds Max Biped", r"(?:ValveBiped\.)?Bip\d+", 5,
          "Bip01_Pelvis Bip01_L_Thigh Bip01_R_Thigh Bip01_Spine Bip01_L_Calf Bip01_R_Calf Bip01_Spine1 "
          "Bip01_L_Foot Bip01_R_Foot Bip01_Spine2 Bip01_L_Toe0 Bip01_R_Toe0 Bip01_Neck Bip01_L_Clavicle "
          "Bip01_R_Clavicle Bip01_Head Bip01_L_UpperArm Bip01_R_UpperArm Bip01_L_Forearm Bip01_R_Forearm "
          "Bip01_L_Hand Bip01_R_Hand"),
    Maker("Daz", r"(?:hip|abdomen|[lr](?:Thigh|Shin|Shldr|ForeArm|Collar))$|[lr](?:ThighBend|ShldrBend)$", 6,
          "hip lThigh rThigh abdomen lShin rShin - lFoot rFoot chest - - neck lCollar rCollar head lShldr rShldr "
          "lForeArm rForeArm lHand rHand"),
    Maker("CMU", r"[lr](?:femur|tibia|humerus|radius)$", 8,
          "root lfemur rfemur lowerback ltibia rtibia upperback lfoot rfoot thorax ltoes rtoes lowerneck "
          "lclavicle rclavicle head lhumerus rhumerus lradius rradius lwrist rwrist"),
    Maker("CMU", r"[LR]HipJoint$|LowerBack$|Neck1$", 4,
          "Hips LeftUpLeg RightUpLeg Spine LeftLeg RightLeg - LeftFoot RightFoot Spine1 LeftToeBase RightToeBase "
          "Neck1 LeftShoulder RightShoulder Head LeftArm RightArm LeftForeArm RightForeArm LeftHand RightHand",
          others="LHipJoint RHipJoint LowerBack Neck"),
    Maker("Bandai-Namco", r"joint_Root$|(?:Upper|Lower)(?:Leg|Arm)_[LR]$", 8,
          "Hips UpperLeg_L UpperLeg_R Spine LowerLeg_L LowerLeg_R Spine2 Foot_L Foot_R Chest Toes_L Toes_R Neck "
          "Shoulder_L Shoulder_R Head UpperArm_L UpperArm_R LowerArm_L LowerArm_R Hand_L Hand_R",
          others="joint_Root"),
    Maker("Unreal", r"(?:thigh|calf|upperarm|lowerarm|clavicle|ball)_[lr]$", 8,
          "pelvis thigh_l thigh_r spine_01 calf_l calf_r spine_02 foot_l foot_r spine_03 ball_l ball_r neck_01 "
          "clavicle_l clavicle_r head upperarm_l upperarm_r lowerarm_l lowerarm_r hand_l hand_r"),
    Maker("Xsens MVN", r"(?:L5|L3|T12|T8|(?:Left|Right)(?:Upper|Lower)Leg)$", 8,
          "Pelvis LeftUpperLeg RightUpperLeg L5 LeftLowerLeg RightLowerLeg T12 LeftFoot RightFoot T8 LeftToe "
          "RightToe Neck LeftShoulder RightShoulder Head LeftUpperArm RightUpperArm LeftForeArm RightForeArm "
          "LeftHand RightHand", others="L3"),
    Maker("Xsens, 100STYLE", r"(?:Chest4|(?:Left|Right)(?:Collar|Elbow|Knee|Ankle))$", 9,
          "Hips LeftHip RightHip Chest LeftKnee RightKnee Chest2 LeftAnkle RightAnkle Chest4 LeftToe RightToe Neck "
          "LeftCollar RightCollar Head LeftShoulder RightShoulder LeftElbow RightElbow LeftWrist RightWrist",
          others="Chest3"),
    Maker("Unity, VRM", r"(?:Left|Right)(?:Upper|Lower)(?:Leg|Arm)$", 8,
          "Hips LeftUpperLeg RightUpperLeg Spine LeftLowerLeg RightLowerLeg Chest LeftFoot RightFoot UpperChest "
          "LeftToes RightToes Neck LeftShoulder RightShoulder Head LeftUpperArm RightUpperArm LeftLowerArm "
          "RightLowerArm LeftHand RightHand"),
    Maker("Perception Neuron", r"(?:Left|Right)InHand", 2,
          "Hips LeftUpLeg RightUpLeg Spine LeftLeg RightLeg Spine1 LeftFoot RightFoot Spine2 - - Neck LeftShoulder "
          "RightShoulder Head LeftArm RightArm LeftForeArm RightForeArm LeftHand RightHand",
          others="LeftInHandIndex RightInHandIndex"),
    Maker("Rokoko", r"(?:Left|Right)(?:Thigh|Shin)$", 4,
          "Hips LeftThigh RightThigh Spine1 LeftShin RightShin Spine2 LeftFoot RightFoot Spine3 LeftToe RightToe "
          "Neck LeftShoulder RightShoulder Head LeftArm RightArm LeftForeArm RightForeArm LeftHand RightHand"),
    Maker("SMPL", r"(?:.*_)?(?:[LR]|left|right)_(?:Hip|Knee|Ankle|Collar|Wrist)$", 8,
          "m_avg_Pelvis m_avg_L_Hip m_avg_R_Hip m_avg_Spine1 m_avg_L_Knee m_avg_R_Knee m_avg_Spine2 m_avg_L_Ankle "
          "m_avg_R_Ankle m_avg_Spine3 m_avg_L_Foot m_avg_R_Foot m_avg_Neck m_avg_L_Collar m_avg_R_Collar "
          "m_avg_Head m_avg_L_Shoulder m_avg_R_Shoulder m_avg_L_Elbow m_avg_R_Elbow m_avg_L_Wrist m_avg_R_Wrist"),
    Maker("Rigify", r"(?:DEF|ORG)-", 8,
          "DEF-hips DEF-thigh.L DEF-thigh.R DEF-spine DEF-shin.L DEF-shin.R DEF-spine.001 DEF-foot.L DEF-foot.R "
          "DEF-spine.002 DEF-toe.L DEF-toe.R DEF-neck DEF-shoulder.L DEF-shoulder.R DEF-head DEF-upper_arm.L "
          "DEF-upper_arm.R DEF-forearm.L DEF-forearm.R DEF-hand.L DEF-hand.R"),
    Maker("Kinect", r"Spine(?:Base|Mid|Shoulder)$", 3,
          "SpineBase HipLeft HipRight SpineLow KneeLeft KneeRight SpineMid AnkleLeft AnkleRight SpineShoulder "
          "FootLeft FootRight Neck CollarLeft CollarRight Head ShoulderLeft ShoulderRight ElbowLeft ElbowRight "
          "WristLeft WristRight"),
    Maker("LAFAN1", r"(?:Left|Right)(?:UpLeg|Toe)$", 4,
          "Hips LeftUpLeg RightUpLeg Spine LeftLeg RightLeg Spine1 LeftFoot RightFoot Spine2 LeftToe RightToe Neck "
          "LeftShoulder RightShoulder Head LeftArm RightArm LeftForeArm RightForeArm LeftHand RightHand"),
    Maker("MotionBuilder", r"(?:Left|Right)(?:UpLeg|ToeBase|ForeArm)$", 4,
          "a:Hips a:LeftUpLeg a:RightUpLeg a:Spine a:LeftLeg a:RightLeg a:Spine1 a:LeftFoot a:RightFoot a:Spine2 "
          "a:LeftToeBase a:RightToeBase a:Neck a:LeftShoulder a:RightShoulder a:Head a:LeftArm a:RightArm "
          "a:LeftForeArm a:RightForeArm a:LeftHand a:RightHand", others="a:Reference"),
    Maker("classic BVH", r"(?:Left|Right)(?:Hip|Knee|Ankle|Elbow|Wrist)$", 8,
          "Hips LeftHip RightHip Chest LeftKnee RightKnee Chest2 LeftAnkle RightAnkle Chest3 LeftToe RightToe Neck "
          "LeftCollar RightCollar Head LeftShoulder RightShoulder LeftElbow RightElbow LeftWrist RightWrist"),
)  # fmt: skip
"""The first whose pattern fits counts."""

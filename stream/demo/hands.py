"""The worker's arms: a sleeve, a gloved palm, four fingers and a thumb, all tapered limbs."""

import numpy as np

from stream.demo.motion import Hand
from stream.demo.raster import Canvas, Color, at
from stream.pipeline.items import Float64

SLEEVE: Color = (44, 62, 96)
CUFF: Color = (28, 40, 66)
GLOVE: Color = (206, 210, 206)
COATING: Color = (62, 128, 132)
_ELBOW = np.array([0.34, -0.16, 0.02])
"""Of the right arm, at rest."""
_SHADOW_DRIFT = at(0.6, -0.25, 0.0)
"""Of a shadow, per metre of height: the lamp hangs ahead on the left."""
_SHOULDER_TO_REST = np.array([0.22, 0.25, 0.05])


def paint_hand(canvas: Canvas, hand: Hand, side: int) -> None:
    """Paint an arm; ``side`` 1 is the right one, -1 the left one."""
    elbow = _elbow(hand, side)
    ahead = _unit(hand.wrist - elbow)
    aside = _unit(np.cross(ahead, [0.0, 0.0, 1.0])) * -side  # towards the thumb
    cuff = hand.wrist - 0.045 * ahead
    canvas.limb(elbow, cuff, 0.062, 0.041, SLEEVE)
    canvas.limb(cuff, cuff + 0.02 * ahead, 0.043, 0.041, CUFF)
    canvas.limb(hand.wrist - 0.02 * ahead, hand.wrist + 0.05 * ahead, 0.032, 0.041, GLOVE)
    _thumb(canvas, hand, ahead, aside)
    for index in range(4):
        _finger(canvas, hand, ahead, aside, index)


def cast_shadow(canvas: Canvas, left: Hand, right: Hand) -> None:
    """Darken the bench under both arms."""
    limbs = []
    for hand, side in ((left, -1), (right, 1)):
        elbow = _elbow(hand, side)
        tip = hand.wrist + 0.12 * _unit(hand.wrist - elbow)
        elbow, wrist, tip = (place + place[2] * _SHADOW_DRIFT for place in (elbow, hand.wrist, tip))
        limbs += [(elbow, wrist, 0.05), (wrist, tip, 0.045)]
    canvas.shadow(limbs, 0.5)


def _elbow(hand: Hand, side: int) -> Float64:
    mirrored = at(side, 1.0, 1.0)
    return _ELBOW * mirrored + 0.4 * (hand.wrist - _SHOULDER_TO_REST * mirrored)


def _finger(canvas: Canvas, hand: Hand, ahead: Float64, aside: Float64, index: int) -> None:
    """Two joints; a closed grip bends them down and together."""
    spread = (1.5 - index) * (0.021 - 0.004 * hand.grip)
    length = (0.042, 0.047, 0.045, 0.036)[index]
    knuckle = hand.wrist + 0.072 * ahead + spread * aside
    down = np.array([0.0, 0.0, -1.0])
    middle = knuckle + length * (ahead * (1.0 - 0.35 * hand.grip) + down * (0.25 + 0.45 * hand.grip))
    tip = middle + 0.8 * length * (
        ahead * (0.7 - 0.6 * hand.grip) + down * (0.5 + 0.4 * hand.grip) - 0.3 * spread * aside
    )
    canvas.limb(knuckle - 0.02 * ahead, middle, 0.0145, 0.0125, GLOVE)
    canvas.limb(middle, tip, 0.0128, 0.0105, COATING)


def _thumb(canvas: Canvas, hand: Hand, ahead: Float64, aside: Float64) -> None:
    root = hand.wrist + 0.015 * ahead + 0.03 * aside
    outward = 0.75 - 0.45 * hand.grip
    joint = root + 0.045 * (outward * aside + ahead + np.array([0.0, 0.0, -0.35]))
    tip = joint + 0.036 * (ahead - 0.4 * hand.grip * aside + np.array([0.0, 0.0, -0.5]))
    canvas.limb(root, joint, 0.021, 0.0155, GLOVE)
    canvas.limb(joint, tip, 0.0152, 0.012, COATING)


def _unit(vector: Float64) -> Float64:
    return vector / np.linalg.norm(vector)

"""Natural standing poses, as bone rotations in MakeHuman axes (x left, y up, z forward)."""

from __future__ import annotations

import numpy as np

POSES = ("standing", "walking", "hand_on_hip", "arms_open")


def rotation(axis: str, angle: float) -> np.ndarray:
    """Right-handed rotation matrix (3, 3) about x, y or z by `angle` radians."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    m = np.eye(3)
    m[i, i] = m[j, j] = c
    m[i, j], m[j, i] = -s, s
    return m


def take_pose(name: str, arms: float, head: float) -> dict[str, np.ndarray]:
    """Rotations for a named pose. `arms` and `head` are standard normal numbers: the take.

    The sign of `arms` chooses the leading side, its size how far limbs swing; `head` turns and
    tilts the head. Negating all takes mirrors the pose.
    """
    side, swing = (1.0 if arms >= 0 else -1.0), float(np.clip(abs(arms), 0, 2.5)) / 2.5
    nod = float(np.clip(head, -2, 2)) / 2
    down = 0.1 if name == "arms_open" else 0.68 - 0.06 * swing
    pose = {"neck02": rotation("y", 0.08 * nod), "head": rotation("z", 0.05 * nod)}
    for bone, sign in (("L", 1.0), ("R", -1.0)):
        bend = 0.18 + (0.22 * swing if sign == side else 0.0)
        pose[f"upperarm01.{bone}"] = rotation("z", -down * sign)
        pose[f"lowerarm01.{bone}"] = rotation("x", -bend)
    if name == "walking":
        step = 0.26 + 0.1 * swing
        for bone, sign in (("L", side), ("R", -side)):
            pose[f"upperleg01.{bone}"] = rotation("x", -step * sign)
            pose[f"lowerleg01.{bone}"] = rotation("x", 0.1 + (0.5 * step if sign < 0 else 0.0))
            pose[f"upperarm01.{bone}"] = rotation("x", step * sign) @ pose[f"upperarm01.{bone}"]
    if name == "hand_on_hip":
        bone = "L" if side > 0 else "R"
        pose[f"upperarm01.{bone}"] = rotation("y", 0.45 * side) @ rotation("z", -0.1 * side)
        pose[f"lowerarm01.{bone}"] = rotation("y", -0.5 * side) @ rotation("z", -1.35 * side)
    return pose


def sample_pose_calm(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The pose of reference pictures: frontal, arms hanging."""
    down, bend = rng.uniform(0.62, 0.7), rng.uniform(0.12, 0.22)
    return {
        "upperarm01.L": rotation("z", -down),
        "upperarm01.R": rotation("z", down),
        "lowerarm01.L": rotation("x", -bend),
        "lowerarm01.R": rotation("x", -bend),
    }

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


def sample_pose(rng: np.random.Generator, name: str) -> dict[str, np.ndarray]:
    """Rotations for a named pose with small random variation."""
    u = rng.uniform
    down = u(0.42, 0.56)
    if name == "arms_open":
        down = u(0.0, 0.2)
    pose = {
        "upperarm01.L": rotation("z", -down),
        "upperarm01.R": rotation("z", down),
        "lowerarm01.L": rotation("x", -u(0.1, 0.35)),
        "lowerarm01.R": rotation("x", -u(0.1, 0.35)),
        "neck02": rotation("y", u(-0.2, 0.2)),
        "head": rotation("y", u(-0.15, 0.15)) @ rotation("z", u(-0.08, 0.08)),
    }
    if name == "walking":
        side = 1.0 if rng.random() < 0.5 else -1.0
        step = u(0.25, 0.4)
        for bone, sign in (("L", side), ("R", -side)):
            pose[f"upperleg01.{bone}"] = rotation("x", -step * sign)
            pose[f"lowerleg01.{bone}"] = rotation("x", 0.1 + (0.5 * step if sign < 0 else 0.0))
            arm = pose[f"upperarm01.{bone}"]
            pose[f"upperarm01.{bone}"] = rotation("x", 0.8 * step * sign) @ arm
    if name == "hand_on_hip":
        bone, sign = ("L", 1.0) if rng.random() < 0.5 else ("R", -1.0)
        pose[f"upperarm01.{bone}"] = rotation("y", 0.45 * sign) @ rotation("z", -0.1 * sign)
        pose[f"lowerarm01.{bone}"] = rotation("y", -0.5 * sign) @ rotation("z", -1.35 * sign)
    return pose


def sample_pose_calm(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The pose of reference pictures: frontal, arms slightly away from the body."""
    down, bend = rng.uniform(0.42, 0.48), rng.uniform(0.1, 0.2)
    return {
        "upperarm01.L": rotation("z", -down),
        "upperarm01.R": rotation("z", down),
        "lowerarm01.L": rotation("x", -bend),
        "lowerarm01.R": rotation("x", -bend),
    }

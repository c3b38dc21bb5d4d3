from .baseline import mean_pose_placed, mean_pose_turned, measure, summarise
from .network import BodyNet, BodyPart, head_box

__all__ = [
    "BodyNet",
    "BodyPart",
    "head_box",
    "mean_pose_placed",
    "mean_pose_turned",
    "measure",
    "summarise",
]

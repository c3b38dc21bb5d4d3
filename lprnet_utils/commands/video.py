"""lprnet video: a video with its faces drawn over it."""

import argparse
import sys
from pathlib import Path

from ..video.files import MAX_FPS, MIN_FPS
from .options import AT_LEAST_1, add_command, add_shared, bounded, counted

EXAMPLES = """examples:
  lprnet video talk.mp4 faces.mp4                    landmarks on it, the face beside it
  lprnet video talk.mp4 faces.mp4 --overlay mesh --record faces.npz
  lprnet video talk.mp4 faces.csv                    only the numbers: landmarks, pose, expression of every frame
  lprnet video talk.mp4 me.glb                       only the head of its main face, which moves as the face does

exit status: 0 done; 1 done, but no face, with --require-face; 2 IN cannot be read or OUT written;
130 stopped by Ctrl-C, 143 by SIGTERM
"""


def video(arguments: argparse.Namespace) -> int:
    """Draw the faces found in a video over it, and a turning 3D face beside it. The sound is kept."""
    from ..common.files import check_ending
    from ..reconstruction.lprnet import LPRNet
    from ..video.annotate import AVATAR_ENDINGS, RECORD_ENDINGS, VideoOptions, annotate_video
    from ..video.files import VIDEO_ENDINGS

    target, record, avatar = arguments.output, arguments.record, arguments.avatar
    if record is None and avatar is None:
        check_ending(target, (*VIDEO_ENDINGS, *RECORD_ENDINGS, *AVATAR_ENDINGS))
        if target.suffix.lower() in RECORD_ENDINGS:
            target, record = None, target
        elif target.suffix.lower() in AVATAR_ENDINGS:
            target, avatar = None, target
    options = VideoOptions(
        overlay=arguments.overlay,
        turn=arguments.turn,
        photo_colors=not arguments.clay,
        smooth=not arguments.no_smoothing,
        max_faces=arguments.max_faces,
        fps=arguments.fps,
        height=arguments.height,
    )
    net = LPRNet(arguments.weights, closer_look=arguments.closer_look)
    report = annotate_video(arguments.video, target, net, options, record, avatar=avatar)
    found = f"{counted(report.faces, 'face')}, in {report.frames_with_faces} of {counted(report.frames, 'frame')}"
    print(f"{found}; {' and '.join(str(p) for p in (target, record, avatar) if p)}")
    for note in report.notes:
        print(f"lprnet: {note}", file=sys.stderr)
    return int(arguments.require_face and not report.faces)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet video``."""
    from ..video.annotate import OVERLAYS, TURNS

    parser = add_command(commands, "video", video, "a video and its faces", EXAMPLES)
    add = parser.add_argument
    add("video", type=Path, metavar="IN", help="any video that ffmpeg reads")
    add(
        "output",
        type=Path,
        metavar="OUT",
        help=".mp4, .mov, .m4v or .mkv; .csv or .npz: only numbers; .glb: only a head",
    )
    add("--overlay", choices=OVERLAYS, default="landmarks", help="drawn over the faces (%(default)s)")
    add("--turn", choices=TURNS, default="sway", help="how the 3D face beside it turns (%(default)s)")
    add("--clay", action="store_true", help="draw that face without the video's colours")
    add("--record", type=Path, metavar="FILE", help="a .csv or .npz of numbers for each face and frame")
    add("--avatar", type=Path, metavar="FILE", help="a .glb of the main face's head, which moves as it does")
    add("--no-smoothing", action="store_true", help="do not smooth the faces over time")
    add("--fps", type=bounded(MIN_FPS, MAX_FPS, float), help="frames per second of OUT (those of IN)")
    add("--height", type=AT_LEAST_1, help="shrink OUT to this height in pixels")
    add_shared(parser, "--weights", "--closer-look", "--max-faces")
    add("--require-face", action="store_true", help="exit with 1 if the video has no face")

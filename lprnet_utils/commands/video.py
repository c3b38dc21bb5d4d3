"""lprnet video: a video with its faces drawn over it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .options import add_network_options, counted


def video(options: argparse.Namespace) -> int:
    """The same video with its faces drawn over it and a turning 3D face beside it; sound is kept."""
    from ..reconstruction.lprnet import LPRNet
    from ..video.annotate import RECORDS, annotate_video

    target, record = options.output, options.record
    if target.suffix.lower() in RECORDS and record is None:
        target, record = None, target
    report = annotate_video(
        options.video, target, LPRNet(options.weights), options.overlay, options.turn, not options.clay, record,
        options.max_faces, not options.no_smoothing, options.fps, options.height,
    )  # fmt: skip
    found = f"{counted(report.faces, 'face')}, in {report.frames_with_faces} of {counted(report.frames, 'frame')}"
    print(f"{found}; {' and '.join(str(p) for p in (target, record) if p)}")
    for note in report.notes:
        print(f"lprnet: {note}", file=sys.stderr)
    return int(options.require_face and not report.faces)


VIDEO_EXAMPLES = """examples:
  lprnet video talk.mp4 faces.mp4                    landmarks on it, the face beside it
  lprnet video talk.mp4 faces.mp4 --overlay mesh --record faces.npz
  lprnet video talk.mp4 faces.csv                    only the numbers: landmarks, pose, expression of every frame

exit status: 0 done; 1 done, but no face, with --require-face; 2 IN cannot be read or OUT written; 130 stopped by Ctrl-C
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``lprnet video``."""
    from ..video.annotate import OVERLAYS, TURNS

    one = commands.add_parser(
        "video",
        help="a video and its faces",
        description=video.__doc__,
        epilog=VIDEO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.add_argument("video", type=Path, metavar="IN", help="any video that ffmpeg reads")
    one.add_argument("output", type=Path, metavar="OUT", help=".mp4, .mov, .m4v or .mkv; .csv or .npz: only numbers")
    one.add_argument("--overlay", choices=OVERLAYS, default="landmarks", help="what is drawn on it (%(default)s)")
    one.add_argument("--turn", choices=TURNS, default="sway", help="of the face beside it (%(default)s)")
    one.add_argument("--clay", action="store_true", help="that face without the video's colours")
    one.add_argument("--record", type=Path, metavar="FILE", help="a .csv or .npz of numbers for each face and frame")
    one.add_argument("--no-smoothing", action="store_true", help="every frame as the network sees it")
    one.add_argument("--fps", type=float, help="frames a second (those of IN)")
    one.add_argument("--height", type=int, help="shrink the output to so many pixels")
    one.add_argument("--require-face", action="store_true", help="exit with 1 if there is no face")
    add_network_options(one)
    one.set_defaults(function=video)

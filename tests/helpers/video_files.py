"""Videos made by moviepy's ffmpeg, for tests."""

import subprocess


def ffmpeg(*arguments):
    """Run ffmpeg; an error raises CalledProcessError."""
    from moviepy.config import FFMPEG_BINARY

    command = [FFMPEG_BINARY, "-y", "-loglevel", "error", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def pattern_video(path, *options, size="64x48", rate=10, seconds=1):
    """Write a moving test pattern without a face, and return its path."""
    ffmpeg("-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}", *options, path)
    return path

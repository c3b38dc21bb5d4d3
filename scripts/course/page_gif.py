"""Draw ``docs/page.gif``, the moving picture of the web page in README.md, from what a browser shows.

    make web
    python scripts/course/page_gif.py [--output docs/page.gif]

It needs Node and Chromium, and takes a minute or two.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from PIL import Image

from lprnet_utils.commands.serve import PageServer, page_folder

ROOT = Path(__file__).resolve().parents[2]
TOUR = ROOT / "web" / "tests" / "browser" / "tour.mjs"
BROWSERS = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"
VIEWPORT = {"width": 1000, "height": 680}
WIDTH = 720  # of the picture
COLOURS = 255


def take_frames(folder: Path) -> None:
    """Let a browser walk through the page, and write what it shows into a folder."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with PageServer(page_folder()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        task = {
            "chromium": browser,
            "address": server.address,
            "folder": str(folder),
            "context": {"viewport": VIEWPORT},
        }
        subprocess.run(["node", str(TOUR), json.dumps(task)], check=True, stdout=subprocess.DEVNULL)
        server.shutdown()


def frames_of(folder: Path) -> tuple[list[Image.Image], list[int]]:
    """The pictures in few colours, and for how many milliseconds each is shown."""
    paths = sorted(folder.glob("*.png"))
    pictures = []
    for path in paths:
        picture = Image.open(path).convert("RGB")
        height = round(picture.height * WIDTH / picture.width)
        small = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
        pictures.append(small.quantize(COLOURS, dither=Image.Dither.FLOYDSTEINBERG))
    return pictures, [10 * int(path.stem.split("-")[1]) for path in paths]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "page.gif")
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        take_frames(Path(folder))
        first, *others = (frames := frames_of(Path(folder)))[0]
    first.save(output, save_all=True, append_images=others, duration=frames[1], loop=0, optimize=False)
    print(f"{output}: {len(frames[1])} frames, {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

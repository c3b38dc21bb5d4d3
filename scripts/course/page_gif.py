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
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from lprnet_utils.commands.serve import PageServer, page_folder, running

ROOT = Path(__file__).resolve().parents[2]
TOUR = ROOT / "web" / "tests" / "browser" / "tour.mjs"
BROWSERS = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"
VIEWPORT = {"width": 1000, "height": 680}
WIDTH = 512  # of the picture; a test holds the file under a megabyte
COLOURS = 255
MAX_DIFFERENCE = 4.0  # grey levels; beyond it a picture has a palette of its own


def take_frames(folder: Path) -> None:
    """Let a browser walk through the page, and write what it shows into a folder."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with running(PageServer(page_folder())) as address:
        context = {"viewport": VIEWPORT, "reducedMotion": "reduce"}  # each picture is as it should stay
        task = {"chromium": browser, "address": address, "folder": str(folder), "context": context}
        subprocess.run(["node", str(TOUR), json.dumps(task)], check=True, stdout=subprocess.DEVNULL)


def frames_of(folder: Path) -> tuple[list[Image.Image], list[int]]:
    """The pictures in few colours, and for how many milliseconds each is shown.

    A picture keeps the palette of the one before if that suits it: what does not change then takes no bytes.
    """
    paths = sorted(folder.glob("*.png"))
    pictures = []
    for path in paths:
        picture = Image.open(path).convert("RGB")
        height = round(picture.height * WIDTH / picture.width)
        pictures.append(picture.resize((WIDTH, height), Image.Resampling.LANCZOS))
    few: list[Image.Image] = []
    for picture in pictures:
        kept = picture.quantize(palette=few[-1], dither=Image.Dither.NONE) if few else None
        if kept is None or difference(kept, picture) > MAX_DIFFERENCE:
            kept = picture.quantize(COLOURS, kmeans=1, dither=Image.Dither.NONE)
        few.append(kept)
    return few, [10 * int(path.stem.split("-")[1]) for path in paths]


def difference(few: Image.Image, picture: Image.Image) -> float:
    """Root of the mean square difference in grey levels."""
    return max(ImageStat.Stat(ImageChops.difference(few.convert("RGB"), picture)).rms)


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

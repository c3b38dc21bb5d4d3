"""Build the site from the notebooks, with their stored outputs, and from the documents.

    python scripts/course/build_site.py [--output outputs/site] [--external]        (or: make site)

The pages are copied into ``source`` in the output folder, with links that lead to other files of the repository turned
into links to GitHub; Sphinx makes ``html`` of them. Any warning stops the build, and so does a link to a page, file
or heading that the site lacks. If ``make web`` has built the web page, it is there too. With ``--external`` the
links to other servers are tried instead. It takes about a minute.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

import nbformat
from badges import SITE_BADGE
from pages import ADDRESS, BRANCH, REPOSITORY, ROOT
from site_links import broken_links

SOURCE = Path(__file__).parent / "site_source"
WEB_PAGE = ROOT / "web" / "dist" / "page"
PROJECT_PAGES = "CONTRIBUTING.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "SECURITY.md"
OTHER_PAGES = "data/README.md", "data/weights/README.md", "data/closer_look/README.md", "web/README.md"
PLOTLY = "application/vnd.plotly.v1+json"
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def chapters() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def documents() -> list[Path]:
    """The pages of ``docs/`` in the order in which its index names them, the index first."""
    index = ROOT / "docs" / "README.md"
    named = re.findall(r"\]\((\w[\w-]*\.md)\)", index.read_text(encoding="utf-8"))
    return [index, *(index.with_name(name) for name in dict.fromkeys(named))]


def all_pages() -> list[Path]:
    return [ROOT / "README.md", *chapters(), *documents(), *(ROOT / name for name in PROJECT_PAGES + OTHER_PAGES)]


def with_site_links(text: str, page: Path, pages: Iterable[Path], copy: Callable[[Path], None]) -> str:
    """The Markdown of a page with links that hold on the site: other files are on GitHub, pictures are copied."""
    known = set(pages)

    def replaced(match: re.Match) -> str:
        before, target, after = match.groups()
        if re.match(r"\w+:", target):
            return match[0]
        path = (page.parent / target).resolve()
        if path == ROOT / "README.md":
            return f"{before}{os.path.relpath(ROOT / 'index.md', page.parent)}{after}"
        if path in known or not path.exists():  # what does not exist is Sphinx's to report
            return match[0]
        if path.suffix in (".png", ".jpg", ".gif", ".webp"):
            copy(path)
            return match[0]
        kind = "tree" if path.is_dir() else "blob"
        return f"{before}{REPOSITORY}/{kind}/{BRANCH}/{path.relative_to(ROOT).as_posix()}{after}"

    return LINK.sub(replaced, text)


def for_the_site(notebook: nbformat.NotebookNode, descriptions: dict[str, str], up: str) -> nbformat.NotebookNode:
    """A notebook whose plotly figures are HTML and whose solutions are folded; its pictures' descriptions are added."""
    drawn = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        tags = cell.metadata.setdefault("tags", [])
        if "solution" in tags or cell.metadata.get("jupyter", {}).get("source_hidden"):
            tags.append("hide-input")
        for output in cell.outputs:
            data = output.get("data", {})
            for kind in ("image/png", "image/jpeg", "image/gif"):
                if kind in data and (alt := output.metadata.get(kind, {}).get("alt")):
                    descriptions[picture_name(data[kind])] = alt
            if PLOTLY in data:
                drawn += 1
                data["text/html"] = plotly_figure(data.pop(PLOTLY), f"figure-{drawn}", up if drawn == 1 else None)
    return notebook


def picture_name(content: str) -> str:
    """The name, without ending, that myst-nb gives to a picture in base 64."""
    from base64 import b64decode

    return sha256(b64decode(content)).hexdigest()


def plotly_figure(figure: dict, identity: str, library: str | None) -> str:
    """HTML that draws a plotly figure, with the library in the site's own folder."""
    height = figure.get("layout", {}).get("height", 480)
    parts = [f'<script src="{library}_static/plotly.min.js"></script>'] if library is not None else []
    parts.append(f'<div id="{identity}" class="plotly-figure" style="height:{height}px"></div>')
    values = json.dumps([figure["data"], figure["layout"]]).replace("</", "<\\/")
    parts.append(
        f"<script>(([data, layout]) => {{ delete layout.width; Plotly.newPlot('{identity}', data, layout, "
        f"{{responsive: true, displaylogo: false}}); }})({values})</script>"
    )
    return "\n".join(parts)


def contents(caption: str, lines: Iterable[str]) -> str:
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *lines, "```", ""])


def cover(text: str, web_page: bool) -> str:
    """The first page: README without its badges, then the table of contents of the whole site."""
    text = re.sub(r"^\[!\[.*\n", "", text, flags=re.MULTILINE)
    titles = dict((name, title) for title, name in re.findall(r"^- \[(.+?)\]\(notebooks/(\w+)\.ipynb\)", text, re.M))
    course = [f"{titles.get(path.stem, path.stem)} <notebooks/{path.stem}>" for path in chapters()]
    if web_page:
        text = text.replace(
            "\n## How it works", "\n**[Try it in your browser](try.md)**, on a photo or your camera.\n\n## How it works"
        )
    show = [*(["In your browser <try>"] if web_page else []), "docs/gallery"]
    pages = [f"docs/{path.stem}" for path in documents() if path.stem != "gallery"]
    others = [name.removesuffix(".md") for name in PROJECT_PAGES + OTHER_PAGES]
    return (
        text
        + contents("To see", show)
        + contents("The course", course)
        + contents("Documents", pages)
        + contents("The project", others)
    )


TRY = """# In your browser

The face from your camera, a photo or a video, in 3D. All of it runs in this page; nothing is uploaded.
<a href="page/index.html">Open it alone</a>, which is better on a phone.

<iframe class="web-page" src="page/index.html" title="The web page: a face in 3D from a photo, a video or the camera"
  allow="camera; fullscreen" loading="lazy"></iframe>
"""


def collect(source: Path, web_page: bool) -> None:
    """Write the sources of the site into an empty folder."""
    pages, descriptions = all_pages(), {}

    def copy(path: Path) -> None:
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)

    for page in pages:
        copy(page)
        target = source / page.relative_to(ROOT)
        if page.suffix == ".ipynb":
            notebook = for_the_site(nbformat.read(page, as_version=4), descriptions, "../")
            for cell in (cell for cell in notebook.cells if cell.cell_type == "markdown"):
                cell.source = with_site_links(SITE_BADGE.sub("", cell.source), page, pages, copy)
            nbformat.write(notebook, target)
        else:
            text = with_site_links(page.read_text(encoding="utf-8"), page, pages, copy)
            target.write_text(text, encoding="utf-8")
    index = source / "README.md"
    (source / "index.md").write_text(cover(index.read_text(encoding="utf-8"), web_page), encoding="utf-8")
    index.unlink()
    if web_page:
        (source / "try.md").write_text(TRY, encoding="utf-8")
    version = re.search(r'__version__ = "(.+)"', (ROOT / "lprnet_utils" / "__init__.py").read_text())[1]
    settings = {"version": version, "repository": REPOSITORY, "branch": BRANCH, "address": ADDRESS}
    (source / "settings.json").write_text(json.dumps(settings | {"descriptions": descriptions}), encoding="utf-8")
    shutil.copy(SOURCE / "conf.py", source)
    (source / "_static").mkdir()
    shutil.copy(SOURCE / "site.css", source / "_static")
    from plotly.offline import get_plotlyjs

    (source / "_static" / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")


def finish(html: Path, web_page: bool) -> None:
    """Put the notebooks as they are committed behind the download buttons, and the web page beside the others."""
    for path in chapters():
        shutil.copy(path, html / "_sources" / "notebooks" / path.name)
    if web_page:
        shutil.copytree(WEB_PAGE, html / "page")
    (html / ".nojekyll").touch()  # GitHub leaves out folders with an underscore without this file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "site")
    parser.add_argument("--external", action="store_true", help="try the links to other servers, build nothing")
    options = parser.parse_args()
    source, html = options.output / "source", options.output / "html"
    web_page = (WEB_PAGE / "index.html").is_file()
    for folder in (source, html):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    collect(source, web_page)
    builder = "linkcheck" if options.external else "html"
    command = [sys.executable, "-m", "sphinx", "-b", builder, "-W", "--keep-going", "-q", str(source), str(html)]
    if subprocess.run(command).returncode:
        raise SystemExit("the site has warnings or broken links: they are named above")
    if options.external:
        return
    finish(html, web_page)
    if broken := broken_links(html):
        raise SystemExit("\n".join(["links that lead nowhere:", *broken]))
    count, size = (
        len(list(html.rglob("*.html"))),
        sum(path.stat().st_size for path in html.rglob("*") if path.is_file()),
    )
    print(
        f"{html / 'index.html'}: {count} pages, {size / 1e6:.0f} MB"
        + ("" if web_page else "; without the web page (make web)")
    )


if __name__ == "__main__":
    main()

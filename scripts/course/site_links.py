"""The links inside a built site that lead nowhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def broken_links(folder: Path) -> list[str]:
    """``PAGE: LINK`` for each link to a file that the folder lacks, or to a heading that its page lacks.

    Pages that a program made for itself, in ``page`` (the web page) and ``_static``, are not read, only found.
    """
    paths = [p for p in sorted(folder.rglob("*.html")) if p.relative_to(folder).parts[0] not in ("page", "_static")]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in paths}
    broken = []
    for path, page in pages.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            known = pages[target].anchors if target in pages else None
            if not target.is_file() or (anchor and known is not None and anchor not in known):
                broken.append(f"{path.relative_to(folder)}: {link}")
    return broken

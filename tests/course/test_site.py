"""What the site is made of: its links, its cover, its figures. ``make site`` builds the whole and checks every link."""

import json
import re
from base64 import b64encode
from hashlib import sha256

import badges
import build_site
import nbformat
import pytest
import site_links
import yaml
from checkout import NOTEBOOKS, PROJECT, ROOT, every_notebook, text_of
from pages import ADDRESS, BRANCH, REPOSITORY


def test_links_to_nowhere_are_found_and_others_are_not(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "page.html").write_text(
        '<h1 id="one">1</h1><a href="#one">x</a><a href="#two">x</a><a href="../index.html#top">x</a>'
        '<a href="https://example.org/no">x</a><img src="no.png"><a href="..">x</a>'
    )
    (tmp_path / "index.html").write_text('<a id="top" href="a/page.html#one">x</a><a href="a/none.html">x</a>')
    assert site_links.broken_links(tmp_path) == ["a/page.html: #two", "a/page.html: no.png", "index.html: a/none.html"]


def test_links_hold_on_the_site():
    page, copied = ROOT / "docs" / "x.md", []
    text = (
        "[a](y.md#part) [b](../README.md#start) [c](../Makefile) [d](../scripts) [e](https://a.org/README.md)"
        " ![f](strip.jpg) [g](none.md)"
    )
    made = build_site.with_site_links(text, page, [ROOT / "docs" / "y.md"], copied.append)
    assert made == (
        f"[a](y.md#part) [b](../index.md#start) [c]({REPOSITORY}/blob/{BRANCH}/Makefile)"
        f" [d]({REPOSITORY}/tree/{BRANCH}/scripts) [e](https://a.org/README.md) ![f](strip.jpg) [g](none.md)"
    )
    assert copied == [ROOT / "docs" / "strip.jpg"]


def test_plotly_figures_are_drawn_solutions_folded_and_pictures_described():
    figure = {"data": [{"type": "scatter", "name": "</script>"}], "layout": {"height": 321}}
    picture = b64encode(b"a picture").decode()
    cell = nbformat.v4.new_code_cell("1", metadata={"tags": ["solution"]})
    metadata = {"image/png": {"alt": "a drawing of nothing"}}
    cell.outputs = [
        nbformat.v4.new_output("display_data", data={build_site.PLOTLY: figure}),
        nbformat.v4.new_output("display_data", data={build_site.PLOTLY: figure}),
        nbformat.v4.new_output("display_data", data={"image/png": picture}, metadata=metadata),
    ]
    described = {}
    made = build_site.for_the_site(nbformat.v4.new_notebook(cells=[cell]), described, "../").cells[0]
    first, second, _ = (output.data.get("text/html") for output in made.outputs)
    assert "hide-input" in made.metadata.tags
    assert first.count("../_static/plotly.min.js") == 1 and "plotly.min.js" not in second
    assert "height:321px" in first and first.count("</script>") == 2 and 'id="figure-2"' in second
    assert described == {sha256(b"a picture").hexdigest(): "a drawing of nothing"}


@pytest.mark.parametrize("web_page", [False, True])
def test_the_cover_leads_to_every_page(web_page):
    cover = build_site.cover(text_of(ROOT / "README.md"), web_page)
    assert "badge" not in cover and "docs/turning.gif" in cover
    for path in build_site.all_pages()[1:]:
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        assert f"\n{name}\n" in cover or f"<{name}>\n" in cover, name
    assert ("try.md" in cover) == web_page == ("<try>" in cover)
    assert "0 Quickstart <notebooks/00_quickstart>" in cover, "titles are those of README"


def test_every_document_is_on_the_site():
    assert {path.name for path in build_site.documents()} == {path.name for path in (ROOT / "docs").glob("*.md")}
    assert all(path.is_file() for path in build_site.all_pages())


def test_badges_stand_below_the_title_once(tmp_path):
    old = "# A title\n\n[![Open in Colab](a)](b)\n[![Something](c)](d)\n\n**What:** [![x](y)](z) text"
    once = badges.with_badges(old, "03_x")
    title, empty, line, *rest = once.splitlines()
    assert (title, empty, rest) == ("# A title", "", ["", "**What:** text"])
    assert line == badges.badges("03_x") and f"({ADDRESS}/notebooks/03_x.html)" in line
    assert badges.with_badges(once, "03_x") == once
    assert build_site.SITE_BADGE.sub("", line).endswith("03_x.ipynb)"), "on the site itself Colab's is left"
    with pytest.raises(SystemExit, match="title"):
        badges.with_badges("no title", "03_x")


def test_badges_change_nothing_else_of_a_notebook(tmp_path):
    path = tmp_path / NOTEBOOKS[0].name
    path.write_bytes(NOTEBOOKS[0].read_bytes())
    badges.update(path)
    assert not badges.update(path), "the second time nothing is written"
    before, after = (json.loads(p.read_text(encoding="utf-8")) for p in (NOTEBOOKS[0], path))
    assert before["cells"][1:] == after["cells"][1:]
    lines = set(NOTEBOOKS[0].read_text(encoding="utf-8").splitlines()) ^ set(
        path.read_text(encoding="utf-8").splitlines()
    )
    assert all("badge" in line or line.strip() in ('"\\n",', '"') for line in lines), lines


def test_workflows_run_targets_that_exist():
    targets = text_of(ROOT / "Makefile")
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        for job in yaml.safe_load(text_of(path))["jobs"].values():
            for command in (step.get("run", "") for step in job["steps"]):
                for word in command.split("make ")[1:]:
                    assert f"\n{word.split()[0]}:" in targets, f"{path.name}: {command}"


def test_the_addresses_are_those_of_pyproject():
    assert PROJECT["project"]["urls"]["Repository"] == REPOSITORY
    assert ADDRESS == "https://{}.github.io/{}".format(*REPOSITORY.split("/")[-2:])


def referred(text):
    """(chapter, "section" or "exercise", number) of each place of a chapter that the plans of teaching.md name."""
    for line in text.splitlines():
        if not line.startswith("| "):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        day = re.search(r"notebooks/0?(\d+)_", cells[1]) if len(cells) == 3 else None
        chapter = day[1] if day else (re.match(r"\d+", cells[1]) or [None])[0] if len(cells) == 6 else None
        for part in re.split(r"; (?=\d+, )", cells[1]):  # week 11 has two chapters
            of = (re.match(r"(\d+), ", part) or [None, chapter])[1]
            numbers = re.search(r"sections ([\d, to and]+)", part)
            for number in re.findall(r"\d+", numbers[1]) if numbers else ():
                yield int(of), "section", int(number)
        for numbers in re.findall(r"exercises? ([\d and or]+)", " ".join([cells[1], *cells[4:5]])):
            for number in re.findall(r"\d+", numbers):
                yield int(chapter), "exercise", int(number)


def test_the_teachers_plans_name_sections_and_exercises_that_exist():
    found = set(referred(text_of(ROOT / "docs" / "teaching.md")))
    assert {(1, "section", 8), (3, "exercise", 2), (8, "section", 4), (6, "exercise", 1)} <= found
    missing = []
    for chapter, kind, number in sorted(found):
        text = text_of(NOTEBOOKS[chapter])
        pattern = rf"^## {number}\. " if kind == "section" else rf"\*\*Exercise {number}\b"
        if not re.search(pattern, text, re.MULTILINE):
            missing.append(f"{NOTEBOOKS[chapter].stem}: {kind} {number}")
    assert not missing


@every_notebook
def test_a_notebook_has_the_badges_that_the_script_writes(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    assert badges.with_badges(first, path.stem) == first, "python scripts/course/badges.py notebooks/*.ipynb"

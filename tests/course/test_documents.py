"""The documents: quoted messages, links, commands and names of the package exist; README's snippet runs."""

import pkgutil
import re
import shutil

import numpy as np
import pytest
from checkout import DOCUMENTS, FORMS, MODULES, NOTEBOOKS, PROJECT, ROOT, text_of
from PIL import Image

from lprnet_utils.commands.main import parser
from lprnet_utils.common import data_path
from lprnet_utils.reconstruction import draw_landmarks, draw_mesh, draw_pose_box
from lprnet_utils.viewer import paint, swap_face

# quoted messages that other programs print
MESSAGES_OF_OTHERS = """
ERROR: Package 'lprnet_utils' requires a different Python: ... not in '>=3.11'
ERROR: No matching distribution found for tensorflow>=2.18
OSError: [Errno 28] No space left on device
'make' is not recognized as an internal or external command
ModuleNotFoundError: No module named 'lprnet_utils'
"""


PAGES = [p for p in (ROOT / "lprnet_utils" / "viewer").rglob("*") if p.suffix in (".html", ".js", ".j2")]


def test_troubleshooting_quotes_messages_that_exist():
    """Each part of a bold message, between the dots, is in a source file, unless another program prints the message."""
    source = "\n".join(map(text_of, [*MODULES, *PAGES, ROOT / "Makefile"]))
    source = re.sub(r'"\s*\n\s*f?"', "", source)  # join strings that continue on the next line
    text = text_of(ROOT / "docs" / "troubleshooting.md")
    quoted = re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\*\*`.*", text, re.MULTILINE)))
    assert len(quoted) > 15
    wrong = []
    for message in quoted:
        if message in MESSAGES_OF_OTHERS:
            continue
        parts = [part.strip(" '():,") for part in message.split("...")]
        long = [part for part in parts if len(part) > 5]
        missing = [part for part in long if part not in source]
        if missing or not long:
            wrong.append(f"{message}: {missing}")
    assert not wrong


REPOSITORY = PROJECT["project"]["urls"]["Repository"]


def broken_links(path):
    """The links of a file that lead nowhere: to a missing file of this checkout, or to a page that GitHub lacks."""
    text, broken = text_of(path), []
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in link and not (path.parent / link).exists():
            broken.append(link)
    for page in re.findall(rf"{re.escape(REPOSITORY)}/([^)#\s\"'`>]+)", text):
        inside = re.fullmatch(r"(?:blob|tree)/[\w.-]+/(.+)", page)
        known = re.match(r"(actions|compare|issues|releases|security/advisories)\b", page)
        if not (inside and (ROOT / inside[1]).exists() or known):
            broken.append(page)
    return broken


@pytest.mark.parametrize("path", [*DOCUMENTS, *FORMS, ROOT / "pyproject.toml"], ids=lambda path: path.name)
def test_links_lead_to_existing_files(path):
    assert broken_links(path) == []


def test_a_link_into_nothing_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        f"[a](page.md) [b](no.md) {REPOSITORY}/blob/main/no/such {REPOSITORY}/blob/main/docs {REPOSITORY}/wiki"
    )
    assert broken_links(page) == ["no.md", "blob/main/no/such", "wiki"]


def test_the_index_of_the_documents_has_all_pages():
    pages = sorted(path.name for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".json"))
    index = text_of(ROOT / "docs" / "README.md")
    missing = [name for name in pages if f"]({name})" not in index and f"`{name}`" not in index]
    assert missing == ["README.md"], "not in docs/README.md"


TARGETS = re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
TOP = parser()
COMMANDS = next(action.choices for action in TOP._actions if action.dest == "command")


def wrong_commands(text):
    """Commands between backticks and in code blocks that do not exist: make, lprnet, extras and scripts."""
    lines = [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^    (.+)", text, re.MULTILINE)]
    wrong = []
    for line in (line.split("  #")[0] for line in lines):
        wrong += [name for name in re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", line) if name not in TARGETS]
        for extras in re.findall(r"lprnet_utils\[([\w,]+)\]", line):
            wrong += set(extras.split(",")) - set(PROJECT["project"]["optional-dependencies"])
        wrong += [name for name in re.findall(r"\bscripts/[\w/]+\.\w+", line) if not (ROOT / name).is_file()]
        for words in (found.split() for found in re.findall(r"(?:^|\s)lprnet ((?:--)?[a-z].*)", line)):
            command = TOP if words[0].startswith("-") else COMMANDS.get(words[0])
            flags = [word.split("=")[0] for word in words if re.match("--[a-z]", word)]
            wrong += [words[0]] if command is None else [f for f in flags if f not in command._option_string_actions]
    return wrong


@pytest.mark.parametrize("path", [*DOCUMENTS, *FORMS], ids=lambda path: path.name)
def test_commands_in_documents_exist(path):
    # the changelog tells of past versions, whose commands may be gone
    text = re.split(r"^## \[\d", text_of(path), maxsplit=1, flags=re.MULTILINE)[0]
    assert wrong_commands(text) == []


def test_a_wrong_command_is_noticed():
    lines = ["`make quick` `make haste` `lprnet photo a --glb --zip` `lprnet fly`", ""]
    lines += [
        "    pip install lprnet_utils[lab,no]  # make fun",
        "    python scripts/course/no.py --constraints constraints.txt",
    ]
    lines += ["    A=1 lprnet train --recipe x", "    lprnet --jump"]
    assert wrong_commands("\n".join(lines)) == [
        "haste",
        "--zip",
        "fly",
        "no",
        "scripts/course/no.py",
        "--recipe",
        "--jump",
    ]


def test_names_of_the_package_in_documents_notebooks_and_docstrings_exist():
    with pytest.raises(AttributeError):
        pkgutil.resolve_name("lprnet_utils.geometry.camra")
    named = {}
    for path in [*MODULES, *DOCUMENTS, *NOTEBOOKS, *(ROOT / "data").rglob("*.md")]:
        for name in re.findall(r"\blprnet_utils(?:\.[A-Za-z_]\w*)+", text_of(path)):
            named[name] = path.name
    assert len(named) > 60
    wrong = []
    for name, place in named.items():
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            wrong.append(f"{place}: {name}")
    assert not wrong


# README.md: its length, its figures, its snippet
README, BENCHMARK = text_of(ROOT / "README.md"), text_of(ROOT / "docs" / "benchmark.md")


def test_the_first_page_is_short_and_begins_with_a_picture():
    assert len(README.split()) < 600
    pictures = re.findall(r"!\[[^\]]{20,}\]\((docs/[\w.]+)\)", README)
    assert pictures[0] == "docs/turning.gif" and README.index(pictures[0]) < README.index("\n## ")
    assert {"docs/strip.jpg", "docs/makes.jpg", "docs/pipeline.png"} <= set(pictures)
    sizes = {name: (ROOT / name).stat().st_size for name in pictures}
    assert all(size < 1e6 for size in sizes.values()), sizes


def test_the_first_page_quotes_at_most_five_measured_figures_and_they_are_those_of_the_benchmark():
    text = re.sub(r"```.*?```|https?://\S+|\bPython [\d.]+ to [\d.]+", "", README, flags=re.DOTALL)
    quoted = re.findall(r"(?<![\w.])\d+\.\d+(?![\w.])", text)
    assert 0 < len(quoted) <= 5
    for name in ("open", "wild"):
        row = re.search(rf"^\| `{name}`[^|]*\|[\d. |]*\| ([\d.]+) \|", BENCHMARK, re.MULTILINE)
        assert row[1] in quoted, name
    photo, frame = re.findall(r"the whole ([\d.]+) ms", BENCHMARK)
    assert f"takes {photo} ms on one thread, a frame of a video {frame} (`make benchmark`)" in " ".join(README.split())


# docs/prnet.md: the table of PRNet's options
LINES = [line for line in text_of(ROOT / "docs" / "prnet.md").splitlines() if line.startswith("| ")][1:]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES]
# the options of PRNet's demo.py and demo_texture.py
OPTIONS = ["i", "o", "gpu", *"isDlib is3d isMat isKpt isPose isShow isImage isFront isDepth isTexture isMask".split()]
OPTIONS += ["texture_size", "mode 0", "mode 1"]


@pytest.mark.parametrize("count", [0, 1])
def test_the_first_snippet_runs_on_any_photo(count, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if count:
        shutil.copy(data_path("samples/astronaut.jpg"), "photo.jpg")
    else:
        Image.new("RGB", (300, 200), "white").save("photo.jpg")
    exec(compile(re.search(r"```python\n(.+?)```", README, re.DOTALL)[1], "README.md", "exec"), {})
    told = capsys.readouterr()
    assert told.out.endswith(f"{count} faces\n") and "research" not in told.err
    assert [path.name for path in tmp_path.glob("*.glb")] == ["face0.glb"] * count


def test_the_table_has_every_option_of_prnet():
    named = " ".join(row[0] for row in ROWS)
    assert [name for name in OPTIONS if not re.search(rf"--?{name}\b", named)] == []


@pytest.fixture(scope="module")
def names(net, photos, faces):
    """The names that the calls in the table use."""
    (face,), (other,) = faces["astronaut.jpg"], faces["grace_hopper.jpg"]
    eyes = np.zeros((512, 512), bool)
    eyes[150:250, 80:430] = True
    functions = {f.__name__: f for f in (paint, swap_face, draw_landmarks, draw_mesh, draw_pose_box)}
    known = {"net": net, "image": photos["astronaut.jpg"], "face": face, "other": other, "box": face.box, "eyes": eyes}
    return known | functions | {"texture": face.texture(512).copy()}


@pytest.mark.parametrize("row", ROWS, ids=[re.sub(r"[`:].*", "", row[0].lstrip("`-")) for row in ROWS])
def test_the_calls_run_and_the_flags_exist(row, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    option, calls, flags = row
    code = re.compile("`([^`]+)`").findall
    assert code(calls) or option == "`--gpu`"
    for call in code(calls):
        exec(compile(call, call, "exec"), names)
    for name in re.findall(r'save\("([^"]+)"', calls):
        assert (tmp_path / name).stat().st_size > 10_000
    for flag in code(flags):
        line = [flag, "-o", "out"] if not flag.startswith("-") else ["photo.jpg", "-o", "out", *flag.split()]
        parser().parse_args(["photo", *line])  # exits where there is no such flag

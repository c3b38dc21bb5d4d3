"""The documents: quoted messages exist in the code, links lead somewhere."""

import importlib
import json
import re

from checkout import MODULES, NOTEBOOKS, ROOT

# quoted messages that other programs print
MESSAGES_OF_OTHERS = """
ERROR: Package 'lprnet_utils' requires a different Python: ... not in '>=3.11'
ERROR: No matching distribution found for tensorflow>=2.18
OSError: [Errno 28] No space left on device
'make' is not recognized as an internal or external command
ModuleNotFoundError: No module named 'lprnet_utils'
"""


def test_troubleshooting_quotes_messages_that_exist():
    """Each part of a bold message, between the dots, is in a source file, unless another program prints the message."""
    sources = [*MODULES, ROOT / "Makefile"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    source = re.sub(r'"\s*\n\s*f?"', "", source)  # join strings that continue on the next line
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\*\*`.*", text, re.MULTILINE)))
    assert len(quoted) > 15
    wrong = []
    for message in quoted:
        if message in MESSAGES_OF_OTHERS:
            continue
        parts = [part.strip(" '():,") for part in message.split("...")]
        missing = [part for part in parts if len(part) > 5 and part not in source]
        wrong += [f"{message}: {missing}"] if missing or not any(len(part) > 5 for part in parts) else []
    assert not wrong


def test_links_of_documents_lead_to_existing_files():
    broken = []
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in link and not (path.parent / link).exists():
                broken.append(f"{path.name}: {link}")
    assert not broken


def named_in_the_package(text):
    """Dotted names of the package in a text, such as ``lprnet_utils.geometry.Camera``."""
    return {match[0] for match in re.finditer(r"\blprnet_utils(?:\.[A-Za-z_]\w*)+", text)}


def exists(name):
    """Whether a dotted name is a module of the package or something in one."""
    first, *others = name.split(".")
    found = importlib.import_module(first)
    for number, part in enumerate(others, 2):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join(name.split(".")[:number]))
            except ImportError:
                return False
    return True


def test_names_of_the_package_in_documents_notebooks_and_docstrings_exist():
    texts = {path: path.read_text(encoding="utf-8") for path in MODULES}
    documents = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "data").rglob("*.md"),
    ]
    texts |= {path: path.read_text(encoding="utf-8") for path in documents}
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts[path] = "\n".join("".join(cell["source"]) for cell in cells)
    named = {name: path for path, text in texts.items() for name in named_in_the_package(text)}
    assert len(named) > 60 and not exists("lprnet_utils.geometry.camra")
    assert not {f"{path.name}: {name}" for name, path in named.items() if not exists(name)}

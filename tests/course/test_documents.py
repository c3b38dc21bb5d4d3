"""The documents: quoted messages exist in the code, links lead somewhere, names of the package exist."""

import pkgutil
import re

import pytest
from checkout import DOCUMENTS, MODULES, NOTEBOOKS, ROOT, text_of

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
    source = "\n".join(map(text_of, [*MODULES, ROOT / "Makefile"]))
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


def test_links_of_documents_lead_to_existing_files():
    broken = []
    for path in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(path)):
            if "://" not in link and not (path.parent / link).exists():
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_names_of_the_package_in_documents_notebooks_and_docstrings_exist():
    with pytest.raises(AttributeError):
        pkgutil.resolve_name("lprnet_utils.geometry.camra")
    named = {}
    for path in [*MODULES, *DOCUMENTS, *NOTEBOOKS, *(ROOT / "data").rglob("*.md")]:
        for name in re.findall(r"\blprnet_utils(?:\.[A-Za-z_]\w*)+", text_of(path)):
            named[name] = path.name
    assert len(named) > 40
    wrong = []
    for name, place in named.items():
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            wrong.append(f"{place}: {name}")
    assert not wrong

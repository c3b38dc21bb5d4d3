"""The documents: quoted messages exist in the code, links lead somewhere."""

import re

from checkout import MODULES, ROOT

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

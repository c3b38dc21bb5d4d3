"""Packages that only some commands need, and the extra of ours that brings each (pyproject.toml)."""

import re
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec

PACKAGE = __name__.split(".")[0]


def what_to_install(error: ImportError) -> str:
    """What to install after a failed import, as a message. An import that fails in this package itself is raised."""
    module = (error.name or "").split(".")[0]
    if module == PACKAGE:
        raise error
    if not module or find_spec(module) is not None:  # it is there, but something that it needs is not
        return f"{error}: install the package again, pip install --force-reinstall {module or PACKAGE}"
    return f"this needs {module}, which is not installed: pip install {install_name(module)}"


def install_name(module: str) -> str:
    """What pip is asked for to get a package: the smallest extra that has it, such as ``'lprnet_utils[train]'``."""
    try:
        requirements = requires(PACKAGE) or []
    except PackageNotFoundError:  # a checkout on PYTHONPATH
        requirements = []
    members: dict[str, set[str]] = {}
    for requirement in requirements:  # "keras>=3.13; extra == 'train'"
        if found := re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", requirement):
            members.setdefault(found[2], set()).add(found[1].lower().replace("-", "_"))
    extras = [extra for extra, names in members.items() if module.lower() in names]
    return f"'{PACKAGE}[{min(extras, key=lambda extra: len(members[extra]))}]'" if extras else module

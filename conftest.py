"""Which modules have their examples tested: not those for a package that is not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["lprnet_utils/training/torch_step.py"]

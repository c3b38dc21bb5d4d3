"""The command ``lprnet``, one module for each subcommand."""

import os

# The command computes with processes of its own and with LiteRT's and TensorFlow's threads. Those of OpenBLAS on top
# wait for each other while the cores are busy: batches of training then take several times as long.
# This comes before numpy is imported, which reads it then.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

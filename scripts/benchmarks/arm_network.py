"""Run LiteRT files on crops: ``arm_network.py CROPS.npy OUTPUT_FOLDER FILE.tflite ...``.

``arm.py`` runs this on an emulated Arm processor, where only numpy and LiteRT are installed, and on this machine's.
"""

import sys
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main() -> None:
    crops, folder = np.load(sys.argv[1]), Path(sys.argv[2])
    for path in map(Path, sys.argv[3:]):
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
        (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
        start, codes = time.perf_counter(), []
        for crop in crops:
            interpreter.set_tensor(source["index"], crop[None].astype(np.float32) / 255)
            interpreter.invoke()
            codes.append(interpreter.get_tensor(target["index"])[0])
        np.save(folder / f"{path.stem}.npy", np.array(codes))
        print(f"{path.name}: {(time.perf_counter() - start) / len(crops):.3f} s a face", flush=True)


if __name__ == "__main__":
    main()

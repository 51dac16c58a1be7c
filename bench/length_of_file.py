"""``skm.code_length`` of one file in a fresh process: ``length_of_file.py FILE CODE THREADS``.

Prints JSON. The time is that of the call: it includes reading the file, loading the code and building its
tables; starting Python and importing numpy come before it, and only the launcher sees them.
"""

import json
import sys
import time

import skmfast as skm


def main() -> None:
    path, code, threads = sys.argv[1:]
    measure = skm.code_length  # loads numpy
    wall, cpu = time.perf_counter(), time.process_time()
    lengths = measure(path, code, threads=int(threads))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"bits": lengths.bits, "bytes": lengths.num_bytes, "wall_s": wall, "cpu_s": cpu}))


if __name__ == "__main__":
    main()

"""Run one command and print what it took: ``launch.py CORES STDOUT COMMAND...``.

CORES are the processors that the command may run on, as ``0`` or ``0,1``; its standard output goes to the
file STDOUT. Prints ``status wall_s cpu_s peak_rss_bytes floor_rss_bytes`` on one line.

Linux counts the memory of the launching process in the peak of the launched one, which begins as its copy.
Hence a process of its own, which imports next to nothing, run as ``python -I -S``. What is left of that
effect is the floor: a peak no higher than that means "at most that".
"""

import os
import sys
import time


def peak_of_this_process() -> int:
    """Peak in bytes since this program was loaded, which getrusage does not tell: see above."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def main() -> None:
    cores, stdout, *command = sys.argv[1:]
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 1, stdout, flags, 0o644),
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    ]
    begin = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - begin
    code = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    print(code, f"{wall:.6f}", f"{cpu:.6f}", usage.ru_maxrss * 1024, peak_of_this_process())


if __name__ == "__main__":
    main()

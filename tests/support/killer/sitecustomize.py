"""Loaded by every Python process whose PYTHONPATH names this folder: a mishap at a set point.

Each line of the environment's KILL says ``rule point what file``. Of the first job of the rule to
get there `what` becomes: ``job``, a `kill -9` of it; ``snakemake``, the same of the Snakemake above
it; ``hold``, that it waits until there is a file of the same name and ``.released``; ``sleep``,
that it goes on no more; ``eat``, that it takes more and more memory. The file is made first, so
that it happens once. For the rule ``each`` it happens once to each rule, with a file for each,
``file.rule``, and the results are copied to ``file.rule.at`` before. Points:

start    before the script's first line
writing  when there are bytes in its first temporary file, at the latest when it is renamed
closing  when its first output is to get its final name
between  when its first output has its final name, and the next is to get its own
end      when all outputs are in place, and Snakemake has not been told yet
"""

import atexit
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path


def _snakemake():
    """Process id of the Snakemake that started this one."""
    pid = os.getppid()
    while "Snakefile" not in Path(f"/proc/{pid}/cmdline").read_text():
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid


def _strike():
    """Let it happen. No thread of this job gets past this point before it has."""
    with LOCK:
        try:
            os.close(os.open(FILE, os.O_CREAT | os.O_EXCL))
        except FileExistsError:  # it has, to this job or to another one
            return
        if EACH:
            shutil.copytree("results", f"{FILE}.at/results")
        if WHAT == "eat":
            eaten = []
            for _ in range(40):  # 4 GB: more than any job asks for, and not all that there is
                eaten.append(b"x" * 10**8)
                time.sleep(0.05)
        if WHAT in ("eat", "sleep"):
            time.sleep(1800)
        while WHAT == "hold" and not Path(f"{FILE}.released").exists():
            time.sleep(0.05)
        if WHAT in ("job", "snakemake"):
            os.kill(os.getpid() if WHAT == "job" else _snakemake(), signal.SIGKILL)


def _strike_when_written(path):
    while not Path(path).exists() or not Path(path).stat().st_size:
        time.sleep(0)
    _strike()


def _watch(event, arguments):
    """An audit hook: what this process is about to do."""
    if event == "tempfile.mkstemp" and str(arguments[0]).endswith(".part") and POINT == "writing":
        threading.Thread(target=_strike_when_written, args=arguments, daemon=True).start()
    if event == "os.rename" and str(arguments[0]).endswith(".part"):
        RENAMED.append(arguments[0])
        # As early as the first for "writing": the bytes of a small file come all at once.
        if POINT in ("writing", "closing") or (POINT == "between" and len(RENAMED) == 2):
            _strike()


#: Temporary files that have got their final names, or are to get them.
RENAMED = []
#: Held while it happens.
LOCK = threading.Lock()
THIS = sys.orig_argv[-1].rpartition("/")[2].split(".")  # tmpab12.rule.py
IS_JOB = "/.snakemake/scripts/" in sys.orig_argv[-1] and len(THIS) == 3
for line in os.environ.get("KILL", "").splitlines() if IS_JOB else []:
    RULE, POINT, WHAT, FILE = line.split(" ", 3)
    EACH = RULE == "each"
    FILE = f"{FILE}.{THIS[1]}" if EACH else FILE
    if (EACH or THIS[1] == RULE) and not Path(FILE).exists():
        if POINT == "start":
            _strike()
        elif POINT == "end":
            atexit.register(_strike)
        else:
            sys.addaudithook(_watch)
        break

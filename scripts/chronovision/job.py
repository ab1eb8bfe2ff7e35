"""What every job of the workflow shares: its log file and the way it fails."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from chronovision.errors import UserError

log = logging.getLogger("chronovision")


@contextmanager
def logged_job(path: str) -> Iterator[None]:
    """Write the job's messages to the log file `path`; end a user's mistake with one line.

    A `UserError` is logged as ``error: …`` and ends the process with status 1, without a
    traceback. Any other exception is a defect of ours: its traceback goes to the log and
    the exception goes on. SIGTERM ends the job as an exception does, so that half-written
    files are removed.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.addLevelName(logging.ERROR, "error")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(handler)
    try:
        yield
    except UserError as error:
        log.error("%s", " ".join(str(error).split()))
        sys.exit(1)
    except Exception:
        log.exception("unexpected failure, please report it with this log")
        raise
    finally:
        logging.captureWarnings(False)
        logging.getLogger("py.warnings").removeHandler(handler)
        log.removeHandler(handler)
        handler.close()

"""The log file of a job, and the way a job fails."""

import errno
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chronovision.errors import UserError

log = logging.getLogger("chronovision")

#: Error numbers for which the machine is to blame, not code or data -> what helps.
MACHINE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room and run again"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "make it accessible to you and run again"),
    errno.EROFS: "set pathvars.results to a folder that can be written",
    **dict.fromkeys((errno.EIO, errno.ESTALE), "look after the disk or network drive"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "close programs, or raise `ulimit -n`"),
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), "close programs, or fewer jobs at a time"),
    errno.ENAMETOOLONG: "shorten the path, e.g. by pathvars.results",
}


class _LogFile(logging.FileHandler):
    """A log file; a message that does not fit on the disk goes to stderr instead."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, logging's own name
        sys.stderr.write(self.format(record) + "\n")

    def close(self) -> None:
        # What is still to be written then was said on stderr.
        with suppress(OSError):
            super().close()


@contextmanager
def logged_job(path: str) -> Iterator[None]:
    """Write the job's messages to the log file `path`; end a user's mistake with one line.

    A `UserError` is logged as ``error: …`` and ends the process with status 1, without a traceback.
    So does an error of the operating system (`MACHINE`). Any other exception is a defect of this
    package: its traceback goes to the log, and the exception is raised again. SIGTERM ends the job
    as an exception does, so that temporary files are removed.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        handler = _LogFile(path, mode="w", encoding="utf-8")
    except OSError as error:
        sys.exit(f"error: {_refusal(error)}")
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
    except Exception as error:
        if isinstance(error, OSError) and error.errno in MACHINE:
            log.error("%s", _refusal(error))
            sys.exit(1)
        log.exception("unexpected failure, please report it with this log")
        raise
    finally:
        logging.captureWarnings(False)
        logging.getLogger("py.warnings").removeHandler(handler)
        log.removeHandler(handler)
        handler.close()


def _refusal(error: OSError) -> str:
    """Describe an error of the operating system in one line."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}: {MACHINE.get(error.errno or 0, 'see to it and run again')}"

"""The frame of every job: its log, and how it ends."""

import logging
import subprocess
import sys

import pytest

from chronovision.errors import UserError
from chronovision.jobs.log import logged_job
from support.paths import SCRIPTS


@pytest.fixture
def log(tmp_path):
    return tmp_path / "job.log"


def test_messages_go_to_the_log(log):
    with logged_job(str(log)):
        logging.getLogger("chronovision.videos.frames").info("10 frames: %s", "größer")
        logging.getLogger("chronovision.videos.ffmpeg").warning("odd")
    assert log.read_text(encoding="utf-8") == "INFO: 10 frames: größer\nWARNING: odd\n"


def test_messages_of_other_packages_do_not(log):
    with logged_job(str(log)):
        logging.getLogger("matplotlib").warning("font")
    assert log.read_text() == ""


WARNS = """
import sys, warnings
from chronovision.jobs.log import logged_job
with logged_job(sys.argv[1]):
    warnings.warn("overflow encountered", RuntimeWarning)
"""


def test_warnings_of_python_go_to_the_log(log):
    """In a process of its own, because pytest takes warnings for itself."""
    done = subprocess.run([sys.executable, "-c", WARNS, log], cwd=SCRIPTS, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "RuntimeWarning: overflow encountered" in log.read_text()


def test_a_mistake_of_the_user_ends_with_one_line(log, capsys):
    with pytest.raises(SystemExit) as ended, logged_job(str(log)):
        raise UserError("videos.tsv, line 3:\n  no such\tfile")
    assert ended.value.code == 1
    assert log.read_text() == "error: videos.tsv, line 3: no such file\n"
    assert "Traceback" not in capsys.readouterr().err


def test_a_mistake_with_a_cause_shows_no_traceback(log):
    with pytest.raises(SystemExit), logged_job(str(log)):
        try:
            int("x")
        except ValueError as error:
            raise UserError("not a number") from error
    assert log.read_text() == "error: not a number\n"


def test_a_defect_leaves_its_traceback_and_goes_on(log):
    with pytest.raises(ZeroDivisionError), logged_job(str(log)):
        1 / 0  # noqa: B018
    text = log.read_text()
    assert text.startswith("error: unexpected failure, please report it")
    assert "Traceback" in text and "ZeroDivisionError" in text


def test_a_good_job_ends_quietly(log, capsys):
    with logged_job(str(log)):
        pass
    assert log.read_text() == ""
    assert capsys.readouterr() == ("", "")


def test_the_next_log_gets_nothing_of_this_job(tmp_path):
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    with logged_job(str(first)):
        logging.getLogger("chronovision").info("one")
    with logged_job(str(second)):
        logging.getLogger("chronovision").info("two")
    assert first.read_text() == "INFO: one\n"
    assert second.read_text() == "INFO: two\n"


def test_an_older_log_is_replaced(log):
    log.write_text("of the run before\n")
    with logged_job(str(log)):
        logging.getLogger("chronovision").info("new")
    assert log.read_text() == "INFO: new\n"

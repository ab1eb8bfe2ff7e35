"""The one exception that a user may meet."""


class UserError(Exception):
    """Bad input, stated in one line: what is wrong, in which file or key, what to do.

    Jobs end with the message alone, without a traceback (see `chronovision.jobs.log`).
    """

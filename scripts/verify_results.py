"""Compute numbers of a results folder again, from its videos, and say whether they hold."""

import argparse
import logging
import sys
from functools import partial
from os.path import expanduser

from chronovision.errors import UserError
from chronovision.verification.results import verify_results

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("results", type=expanduser, help="results folder, such as results/demo")
parser.add_argument("--sample", type=int, default=5, help="frames of each video [5]")
parser.add_argument("--seed", type=int, default=0, help="of the draw of these frames [0]")
parser.add_argument("--videos", type=expanduser, help="folder with the videos, if they have moved")
# What the stages warn of stands in the logs of the run already.
logging.getLogger("chronovision").addHandler(logging.NullHandler())
try:
    sys.exit(not verify_results(**vars(parser.parse_args()), say=partial(print, flush=True)))
except UserError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)

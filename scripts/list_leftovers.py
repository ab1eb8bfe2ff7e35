"""List files of a results folder that are of nothing which stands in it, or delete them."""

import argparse
import sys
from os.path import expanduser

from chronovision.errors import UserError
from chronovision.inventory.leftovers import tell_leftovers

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("results", type=expanduser, help="results folder, such as results/demo")
parser.add_argument("--delete", help="yes: delete them")
try:
    tell_leftovers(**vars(parser.parse_args()))
except UserError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)

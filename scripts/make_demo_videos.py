"""Write the demo set of videos into a folder: make_demo_videos.py FOLDER."""

import argparse
import logging
import sys

from chronovision.commands.demo import make_demo_videos
from chronovision.errors import UserError

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="where videos.tsv and the made clips go")
logging.basicConfig(level=logging.INFO, format="%(message)s")
try:
    print("Demo set:", make_demo_videos(parser.parse_args().folder))
except UserError as error:
    sys.exit(f"error: {error}")

"""Look at a folder of videos, write its table and config, and print the config's path."""

import argparse
import sys
from pathlib import Path

from chronovision.errors import UserError
from chronovision.survey.survey import survey_folder

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder")
parser.add_argument("--fps", type=float, help="resample all videos to this rate")
parser.add_argument("--step", help="keep frames about this far apart: seconds, or 1/6")
parser.add_argument("--config", help="overlay that the run reads before the one written here")
parser.add_argument("--replace", help="yes: features made with other settings may be replaced")
try:
    survey = survey_folder(project=Path(__file__).parents[1], **vars(parser.parse_args()))
except UserError as error:
    sys.exit(f"error: {error}")
print(*survey.summary, sep="\n", file=sys.stderr)
print(survey.overlay)

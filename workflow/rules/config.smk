# REQUIRED: `config`, merged from config/config.yaml and the overlays.
# PROVIDES: the checked config, the videos and what follows from them for all rules.

import re
import sys

from snakemake.exceptions import WorkflowError
from snakemake.pathvars import Pathvars

sys.path.insert(0, f"{workflow.basedir}/scripts")

from chronovision.config.check import check_config, require_file
from chronovision.config.files import require_unique_keys
from chronovision.config.slices import clip_settings, decoding_settings, feature_settings
from chronovision.config.slices import fit_settings, range_settings, threshold_settings
from chronovision.core.metrics import METRICS as KNOWN_METRICS
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.errors import UserError
from chronovision.jobs.locks import lock_results
from chronovision.videos.table import find_table, read_videos
from chronovision.features.weights_name import weights_name

try:
    require_unique_keys(workflow.configfiles)
    check_config(config)
    VIDEOS = read_videos(find_table(config["videos"], workflow.basedir))
    require_file(config["duration"]["apply"], "duration.apply")
except UserError as error:
    raise WorkflowError(str(error))

METRICS = config["changes"]["metrics"]
THRESHOLDS = config["thresholds"]["kinds"]
GROUPS = {name: video.group for name, video in VIDEOS.items()}
#: Whether the config asks for a duration model. If none can be fitted, its tables give the reason.
FITS = bool(config["duration"]["estimators"])
#: Name of the weights files. Other weights have other names, so that no file replaces another.
WEIGHTS = weights_name(config["network"], config["seed"])

RESULTS = config["pathvars"]["results"]
# Snakemake read the folder before its ~ was expanded.
workflow.pathvars.update(Pathvars.from_config(config))
#: Folder of the locks on GPUs, which the jobs of one machine share, and on the results.
LOCKS = f"{RESULTS}/locks"


onstart:
    try:
        lock_results(LOCKS)
    except UserError as error:
        raise WorkflowError(str(error))


wildcard_constraints:
    # Not the set's own page and folder of figures, which would match as well.
    video=r"(?!index\.html$|set/)[A-Za-z0-9][A-Za-z0-9._-]*",
    metric="|".join(KNOWN_METRICS),
    threshold="|".join(THRESHOLD_KINDS),
    # Weights of another name belong to another config.
    weights=re.escape(WEIGHTS),
    piece=r"\d+of\d+",

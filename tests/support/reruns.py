"""What is computed again when a key of the config changes. docs/caching.md says the same."""

#: Rules that follow from each other, in the order of the pipeline.
REPORT = {"render_report"}
FIT = {"fit_duration_model", "plot_set"} | REPORT
CLIPS = {"build_clip_table"} | FIT
SEGMENTS = {"segment_video", "plot_video", "render_page"} | REPORT
COUNTS = {"accumulate_changes", "summarise_counts", "check_quality", "plot_set"} | SEGMENTS
THRESHOLDS = COUNTS | CLIPS
CHANGES = {"measure_changes"} | THRESHOLDS
FEATURES = {"dump_frames", "extract_features"} | CHANGES
WEIGHTS = {"fetch_weights"} | FEATURES
FRAMES = {"describe_frames"} | FEATURES
EVERYTHING = {"probe_video"} | FRAMES | WEIGHTS

#: Key -> (overlay, rules that run again). The run before had three videos, one metric
#: (correlation) and both thresholds; see TINY in pipeline.py.
RERUNS = {
    "videos": ({"videos": "same_videos.tsv"}, REPORT),
    # Untrained weights, sketches, the noise of dynamic thresholds and clips are drawn.
    "seed": ({"seed": 1}, WEIGHTS),
    # Damage is seen while decoding, and frames are not kept.
    "strict": ({"strict": True}, FEATURES),
    "frames.size": ({"frames": {"size": 80}}, FRAMES),
    "frames.geometry": ({"frames": {"geometry": "pad"}}, FRAMES),
    "frames.every": ({"frames": {"every": 2}}, FRAMES),
    "frames.step_s": ({"frames": {"step_s": "1/6"}}, FRAMES),
    "frames.fps": ({"frames": {"fps": 10}}, FRAMES),
    "frames.images": ({"frames": {"images": "png"}}, {"export_images"} | REPORT),
    "network.model": ({"network": {"model": "vgg16"}}, WEIGHTS),
    "network.weights": ({"network": {"weights": "imagenet"}}, WEIGHTS),
    "network.layers": ({"network": {"layers": ["pool1", "pool5"]}}, WEIGHTS),
    "network.keep_maps": ({"network": {"keep_maps": ["pool5"]}}, FEATURES),
    "network.maps_dtype": ({"network": {"maps_dtype": "float32"}}, FEATURES),
    "network.precision": ({"network": {"precision": "bfloat16"}}, FEATURES),
    # The same numbers, made otherwise: only the report, which shows the config, is written anew.
    "network.device": ({"network": {"device": "auto"}}, REPORT),
    "network.batch_size": ({"network": {"batch_size": 2}}, REPORT),
    # All three are longer than this: the same numbers, made otherwise.
    "features.chunk_minutes": (
        {"features": {"chunk_minutes": 0.04}},
        {"extract_piece"} | FEATURES,
    ),
    "changes.metrics": ({"changes": {"metrics": ["correlation", "cosine"]}}, CHANGES),
    # What the remaining kind made stays; whatever reads both kinds does not.
    "thresholds.kinds": (
        {"thresholds": {"kinds": ["static"]}},
        {"summarise_counts", "check_quality", "plot_set", "plot_video", "render_page"} | REPORT,
    ),
    "thresholds.scope": ({"thresholds": {"scope": "set"}}, {"pool_ranges"} | THRESHOLDS),
    "thresholds.range": ({"thresholds": {"range": "percentile"}}, THRESHOLDS),
    # The run before had the range `minmax`, which does not read them.
    "thresholds.percentiles": ({"thresholds": {"percentiles": [5, 95]}}, REPORT),
    "thresholds.dynamic.tmax_scale": ({"thresholds": {"dynamic": {"tmax_scale": 2}}}, THRESHOLDS),
    "thresholds.dynamic.tmax": ({"thresholds": {"dynamic": {"tmax": 0.5}}}, THRESHOLDS),
    "thresholds.dynamic.tmin": ({"thresholds": {"dynamic": {"tmin": 0.1}}}, THRESHOLDS),
    "thresholds.dynamic.tau_s": ({"thresholds": {"dynamic": {"tau_s": 1}}}, THRESHOLDS),
    "thresholds.dynamic.tau_frames": (
        {"thresholds": {"dynamic": {"tau_s": None, "tau_frames": 100}}},
        THRESHOLDS,
    ),
    "thresholds.dynamic.noise_divisor": (
        {"thresholds": {"dynamic": {"noise_divisor": None}}},
        THRESHOLDS,
    ),
    "thresholds.dynamic.bounded": ({"thresholds": {"dynamic": {"bounded": True}}}, THRESHOLDS),
    "segments.min_layers": ({"segments": {"min_layers": 1}}, SEGMENTS),
    "segments.min_duration_s": ({"segments": {"min_duration_s": 1}}, SEGMENTS),
    "clips.mode": ({"clips": {"mode": "partition"}}, CLIPS),
    "clips.durations_s": ({"clips": {"durations_s": [0.5, 1]}}, CLIPS),
    "clips.coverage": ({"clips": {"coverage": 1}}, CLIPS),
    "clips.max_per_video": ({"clips": {"max_per_video": 20}}, CLIPS),
    "clips.min_video_s": ({"clips": {"min_video_s": 1}}, CLIPS),
    "clips.snapshots": ({"clips": {"snapshots": 1}}, CLIPS),
    "clips.repeats": ({"clips": {"repeats": 2}}, CLIPS),
    "duration.estimators": ({"duration": {"estimators": ["ridge"]}}, FIT),
    "duration.folds": ({"duration": {"folds": 3}}, FIT),
    "duration.apply": ({"duration": {"apply": "model.skops"}}, {"apply_duration_model"} | REPORT),
    "pathvars.results": ({"pathvars": {"results": "others"}}, EVERYTHING),
}

#: Column of the videos table -> (cell, rules that run again). `start_s`, `end_s` and `stream`
#: concern that video alone, and the set's tables.
TABLE_RERUNS = {
    "group": ("other", CLIPS),
    "scene": ("street", REPORT),
    "start_s": ("0.5", FRAMES),
    "end_s": ("3", FRAMES),
    "stream": ("0", EVERYTHING - {"fetch_weights"}),
}

#: Rules that run only where the config asks for them.
OPTIONAL = {"export_images", "extract_piece", "pool_ranges", "apply_duration_model"}

#: Rule whose code changes -> rules that run again.
AFTER = {
    "probe_video": EVERYTHING - {"fetch_weights"},
    "dump_frames": FEATURES,
    "describe_frames": {"describe_frames", "check_quality", "plot_video", "render_page"} | CLIPS,
    # The name of the weights stands for them: to fetch them again could only lose them.
    "fetch_weights": set(),
    "extract_features": FEATURES,
    "measure_changes": CHANGES,
    "accumulate_changes": COUNTS,
    "summarise_counts": {"summarise_counts", "plot_set"} | REPORT,
    "check_quality": {"check_quality", "render_page"} | REPORT,
    "segment_video": SEGMENTS,
    "build_clip_table": CLIPS,
    "fit_duration_model": FIT,
    "plot_video": {"plot_video", "render_page"} | REPORT,
    "plot_set": {"plot_set"} | REPORT,
    "render_page": {"render_page"} | REPORT,
    "render_report": REPORT,
}

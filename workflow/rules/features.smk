# REQUIRED INPUTS: frames/{video}.h5, weights from torchvision or a file.
# OUTPUTS: weights/{model}.{source}.{digest}.pth, features/{video}.h5.
# A long video's features are joined from pieces/{video}/{piece}.h5 (features.chunk_minutes).


rule fetch_weights:
    """Get the network's weights once for all videos: downloaded, from a file, or seeded.

    The name stands for everything that decides the weights, and other weights have other names. So
    a change of the code does not rerun this rule: fetching the same again would only be a risk.
    """
    output:
        weights=kept_weights(".pth"),
        facts=kept_weights(".json"),
    log:
        "<results>/logs/fetch_weights/{weights}.log",
    benchmark:
        "<results>/benchmarks/fetch_weights/{weights}.tsv"
    # If weights cannot be loaded, the run ends before anything else takes its time.
    priority: 3
    localrule: True
    conda:
        "../../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    message:
        "fetching weights {wildcards.weights}"
    script:
        "../../scripts/fetch_weights.py"


rule extract_features:
    """Run the network over the frames and store the moments that every metric of change needs.

    The features of a long video are joined from its pieces; they are the same.
    """
    input:
        frames=whole_frames,
        # Their facts, which Snakemake compares by content, show whether they have changed.
        weights=ancient(f"<results>/weights/{WEIGHTS}.pth"),
        facts=f"<results>/weights/{WEIGHTS}.json",
        pieces=pieces,
    output:
        features="<results>/features/{video}.h5",
    log:
        "<results>/logs/extract_features/{video}.log",
    benchmark:
        "<results>/benchmarks/extract_features/{video}.tsv"
    # Frames that are there are processed before further frames are dumped.
    priority: 1
    conda:
        "../../envs/features.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        frame_stores=gpus,
        mem_mb=network_mb,
        runtime=network_minutes,
    params:
        network=feature_settings(config),
        seed=lookup(within=config, dpath="seed"),
        locks=LOCKS,
        code=code_digest("extract_features"),
    message:
        "{wildcards.video}: extracting features"
    script:
        "../../scripts/extract_features.py"


rule extract_piece:
    """Run the network over a part of a long video's frames, and the one before the first."""
    input:
        frames="<results>/frames/{video}.h5",
        weights=ancient(f"<results>/weights/{WEIGHTS}.pth"),
        facts=f"<results>/weights/{WEIGHTS}.json",
    output:
        features=temp("<results>/pieces/{video}/{piece}.h5"),
    log:
        "<results>/logs/extract_piece/{video}.{piece}.log",
    benchmark:
        "<results>/benchmarks/extract_piece/{video}.{piece}.tsv"
    priority: 1
    conda:
        "../../envs/features.yaml"
    threads: network_threads
    resources:
        gpu=gpus,
        frame_stores=gpus,
        mem_mb=network_mb,
        runtime=network_minutes,
    params:
        network=feature_settings(config),
        seed=lookup(within=config, dpath="seed"),
        window=window,
        locks=LOCKS,
        code=code_digest("extract_piece"),
    message:
        "{wildcards.video}: extracting features, piece {wildcards.piece}"
    script:
        "../../scripts/extract_piece.py"

"""`Results` and the rules agree on where every output lies."""

import re
from pathlib import Path

import pytest

from chronovision.core.files import sidecar_path
from chronovision.core.results import JOBS, Results, job_pattern, output_patterns
from support.rules import rule_files, rules

#: What the files of rules write for a wildcard.
SPELLINGS = {
    "{{metric}}": "{metric}",
    "{metric}.dynamic": "{metric}.{threshold}",
    "{wildcards.video}": "{video}",
    "{VIDEOS}": "{video}",
    "{WEIGHTS}": "{weights}",
}
MULTIEXT = re.compile(r'multiext\(\s*"<results>/([^"]*)",([^)]*)\)')
LITERAL = re.compile(r'"(?:<results>|\{RESULTS\})/([^"]*)"')
WEIGHTS = re.compile(r'kept_weights\("([^"]*)"\)')


def paths_in(text: str) -> list[str]:
    """Patterns of paths, from the results folder, in a piece of a file of rules."""
    found = [
        stem + end for stem, ends in MULTIEXT.findall(text) for end in re.findall('"(.*?)"', ends)
    ]
    found += LITERAL.findall(MULTIEXT.sub("", text))
    found += [f"weights/{{weights}}{ending}" for ending in WEIGHTS.findall(text)]
    for spelling, plain in SPELLINGS.items():
        found = [path.replace(spelling, plain) for path in found]
    return found


def in_words_of_rules(pattern: str) -> str:
    return pattern.replace("{variant}", "{metric}.{threshold}")


#: Rule -> directive -> the paths in it.
RULES = {
    rule: {name: paths_in(text) for name, text in directives.items()}
    for rule, directives in rules().items()
}
OUTPUTS = {name: in_words_of_rules(pattern) for name, pattern in output_patterns().items()}
WITH_SIDECARS = {
    *OUTPUTS.values(),
    *(str(sidecar_path(path)) for path in OUTPUTS.values() if path.endswith(".tsv")),
}


def test_every_output_of_a_rule_is_known_and_every_known_one_is_a_rules():
    written = [path for rule in RULES.values() for path in rule["output"]]
    assert len(RULES) == len(JOBS) and len(written) >= 45
    assert len(written) == len(set(written)) and len(OUTPUTS) == len(set(OUTPUTS.values()))
    assert set(written) == WITH_SIDECARS


def test_rules_read_nothing_else_of_the_results():
    """In inputs, and in the functions that rules call; not what functions put together."""
    read = [path for text in rule_files().values() for path in paths_in(text)]
    own = {path for rule in RULES.values() for name in ("log", "benchmark") for path in rule[name]}
    own |= {"locks", "weights/{weights}{ending}", "weights/{{weights}}{ending}"}
    assert len(read) >= 150
    assert set(read) - own - WITH_SIDECARS == set()


@pytest.mark.parametrize("rule", JOBS)
def test_logs_and_benchmarks_are_where_the_rule_has_them(rule):
    for directive, folder, ending in (("log", "logs", ".log"), ("benchmark", "benchmarks", ".tsv")):
        assert RULES[rule][directive] == [in_words_of_rules(job_pattern(folder, rule)) + ending]


def test_the_locks_of_the_rules_are_those_of_the_results_folder():
    (folder,) = re.findall(r'^LOCKS = f"\{RESULTS\}/(.+)"$', rule_files()["config.smk"], re.M)
    assert Results("r").locks == Path("r") / folder


# Asking


def test_a_path_needs_all_wildcards_of_its_pattern_and_no_others():
    results = Results("r")
    assert results.changes(metric="cosine", video="a.1") == Path("r/changes/cosine/a.1.tsv")
    assert results.summary() == Path("r/accumulators/summary.tsv")
    assert results.log("extract_piece", video="a", piece="1of2") == Path(
        "r/logs/extract_piece/a.1of2.log"
    )
    assert results.benchmark("plot_set") == Path("r/benchmarks/plot_set.tsv")
    for wrong in ({}, {"metric": "cosine"}, {"metric": "cosine", "video": "a", "variant": "b"}):
        with pytest.raises(TypeError, match="its wildcards are metric, video"):
            results.changes(**wrong)


def test_what_is_there_is_found_by_the_wildcard_that_is_left_open(tmp_path):
    results = Results(tmp_path)
    for path in (
        *(results.changes(metric=metric, video="a") for metric in ("euclidean", "correlation")),
        *(results.predictions(variant="cosine.static"), results.applied_predictions()),
    ):
        path.parent.mkdir(parents=True)
        path.touch()
    found = results.changes.found(video="a")
    assert list(found) == ["correlation", "euclidean"]
    assert found["euclidean"] == results.changes(metric="euclidean", video="a")
    assert results.changes.found(video="b") == {}
    assert list(results.predictions.found()) == ["cosine.static"]
    for wrong in ({}, {"metric": "cosine", "video": "a"}):
        with pytest.raises(TypeError, match="one wildcard must be left open"):
            results.changes.found(**wrong)

"""Words of users and servers in pages and the methods: they stay text."""

import copy
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from chronovision.core.files import read_json, write_json
from support.pages import overview_of, page_of
from support.results import VARIANTS, MadeResults
from support.tiers import moderate_after

MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)' x='",
    "</td></table></pre></main><iframe src=javascript:alert(1)>",
    "<!-- --><style>*{display:none}</style><base href=//evil>",
    "&lt;script&gt; &#60;b&#62; \u202e {{ 7 * 7 }} {% raw %}",
    "]]><svg/onload=alert(1)>\x00<b",
]


class Structure(HTMLParser):
    """Everything in a page but its text: elements with attributes, comments, declarations."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found, self.text, self.policy = [], "", ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, attrs))
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]

    def handle_endtag(self, tag):
        self.found.append(tag)

    def handle_comment(self, data):
        self.found.append(("comment", data))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = MadeResults(
        tmp_path_factory.mktemp("made"), layers=["pool1"], variants=VARIANTS[:1], trained=False
    )
    made.add_video("bikes", 30)
    made.add_video("cars", 30)
    made.add_set()
    return made


def pages_with(made, words) -> list[Structure]:
    """Pages on which `words` stand wherever a user, a file or a server can put them."""
    for video in made.videos:
        facts = made.results.video_facts(video=video)
        write_json(facts, read_json(facts) | dict.fromkeys(("path", "codec", "sar"), words))
        quality = made.results.quality(video=video)
        table = pd.DataFrame({"note": ["n"], "level": ["info"], "value": [1.0], "message": [words]})
        made.table(quality, table)
    config = copy.deepcopy(made.config)
    try:
        made.config |= {"videos": words}
        made.config["network"]["weights"] = made.config["pathvars"]["results"] = words
        made.config["duration"]["apply"] = words
        page = page_of(made, "bikes")
        names = dict.fromkeys(made.videos, words)
        overview = overview_with(made, words, names)
    finally:
        made.config = config
    return [Structure(page), Structure(overview)]


def overview_with(made, words, names) -> str:
    weights = {"model": "vgg19", "source": words, "asked": words, "trained": False}
    weights |= {"sha256": words, "origin": words, "reason": words}
    path = made.path("odd_weights.json")
    write_json(path, weights)
    return overview_of(made, scenes=names, groups=names, weights=path)


@pytest.mark.parametrize("words", moderate_after(2, MARKUP))
def test_no_words_become_part_of_a_page_s_structure(made, words):
    plain, hostile = pages_with(made, "plain"), pages_with(made, words)
    for one, other in zip(plain, hostile, strict=True):
        assert one.found == other.found
        assert words.replace("\x00", "") in other.text.replace("\x00", "").replace("\ufffd", "")
        assert not {"script", "iframe", "base", "object"} & {tag[0] for tag in other.found}
        assert "default-src 'none'" in other.policy


@pytest.mark.parametrize("words", [*MARKUP, "**b** [x](javascript:x) ![i](//evil) `c`\n\n# Head"])
def test_words_of_a_server_are_text_in_the_methods(made, words):
    """Markdown passes HTML on; `<urlopen error …>` would not be shown."""
    names = dict.fromkeys(made.videos, "x")
    overview_with(made, words, names)
    lines = made.results.methods().read_text(encoding="utf-8").split("\n")
    (warning,) = [line for line in lines if "UNTRAINED NETWORK" in line]
    told = warning.removeprefix("**").removesuffix("**")
    assert not re.search(r"(?<!\\)[<>&*_`\[\]]", told.replace("\\\\", ""))
    assert re.sub(r"\\(.)", r"\1", told).endswith(" ".join(words.split()))
    assert len([line for line in lines if line.startswith("#")]) == 2

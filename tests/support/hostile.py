"""Values and configs as an attacker or a tired student would write them."""

from functools import cache

from hypothesis import strategies as st

from chronovision.config.schema import config_schema, keys_of

SCHEMA = config_schema()
LIMITS = ("minimum", "exclusiveMinimum", "maximum")

#: What shells, spreadsheets, browsers, terminals, YAML and file systems take for more than text.
NASTY = [
    *("$(touch pwned)", "`touch pwned`", "; touch pwned #", "| touch pwned", "&& touch pwned"),
    *("../../../../etc/passwd", "~", "~root/x", "~\x00", "-rf", "--help", "%s%n", "*", "?", "'\""),
    *('=HYPERLINK("http://x.y","z")', "+1+1", "-2+3", "@SUM(A1)", "＝1+1", "\t=1"),
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)"),
    *("{results}", "<results>", "${HOME}", "{{ config }}", "{% raw %}", "!!python/object", "&a *a"),
    *("\x1b[2J\x1b[31m", "\x00", "a\nb", "a\r\nb", "auto\n", "\x85", "\u2028", "\u202egpj.exe"),
    *("e\u0301", "مرحبا", "👩‍👩‍👧", "視", "\ufeff", "\ud800", "\udce9", "x" * 300, "x" * 200_000),
    *("nan", "inf", "-inf", "1e999", "1_5", "٣", "²", "1,5", "1:30", "9" * 5000, "n/a", "None"),
]


def in_one_line(error) -> str:
    """The text of a UserError, which must be one line that a terminal shows as it is."""
    text = str(error.value if hasattr(error, "value") else error)
    assert text.isprintable() and len(text) < 5000, ascii(text[:300])
    return text


@cache
def keys() -> dict[tuple[str, ...], dict]:
    """Path of each key -> its part of the schema."""
    return {tuple(name.split(".")): part for name, part in keys_of(SCHEMA)}


numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -(10**400), 2**200, 1e308, 5e-324, -0.0, 1e-9, 10**9]),
)
texts = st.one_of(st.text(max_size=20), st.sampled_from(NASTY))
leaves = st.one_of(st.none(), st.booleans(), numbers, texts, st.dates(), st.binary(max_size=5))
odd_keys = st.one_of(texts, st.none(), st.booleans(), st.integers(), st.dates())
hostile = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(odd_keys, inner, max_size=4)
    ),
    max_leaves=8,
)


def like(part) -> st.SearchStrategy:
    """Values near what a part of the schema allows, its limits among them."""
    kinds = [part["type"]] if isinstance(part.get("type"), str) else part.get("type", [])
    options = [st.just(part["default"])] if "default" in part else []
    if "enum" in part:
        options.append(st.sampled_from(part["enum"]))
    if {"integer", "number"} & {*kinds}:
        limits = [part[name] for name in LIMITS if name in part] or [0]
        near = [one + step for one in limits for step in (-1, -1e-6, 0, 1e-6, 1)]
        whole = [round(one) for one in near]
        options.append(st.sampled_from(whole if "integer" in kinds else near + whole))
        options.append(st.integers(min_value=0, max_value=10**30))
    if "object" in kinds:
        names = st.sampled_from(["pool1", "pool5", "pol1"])
        options.append(st.dictionaries(names, like(part["additionalProperties"]), max_size=2))
    if "array" in kinds:
        options.append(st.lists(like(part["items"]), max_size=4))
    if "null" in kinds:
        options.append(st.none())
    return st.one_of(*options) if options else st.sampled_from(["pool1", "pool2", "x.pth"])


@st.composite
def configs(draw, values=lambda part: st.one_of(like(part), hostile)):
    """Configs with some keys set, in the schema's sections."""
    config = {}
    for path in draw(st.lists(st.sampled_from(sorted(keys())), max_size=4, unique=True)):
        section = config
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = draw(values(keys()[path]))
    return config

"""The rules as their files have them: read as text, without Snakemake."""

import re

from support.paths import PROJECT

_RULE = re.compile(r"^(?:rule|checkpoint) (\w+):\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_DIRECTIVE = re.compile(r"^    (\w+):[ \n]*(.*?)(?=^    \w+:|\Z)", re.MULTILINE | re.DOTALL)


def rule_files() -> dict[str, str]:
    """Name -> text of each file of rules."""
    paths = sorted((PROJECT / "workflow").rglob("*.smk"))
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def rules() -> dict[str, dict[str, str]]:
    """Rule -> directive -> what stands in it."""
    return {
        rule: {name: text.rstrip() for name, text in _DIRECTIVE.findall(body)}
        for text in rule_files().values()
        for rule, body in _RULE.findall(text)
    }


def scripts_of_rules() -> dict[str, tuple[str, str]]:
    """Rule -> its environment and its script, as paths from the project's folder."""
    return {name: (_path(rule["conda"]), _path(rule["script"])) for name, rule in rules().items()}


def _path(text: str) -> str:
    return re.match(r'"\.\./\.\./(\S+)"', text)[1]

"""A page of the report as its readers see it."""

from html.parser import HTMLParser

VOID = {"meta", "img", "link", "br", "hr"}


class Page(HTMLParser):
    """Tags, resources, links and text of a page; fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.resources, self.links, self.text = [], [], [], [], ""
        self.alts = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "src" in attrs:
            self.resources.append(attrs["src"])
        if tag == "a":
            self.links.append(attrs["href"])
        if tag == "img":
            self.alts.append(attrs.get("alt"))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

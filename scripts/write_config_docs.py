"""Write what is generated from the models of the config: config.yaml, its schema, its README."""

from pathlib import Path

from chronovision.config.documents import documents
from chronovision.core.files import write_text

for path, text in documents(Path(__file__).parents[1]).items():
    write_text(path, text)

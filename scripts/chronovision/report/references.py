"""References of the methods text, as BibTeX and in words."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A cited work: its citation, its entry in a list of references, its BibTeX fields."""

    cited: str
    kind: str
    fields: dict[str, str]

    @property
    def url(self) -> str:
        """Return the address of the work."""
        doi = self.fields.get("doi")
        return f"https://doi.org/{doi}" if doi else self.fields["url"]

    @property
    def text(self) -> str:
        """Return the entry of a list of references, without the address."""
        fields = self.fields
        if fields["author"].startswith("{"):
            authors = fields["author"]
        else:
            names = [name.partition(", ") for name in fields["author"].split(" and ")]
            authors = ", ".join(f"{last} {first}".strip() for last, _, first in names)
            authors = authors.replace(", others", " et al.")
        source = fields.get("journal") or fields.get("booktitle") or "Computer software"
        volume = " ".join(filter(None, [source, fields.get("volume")]))
        where = f"{volume}:{fields['pages']}" if "pages" in fields else volume
        year = f" ({fields['year']})" if "year" in fields else ""
        entry = f"{authors}{year}. {fields['title']}. {where}."
        return entry.replace("{", "").replace("}", "").replace("--", "–")

    def bibtex(self, key: str) -> str:
        """Return the BibTeX entry under `key`."""
        lines = [f"  {name} = {{{value}}}" for name, value in self.fields.items()]
        return f"@{self.kind}{{{key},\n" + ",\n".join(lines) + "\n}\n"


def bibliography(keys: Iterable[str]) -> str:
    """Return a .bib file of the works named by `keys`, in that order."""
    return "\n".join(REFERENCES[key].bibtex(key) for key in keys)


REFERENCES = {
    "roseboom2019": Reference(
        "Roseboom et al., 2019",
        "article",
        {
            "author": "Roseboom, Warrick and Fountas, Zafeirios and Nikiforou, Kyriacos and "
            "Bhowmik, David and Shanahan, Murray and Seth, Anil K.",
            "title": "Activity in perceptual classification networks as a basis for human "
            "subjective time perception",
            "journal": "Nature Communications",
            "volume": "10",
            "pages": "267",
            "year": "2019",
            "doi": "10.1038/s41467-018-08194-7",
        },
    ),
    "simonyan2015": Reference(
        "Simonyan & Zisserman, 2015",
        "inproceedings",
        {
            "author": "Simonyan, Karen and Zisserman, Andrew",
            "title": "Very deep convolutional networks for large-scale image recognition",
            "booktitle": "International Conference on Learning Representations",
            "year": "2015",
            "url": "https://arxiv.org/abs/1409.1556",
        },
    ),
    "ioffe2015": Reference(
        "Ioffe & Szegedy, 2015",
        "inproceedings",
        {
            "author": "Ioffe, Sergey and Szegedy, Christian",
            "title": "Batch normalization: accelerating deep network training by reducing "
            "internal covariate shift",
            "booktitle": "International Conference on Machine Learning",
            "year": "2015",
            "url": "https://arxiv.org/abs/1502.03167",
        },
    ),
    "krizhevsky2014": Reference(
        "Krizhevsky, 2014",
        "article",
        {
            "author": "Krizhevsky, Alex",
            "title": "One weird trick for parallelizing convolutional neural networks",
            "journal": "arXiv 1404.5997",
            "year": "2014",
            "url": "https://arxiv.org/abs/1404.5997",
        },
    ),
    "russakovsky2015": Reference(
        "Russakovsky et al., 2015",
        "article",
        {
            "author": "Russakovsky, Olga and Deng, Jia and Su, Hao and others",
            "title": "{ImageNet} large scale visual recognition challenge",
            "journal": "International Journal of Computer Vision",
            "volume": "115",
            "pages": "211--252",
            "year": "2015",
            "doi": "10.1007/s11263-015-0816-y",
        },
    ),
    "torchvision2016": Reference(
        "TorchVision maintainers, 2016",
        "misc",
        {
            "author": "{TorchVision maintainers and contributors}",
            "title": "{TorchVision}: {PyTorch}'s computer vision library",
            "year": "2016",
            "url": "https://github.com/pytorch/vision",
        },
    ),
    "molder2021": Reference(
        "Mölder et al., 2021",
        "article",
        {
            "author": "Mölder, Felix and Jablonski, Kim Philipp and Letcher, Brice and others",
            "title": "Sustainable data analysis with {Snakemake}",
            "journal": "F1000Research",
            "volume": "10",
            "pages": "33",
            "year": "2021",
            "doi": "10.12688/f1000research.29032.2",
        },
    ),
    "ffmpeg": Reference(
        "FFmpeg developers",
        "misc",
        {
            "author": "{FFmpeg developers}",
            "title": "{FFmpeg}",
            "url": "https://ffmpeg.org",
        },
    ),
    "pedregosa2011": Reference(
        "Pedregosa et al., 2011",
        "article",
        {
            "author": "Pedregosa, Fabian and Varoquaux, Gaël and Gramfort, Alexandre and others",
            "title": "Scikit-learn: machine learning in {Python}",
            "journal": "Journal of Machine Learning Research",
            "volume": "12",
            "pages": "2825--2830",
            "year": "2011",
            "url": "https://jmlr.org/papers/v12/pedregosa11a.html",
        },
    ),
    "harris2020": Reference(
        "Harris et al., 2020",
        "article",
        {
            "author": "Harris, Charles R. and Millman, K. Jarrod and van der Walt, Stéfan J. and "
            "others",
            "title": "Array programming with {NumPy}",
            "journal": "Nature",
            "volume": "585",
            "pages": "357--362",
            "year": "2020",
            "doi": "10.1038/s41586-020-2649-2",
        },
    ),
    "virtanen2020": Reference(
        "Virtanen et al., 2020",
        "article",
        {
            "author": "Virtanen, Pauli and Gommers, Ralf and Oliphant, Travis E. and others",
            "title": "{SciPy} 1.0: fundamental algorithms for scientific computing in {Python}",
            "journal": "Nature Methods",
            "volume": "17",
            "pages": "261--272",
            "year": "2020",
            "doi": "10.1038/s41592-019-0686-2",
        },
    ),
}

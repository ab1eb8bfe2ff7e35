"""Text and cells of a table, as people write it by hand or with R, Excel or pandas."""

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from chronovision.core.messages import SHOWN_PATH, one_line
from chronovision.errors import UserError

#: What stands for a missing value: in BIDS and by hand, in R, in pandas.
MISSING = frozenset(("", "n/a", "NA", "NaN", "nan", "<NA>"))
#: How the files of spreadsheets themselves begin: .xlsx and .ods, .xls.
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
#: Bytes of a table: a film given by mistake would be read whole.
MAX_BYTES = 2**26

#: A cell and what ends it. It is in quotation marks if it begins and ends with one and those within
#: are doubled (Excel, pandas) or follow a backslash (R). Python's csv would take a cell that only
#: begins with one for quoted, up to the next in any line, and names of files may begin so.
CELL = re.compile(r'(?:"((?:[^"\\]|""|\\"|\\)*+)"(?=[\t\r\n]|\Z)|([^\t\r\n]*))(\t|\r\n|\r|\n|\Z)')
LINE_END = re.compile(r"\r\n|\r|\n")


class Line(NamedTuple):
    """Cells of one line, or of the lines over which cells in quotation marks go."""

    number: int
    cells: list[str]


def read_table_text(path: Path) -> str:
    """The text of a table in UTF-8, or in UTF-16 with its mark, as Excel's "Unicode Text".

    Raises
    ------
    UserError : neither, or too large for a table.
    """
    named = one_line(path, SHOWN_PATH)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{named}: cannot be read as a table (it has over {MAX_BYTES} bytes)")
        content = path.read_bytes()
        if content.startswith(SPREADSHEETS):
            raise UserError(
                f"{named}: cannot be read as a table (it is a spreadsheet): save it as text with "
                'tabs, in Excel as "Unicode Text"'
            )
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{named}: cannot be read as a table (it is not in {'UTF-16' if wide else 'UTF-8'}): "
            'save it in UTF-8, or in Excel as "Unicode Text"'
        ) from error
    except OSError as error:
        reason = one_line(error, SHOWN_PATH)
        raise UserError(f"{named}: cannot be read as a table ({reason})") from error


def split_cells(text: str) -> list[Line]:
    """Lines of a table with tabs between its cells, without the quotation marks around cells."""
    lines, cells, number, first = [], [], 1, 1
    for quoted, bare, end in CELL.findall(text):
        cells.append(re.sub(r'""|\\"', '"', quoted) or bare)
        number += len(LINE_END.findall(quoted))
        if end != "\t":
            lines.append(Line(first, cells))
            number += bool(end)
            cells, first = [], number
    return lines

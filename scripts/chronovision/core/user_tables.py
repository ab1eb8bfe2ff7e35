"""Reading of tables that people write, by hand or with R, Excel or pandas: text and cells."""

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from chronovision.core.messages import SHOWN_PATH, one_line
from chronovision.errors import UserError

#: Texts of a missing value in BIDS, by hand, in R and in pandas.
MISSING = frozenset(("", "n/a", "NA", "NaN", "nan", "<NA>"))
#: First bytes of spreadsheet files: .xlsx and .ods, .xls.
SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
#: Largest size of a table in bytes, so that a video given by mistake is not read as a whole.
MAX_BYTES = 2**26

#: A cell and what ends it. A cell is quoted if it begins and ends with a quotation mark, and marks
#: within it are doubled (Excel, pandas) or follow a backslash (R). File names may begin with a
#: quotation mark, and Python's csv would read on to the next mark in any line.
CELL = re.compile(r'(?:"((?:[^"\\]|""|\\"|\\)*+)"(?=[\t\r\n]|\Z)|([^\t\r\n]*))(\t|\r\n|\r|\n|\Z)')
#: The end of a line, on any system.
LINE_END = re.compile(r"\r\n|\r|\n")


class Line(NamedTuple):
    """Cells of one line of the table; a quoted cell may make it span several lines of the file."""

    number: int
    cells: list[str]


def read_table_text(path: Path) -> str:
    """Read a table's text, in UTF-8 or in UTF-16 with a byte order mark (Excel's "Unicode Text").

    Raises
    ------
    UserError
        The file is in another encoding, or too large for a table.
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
    """Split a tab-separated text into lines of cells, without the quotation marks around cells."""
    lines, cells, number, first = [], [], 1, 1
    for quoted, bare, end in CELL.findall(text):
        cells.append(re.sub(r'""|\\"', '"', quoted) or bare)
        number += len(LINE_END.findall(quoted))
        if end != "\t":
            lines.append(Line(first, cells))
            number += bool(end)
            cells, first = [], number
    return lines

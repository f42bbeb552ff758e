"""What may be told of an error. An engine's message can quote values of the data, which may be a customer's."""

from pathlib import Path
from traceback import extract_tb

# Messages of these speak of names in the SQL. Any other could quote a value.
OF_NAMES = ("BinderException", "CatalogException", "ParserException", "AnalysisException")
# And these of files, sizes and our own texts.
_OF_FILES = ("IOException", "OutOfMemoryException", "ParseError", "TokenError")
_PACKAGE = Path(__file__).resolve().parents[1]


def gist(error: BaseException) -> str:
    """The kind of an error, and the first line of its message where that cannot quote a value."""
    kind = type(error).__name__
    lines = str(error).strip().splitlines()
    return f"{kind}: {lines[0]}" if lines and kind in (*OF_NAMES, *_OF_FILES) else kind


def place(error: BaseException) -> str:
    """Where it was raised: the frames of this project, outermost first, without the lines' values."""
    frames = [(Path(frame.filename), frame) for frame in extract_tb(error.__traceback__)]
    ours = [(file, frame) for file, frame in frames if file.is_relative_to(_PACKAGE)]
    return " > ".join(f"{file.relative_to(_PACKAGE)}:{frame.lineno} {frame.name}" for file, frame in ours)

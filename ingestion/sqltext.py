"""The only two ways in which anything but our own words gets into SQL text."""


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """Text as an SQL string literal. DuckDB knows no escapes in one but the doubled mark."""
    return "'" + str(text).replace("'", "''") + "'"

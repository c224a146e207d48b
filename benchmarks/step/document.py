"""Puts a report between two markers of a Markdown file."""

from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def write(document: Path, name: str, text: str) -> None:
    """Replace what stands between <!-- name --> and <!-- end of name -->.

    Raises:
        ValueError: the markers are not there, each once and in this order.
    """
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    whole = document.read_text()
    if whole.count(start) != 1 or whole.count(end) != 1 or whole.index(start) > whole.index(end):
        raise ValueError(f"{document.name} needs one {start} and, after it, one {end}")
    before, after = whole.split(start)[0], whole.split(end)[1]
    document.write_text(f"{before}{start}\n\n{text}\n\n{end}{after}")

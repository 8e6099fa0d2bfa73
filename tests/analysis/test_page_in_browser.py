import shutil

import pytest

from analysis.compare import compare
from analysis.normalisation import Anchors
from analysis.report import write_report
from tests.analysis.browser import chromium, visiting
from tests.analysis.run_folders import ONSET, write_run

COLUMN = """(name) => {
    const table = document.querySelector("#table table");
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    return [...table.tBodies[0].rows].map((row) => row.cells[names.indexOf(name)].textContent);
}"""
PLAYED = """async (video) => {
    await video.play();
    await new Promise((resolve, reject) => {
        video.onerror = () => reject(new Error("it cannot be played"));
        video.ontimeupdate = () => video.currentTime > 0.1 && resolve();
        setTimeout(() => reject(new Error(`stuck at ${video.currentTime}`)), 5000);
    });
    return [video.videoWidth, video.videoHeight];
}"""
TEXT_SIZES = """() => [...document.querySelectorAll("svg text")].map(
    (text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    runs = [
        write_run(
            folder / "runs" / f"{brain}{seed}", brain=brain, seed=seed, score=score + seed,
            onset=ONSET, costs={"energy": {"45_nm": score}}, film_frames=25 if seed == 0 else 0,
        )
        for brain, score in (("full", 90.0), ("gru", 700.0), ("spiking", 8.0))
        for seed in range(3)
    ]  # fmt: skip
    runs.append(write_run(folder / "runs" / "not_evaluated", brain="none", evaluated=False))
    comparison = compare(runs, anchors={"Hopper-v5": Anchors(0.0, 100.0)})
    page = write_report(comparison, folder / "comparison", embed_bytes=10**6)
    shutil.rmtree(folder / "runs")  # the page stands alone, wherever it is taken
    return page.rename(folder / "elsewhere.html")


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


def test_the_page_loads_without_the_network_without_errors_and_fetches_nothing(browser, report):
    with visiting(browser, report) as visit:
        assert visit.page.title() == "Comparison of brains"
        assert visit.page.locator("svg").count() >= 8
        visit.page.wait_for_load_state("networkidle")
        assert visit.errors == []
        fetched = [url for url in visit.requests if not url.startswith("data:")]
        assert fetched == [report.as_uri()]


def test_a_click_on_a_column_sorts_by_number_down_then_up_with_unknown_ones_last(browser, report):
    with visiting(browser, report) as visit:
        head = visit.page.locator("#table th", has_text="deterministic").get_by_role("button")
        head.click()
        falling = visit.page.evaluate(COLUMN, "brain")
        assert falling == ["gru", "full", "spiking", "ppo"]
        head.click()
        assert visit.page.evaluate(COLUMN, "brain") == ["spiking", "full", "gru", "ppo"]
        visit.page.locator("#table th", has_text="brain").get_by_role("button").click()
        assert visit.page.evaluate(COLUMN, "brain") == ["full", "gru", "ppo", "spiking"]
        assert visit.errors == []


def test_an_embedded_film_plays(browser, report):
    with visiting(browser, report) as visit:
        films = visit.page.locator("video")
        assert films.count() == 3
        for film in films.all():
            assert film.evaluate(PLAYED) == [64, 64]


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_of_the_page_and_figures_can_be_read(browser, report, width):
    with visiting(browser, report, width=width) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        assert min(visit.page.evaluate(TEXT_SIZES)) >= 10.0

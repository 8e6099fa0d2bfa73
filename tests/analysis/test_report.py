import base64
import re
import shutil
from html.parser import HTMLParser

import pytest

from analysis.compare import compare
from analysis.normalisation import Anchors
from analysis.report import NAME, SECTIONS, write_report
from analysis.runs import find_runs
from tests.analysis.run_folders import ONSET

ANCHORS = {"Hopper-v5": Anchors(0.0, 100.0, "a test"), "Ant-v5": Anchors(0.0, 10.0, "a test")}
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """What a page holds: headings, and all that it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.fetched, self.links = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.fetched += [told[key] for key in ("src", "data", "poster") if key in told]
        self.fetched += [told["href"]] if tag == "link" else []
        self.links += [told["href"]] if tag == "a" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture
def rich(make_run):
    """Return folders of runs that have everything to tell."""
    return [
        make_run(
            f"{env}{brain}{seed}", env=env, brain=brain, seed=seed, score=score + seed, onset=ONSET,
            costs={"energy": {"45_nm": score, "77_fJ": 1.0}, "synaptic_ops_per_action": 40.0},
            film_frames=12 if seed == 0 else 0,
        )
        for env in ("Hopper-v5", "Ant-v5")
        for brain, score in (("full", 90.0), ("gru", 70.0))
        for seed in range(2)
    ]  # fmt: skip


def page_of(comparison, folder, embed_bytes=10**6):
    return write_report(comparison, folder, embed_bytes=embed_bytes).read_text(encoding="utf-8")


def test_runs_that_tell_everything_fill_every_section(rich, tmp_path):
    comparison = compare(rich, anchors=ANCHORS)
    page = Page(page_of(comparison, tmp_path / "out"))
    assert page.open == []
    assert len(page.headings) == 1 + len(SECTIONS)
    assert "Not shown" not in page.headings
    assert "Differences to full" in page.headings


def test_what_runs_do_not_tell_is_said_and_how_to_get_it(make_run, tmp_path):
    text = page_of(compare([make_run("a"), make_run("b", brain="gru")]), tmp_path)
    assert Page(text).open == []
    for reason in (
        "no task has both anchors",
        "no run counts operations or energy",
        "no run was evaluated under a challenge",
        "no group&#x27;s brain is &#x27;full&#x27;: name another one",
        "evaluate.py video=true makes them",
    ):
        assert reason in text


def test_brains_that_are_not_matched_for_their_budgets_are_said_with_these(make_run, tmp_path):
    folders = [make_run("a", brain="full"), make_run("b", brain="gru", steps=300)]
    text = page_of(compare(folders), tmp_path)
    reason = "no two brains that were evaluated on the same task trained for as long on it"
    assert reason in text
    unmatched = "gru in Hopper-v5 trained for 300 steps, full for 1k"
    assert f"no other brain trained for as long: {unmatched}" in text
    text = page_of(compare([*folders, make_run("c", brain="spiking")]), tmp_path)
    assert reason not in text
    assert f"<li>{unmatched}</li>" in text
    alone = page_of(compare(folders[:1]), tmp_path)
    assert "no two brains were evaluated on the same task" in alone
    assert "no other brain was evaluated in the same bodies" in alone


def test_the_page_fetches_nothing_and_is_the_same_again(rich, tmp_path):
    comparison = compare(rich, anchors=ANCHORS)
    text = page_of(comparison, tmp_path / "out")
    page = Page(text)
    assert page.fetched
    assert all(source.startswith("data:") for source in page.fetched)
    assert not re.search(r"@import|url\(", text)
    assert page_of(comparison, tmp_path / "out") == text


def test_films_are_embedded_up_to_the_limit_and_others_linked_from_the_page(rich, tmp_path):
    comparison = compare(rich)
    film = rich[0] / "videos" / "step_000001000.mp4"
    whole = page_of(comparison, tmp_path / "out")
    assert whole.count("<video") == 4
    assert base64.b64encode(film.read_bytes()).decode() in whole
    one = page_of(comparison, tmp_path / "out", embed_bytes=film.stat().st_size)
    assert one.count("<video") == 1
    linked = [link for link in Page(one).links if link.endswith(".mp4")]
    assert len(linked) == 3
    assert all((tmp_path / "out" / link).is_file() for link in linked)
    assert not any(link.startswith("/") for link in linked)


def test_a_single_film_is_of_each_brain_and_body_before_a_second_seed(make_run, tmp_path):
    folders = [
        make_run("a0", film_frames=9),
        make_run("a1", seed=1, film_frames=9),
        make_run("b0", brain="gru", film_frames=40),
    ]
    sizes = [(folder / "videos" / "step_000001000.mp4").stat().st_size for folder in folders]
    text = page_of(compare(folders), tmp_path / "out", embed_bytes=sizes[0] + sizes[2])
    labels = re.findall(r'<video [^>]*aria-label="film of (\w+)', text)
    assert sorted(labels) == ["gru", "spiking"]


def test_every_figure_states_seeds_and_budget(rich, tmp_path):
    text = page_of(compare(rich, anchors=ANCHORS), tmp_path / "out")
    captions = re.findall(r"<svg.*?</svg><figcaption>(.*?)</figcaption>", text, re.DOTALL)
    assert len(captions) > 10
    for caption in captions:
        assert re.search(r"n = \d|n: |runs: ", caption), caption
        assert "control steps" in caption


def test_names_from_configurations_cannot_write_into_the_page(make_run, tmp_path):
    evil = "<script>alert(1)</script>"
    folders = [
        make_run(f"r{i}", kwargs={"name": evil}, changes={"key": evil * i}) for i in range(2)
    ]
    text = page_of(compare(folders), tmp_path / "out")
    assert evil not in text
    assert text.count("<script>") == 1


def test_folders_that_are_no_runs_are_said_once_and_those_of_runs_are_not(make_run, tmp_path):
    make_run("grid/a")
    make_run("grid/b", seed=1)
    (tmp_path / "runs" / "grid" / "notes" / "deep").mkdir(parents=True)
    (tmp_path / "runs" / "grid" / "a" / "checkpoints" / "step_1").mkdir(parents=True)
    strangers = []
    found = find_runs(f"{tmp_path}/runs/grid/**", strangers)
    assert [run.name for run in found] == ["a", "b"]
    assert strangers == [f"{tmp_path}/runs/grid/notes is no run: it has no config.yaml"]
    text = page_of(compare(found, notes=strangers), tmp_path / "out")
    assert "notes is no run" in text


def test_foreign_and_unfinished_runs_are_said_in_the_page(make_run, tmp_path):
    runs = [make_run("good"), make_run("early", seed=1, steps=300), make_run("foreign", seed=2)]
    (runs[2] / "config.yaml").write_text("policy: MlpPolicy\n")
    text = page_of(compare(runs), tmp_path / "out")
    assert "early is unfinished: 300 of 1,000 steps" in text
    assert "foreign is left out, it is no whole run: it lacks" in text


def test_nothing_but_broken_runs_gives_a_page_with_the_reasons(tmp_path):
    text = page_of(compare([tmp_path]), tmp_path / "out")
    assert Page(text).open == []
    assert "There is no run to compare." in text
    assert "has no config.yaml" in text


def test_a_page_that_is_written_again_replaces_the_old_one_whole(make_run, tmp_path):
    comparison = compare([make_run("a")])
    page_of(comparison, tmp_path / "out")
    shutil.rmtree(tmp_path / "runs")
    page_of(comparison, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [NAME]

import csv
import dataclasses
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.resources import files

import jsonschema
import pytest
from markupsafe import Markup
from synthetic_comparison import comparison
from synthetic_measures import all_results
from synthetic_results import LABELS, density, eigenvalues, line, plane, preflight, trace

from landscape.page.detail import MOST_SHOWN, shown_in_detail
from landscape.page.draw import DrawnFigure, Variant, trim
from landscape.page.section import ReportFigure
from landscape.report import write_report
from landscape.report.html import content_security_policy, json_block
from landscape.report.summary import measures

HOSTILE = "<script>alert(1)</script>&\"'$x_1$=cmd \\input{x}%#"


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def parsed(html):
    parser = _Tags()
    parser.feed(html)
    return parser


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_two_reports_of_the_same_results_are_the_same_bytes(tmp_path):
    results = [make(LABELS[0]) for make in (eigenvalues, plane)]
    for name in ("one", "two"):
        write_report(tmp_path / name, results, title="t", comparison=comparison())
    one, two = files_of(tmp_path / "one"), files_of(tmp_path / "two")
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_the_page_is_one_small_file_that_loads_nothing(page):
    assert len(page.encode()) < 3_000_000
    for tag, attributes in parsed(page).tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if tag == "a":
            assert re.match(r"#|figures/|tables/", attributes["href"])


@pytest.mark.slow
def test_of_many_checkpoints_the_page_shows_some_and_the_files_hold_all(tmp_path):
    labels = [f"recipe{i % 2}-s{i}" for i in range(200)]
    shown = [f"recipe{i % 2}-s{i}" for i in range(MOST_SHOWN)]
    few = [m(label) for label in shown for m in (density, line)]
    results = [*few, *(eigenvalues(label) for label in labels)]
    page = write_report(tmp_path, results, title="t")
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) < 3_000_000
    assert "200 checkpoints were analysed. 8 of them are shown" in text
    assert f'"labels">{json.dumps(shown, separators=(",", ":"))}' in text
    with (tmp_path / "tables/eigenvalues.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row["checkpoint"] for row in csv.DictReader(file)) == sorted(labels)
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert {c["label"] for c in summary["checkpoints"]} == set(labels)


@pytest.mark.parametrize("baseline", [None, "b-s9"])
def test_every_recipe_has_its_first_runs_in_the_page(baseline):
    labels = [f"{recipe}-s{seed}" for recipe in "abc" for seed in range(10)]
    shown = shown_in_detail(labels, baseline)
    expected = [f"{recipe}-s{seed}" for recipe in "abc" for seed in range(2)]
    if baseline:
        expected = sorted({*expected, baseline})
    assert list(shown) == expected


def test_columns_that_hold_nothing_are_left_out_of_the_page_only(tmp_path):
    results = [eigenvalues("a-s0"), eigenvalues("b-s0")]
    page = write_report(tmp_path, results, title="t").read_text(encoding="utf-8")
    header = (tmp_path / "tables/eigenvalues.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "relative" in header
    assert "value over that of the baseline checkpoint" not in page
    page = write_report(tmp_path, results, title="t", baseline="a-s0").read_text(encoding="utf-8")
    assert "value over that of the baseline checkpoint" in page


def test_figures_are_left_out_from_the_largest_on_until_the_rest_fits():
    def drawn(name, size):
        pairs = [(w, s) for w in ("wide", "narrow") for s in ("log", "linear")]
        variants = tuple(
            Variant(width=w, scale=s, svg=Markup("x" * size), points="") for w, s in pairs
        )
        figure = ReportFigure(
            name=name,
            draw=None,
            height=1,
            narrow_height=1,
            caption="",
            alt="",
            scales=(True, False),
        )
        return DrawnFigure(figure=figure, variants=variants)

    figures = {name: drawn(name, size) for name, size in (("small", 10), ("large", 100))}
    for limit, large in ((440, 4), (350, 3), (300, 2), (220, 2), (110, 1)):
        kept = trim(figures, limit)
        assert len(kept["large"].variants) == large
        assert kept["large"].scales[0] == kept["small"].scales[0] == "log"
        assert kept["small"].variants[0].width == "wide"
        assert sum(len(v.svg) for d in kept.values() for v in d.variants) <= limit


def test_a_wide_drawing_stands_in_for_a_phone_s_of_the_same_scale():
    pairs = [("wide", "log"), ("wide", "linear"), ("narrow", "log")]
    variants = tuple(Variant(width=w, scale=s, svg=Markup(""), points="") for w, s in pairs)
    drawn = DrawnFigure(figure=None, variants=variants)
    assert [drawn.shown_on(v) for v in variants] == ["wide", "any", "narrow"]


def test_labels_on_a_phone_of_400_pixels_are_8_pixels_high_at_least(page):
    drawings = re.findall(r'<div class="variant (\w+)".*?</svg>', page, flags=re.DOTALL)
    assert {"any", "wide", "narrow"} == set(drawings)
    text_width = 400 - 2 * 0.9 * 16  # less the body's padding on either side
    for kind, width, svg in re.findall(
        r'<div class="variant (any|narrow)"[^>]*><svg viewBox="0 0 ([\d.]+)(.*?)</svg>',
        page,
        flags=re.DOTALL,
    ):
        sizes = [float(s) for s in re.findall(r'font-size="([\d.]+)', svg)]
        assert min(sizes) * text_width / float(width) >= 8, kind


def test_files_that_the_page_points_to_are_there(report, page):
    targets = [a["href"] for tag, a in parsed(page).tags if tag == "a" and "/" in a["href"]]
    assert targets
    assert [t for t in targets if not (report / t).is_file()] == []


def test_anchors_and_ids_are_unique_and_resolve(page):
    ids = [a["id"] for _, a in parsed(page).tags if "id" in a]
    assert len(ids) == len(set(ids))
    anchors = [a["href"][1:] for tag, a in parsed(page).tags if tag == "a" and a["href"][0] == "#"]
    assert set(anchors) <= set(ids)


def sections_of(page):
    found = [(tag, a) for tag, a in parsed(page).tags if a.get("class") == "section"]
    assert {tag for tag, _ in found} == {"details"}
    assert not any("open" in a for _, a in found)
    return [a["id"] for _, a in found]


def test_the_details_are_closed_and_stand_in_order_with_the_verdict_first(page):
    assert page.index('id="first"') < page.index('id="verdict"')
    assert sections_of(page) == [
        "verdict",
        "loaded",
        "spectra",
        "fidelity",
        "layers",
        "sharpness",
        "robustness",
        "activity",
        "surrogates",
        "surfaces",
        "training",
        "accuracy",
        "method",
        "provenance",
        "traps",
        "glossary",
    ]


def test_a_meaning_stands_once_in_the_glossary_and_no_sentence_twice(page):
    glossary = page[page.index('id="glossary"') :]
    meanings = re.findall(r"<dd>(.*?)</dd>", glossary)
    assert len(meanings) == len(set(meanings)) > 20
    # In tables' rows words may come again; what is said about a figure or a part is said once.
    said = re.findall(r"<(?:p|figcaption|li)>(.*?)(?:<span|</)", page)
    sentences = [s for text in said for s in re.split(r"(?<=\.) ", text) if len(s) > 60]
    assert [s for s in sentences if sentences.count(s) > 1] == []


def test_sections_without_results_are_left_out(tmp_path):
    page = write_report(tmp_path, [trace("a-s0")], title="t").read_text()
    assert sections_of(page) == ["loaded", "spectra", "method", "provenance", "traps", "glossary"]


def test_hostile_labels_stay_text_everywhere(tmp_path):
    results = [
        dataclasses.replace(r, subject=dataclasses.replace(r.subject, label=HOSTILE))
        for r in all_results(("a-s0",))
    ]
    html = write_report(tmp_path, results, title=HOSTILE, baseline=HOSTILE).read_text()
    page = parsed(html)
    scripts = [a for tag, a in page.tags if tag == "script" and a.get("type") is None]
    assert len(scripts) == 1
    assert "alert(1)</script>" not in html
    assert HOSTILE in page.text
    for path in (tmp_path / "tables").glob("*.csv"):
        assert not re.search(r"(^|,)[=+@]", path.read_text(), re.MULTILINE)
    for path in (tmp_path / "tables").glob("*.tex"):
        assert "\\input" not in path.read_text()
        # The overview of a network alone has a row a measure, and no label.
        told = r"\$x\_1\$=cmd" in path.read_text().replace(r"\allowbreak{}", "")
        assert told is (path.stem != "overview")
    for path in tmp_path.rglob("*"):
        assert path.resolve().is_relative_to(tmp_path.resolve())


def test_json_in_the_page_cannot_end_its_script():
    text = json.dumps({"a": "</script><!--&\u2028"}, ensure_ascii=False)
    block = json_block(text)
    assert not set(block) & set("<>&\u2028")
    assert json.loads(str(block)) == json.loads(text)


def test_the_policy_allows_one_style_sheet_and_one_script(page):
    found = parsed(page)
    (policy,) = (
        a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    css = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    assert policy == content_security_policy(css, script)
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert len(script.encode()) < 200_000


@pytest.mark.parametrize(("scale", "unit"), [("none", "loss/θ²"), ("filter", "loss")])
def test_the_summary_has_the_units_of_the_operators_scale(scale, unit):
    plain = eigenvalues("a-s0")
    result = dataclasses.replace(plain, operator=dataclasses.replace(plain.operator, scale=scale))
    assert {m["unit"] for m in measures(result)} == {unit}


def published_schema():
    return json.loads((files("landscape.report") / "summary.schema.json").read_text())


def test_the_summary_obeys_its_schema_and_holds_every_checkpoint(report):
    schema = published_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    summary = json.loads((report / "summary.json").read_text())
    jsonschema.validate(summary, schema)
    assert [c["label"] for c in summary["checkpoints"]] == list(LABELS)
    (first, *_) = (m for m in summary["checkpoints"][0]["measures"] if m["name"] == "lambda_max")
    assert first["value"] == pytest.approx(1.38)
    assert first["stderr"] > 0
    assert first["population"]["low"] < first["value"] < first["population"]["high"]
    assert first["residual"] > 0
    assert summary["verdicts"][0]["verdict"] == "flatter"


def test_the_schema_refuses_an_unknown_field(report):
    summary = json.loads((report / "summary.json").read_text()) | {"extra": 1}
    with pytest.raises(jsonschema.ValidationError, match="extra"):
        jsonschema.validate(summary, published_schema())


def test_numbers_carry_errors_and_unconverged_ones_a_mark(page):
    assert "1.38 ± 0.03" in page
    assert re.search(r"0\.389 ± 0\.010 †", page)


def test_the_largest_has_an_interval_for_the_set_of_its_examples(page):
    assert "1.1\u00a0to\u00a01.52" in page
    assert "The interval is for the training split of 20,000." in page


def test_relative_values_are_left_out_where_examples_differ(tmp_path):
    other = trace("b-s0")
    other = dataclasses.replace(
        other, subject=dataclasses.replace(other.subject, examples_sha256="cd" * 32)
    )
    page = write_report(tmp_path, [trace("a-s0"), other], title="t", baseline="a-s0").read_text()
    assert "Not measured alike" in page
    assert "×</td>" not in page


def test_the_formal_hessian_is_named_and_explained_for_spiking_networks_only(tmp_path, page):
    assert "The formal Hessian is what differentiating twice" in page
    smooth = trace("a-s0")
    smooth = dataclasses.replace(smooth, subject=dataclasses.replace(smooth.subject, spiking=False))
    assert "formal" not in write_report(tmp_path, [smooth], title="t").read_text()


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        ("a random subset of 60,000, by seed 0", "(embedded subset; a random subset of 60,000, "),
        ("all", "(embedded subset)"),
    ],
)
def test_the_page_says_which_examples_were_taken(taken, told, tmp_path):
    found = trace("a-s0")
    found = dataclasses.replace(found, subject=dataclasses.replace(found.subject, taken=taken))
    page = write_report(tmp_path, [found], title="t").read_text()
    assert f"1000 of fashion-mnist train {told}" in page


def test_failed_preflight_checks_are_said_before_any_number(page):
    assert page.index("preflight failed for 4 networks") < page.index('class="tiles"')
    assert "Train longer" in page


def test_a_report_needs_results_and_a_known_baseline(tmp_path):
    with pytest.raises(ValueError, match="at least one result"):
        write_report(tmp_path, [], title="t")
    with pytest.raises(ValueError, match="baseline must be the label of a checkpoint"):
        write_report(tmp_path, [preflight("a-s0")], title="t", baseline="b")


def test_reports_are_made_without_torch():
    code = "import sys, landscape.report, landscape.plotting; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

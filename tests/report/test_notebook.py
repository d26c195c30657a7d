import base64

import nbformat
import pytest
from synthetic_measures import all_results
from synthetic_results import curves, eigenvalues, provenance, subject, trace

from landscape.report.notebook import load_results, png_of, report_figures, write_notebook
from landscape.report.tensorboard import log_tensorboard, scalars
from landscape.results import ResultError, SharpnessTable, save_result
from landscape.results.training import curves_from_metrics

PNG = b"\x89PNG\r\n\x1a\n"


def test_the_notebook_is_valid_and_holds_the_figures_it_draws(tmp_path):
    results = [eigenvalues("a$b-s0"), trace("a$b-s0"), trace("a$b-s1")]
    path = write_notebook(tmp_path, results, title="t <b>$x$")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    setup, *figures = [c for c in notebook.cells if c.cell_type == "code"]
    assert len(figures) == 2
    for cell in figures:
        assert base64.b64decode(cell.outputs[0].data["image/png"]).startswith(PNG)
    assert "report_figures" in setup.source
    assert notebook.cells[0].source == r"# t \<b\>\$x\$"


def test_the_notebooks_own_code_finds_the_results_and_draws_them(tmp_path):
    for result in (trace("a-s0"), trace("a-s1")):  # of one network there is nothing to compare
        save_result(result, tmp_path / "results" / result.subject.label / "trace.json")
    figures = report_figures(load_results(tmp_path))
    assert png_of(figures["trace"]).startswith(PNG)


def test_tensorboard_finds_scalars_and_figures(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    results = [curves("a-s0"), eigenvalues("a-s0")]
    log_tensorboard(tmp_path, results)
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Scalars("lambda_max-hessian/a-s0")[0].value == pytest.approx(1.7)
    assert [e.step for e in events.Scalars("train_loss/a-s0")] == list(range(1, 17))
    assert events.Images("spectra/eigenvalues")[0].width > 900


def test_scalars_of_one_split_differ_in_their_tags():
    # λ_max stands in the spectrum and in the table of sharpness: one of them is enough here.
    results = [r for r in all_results(("a-s0",)) if not isinstance(r, SharpnessTable)]
    tags = [(tag, step) for tag, _, step in scalars(results)]
    assert len(tags) == len(set(tags))


def test_training_curves_are_read_from_what_the_trainer_logs():
    header = {"subject": subject("a-s0"), "provenance": provenance()}
    text = '{"epoch": 1, "train_loss": 0.5}\n{"epoch": 2, "train_loss": 0.4, "test_loss": 0.6}\n'
    curves = curves_from_metrics(text, **header)
    assert curves.train_loss.tolist() == [0.5, 0.4]
    assert curves.test_loss[1] == 0.6
    assert curves.test_accuracy is None
    assert curves_from_metrics("", **header) is None
    for damaged in ('{"epoch": 1, "train_loss"', "[1]", '{"train_loss": 1}'):
        with pytest.raises(ResultError, match="JSON Lines"):
            curves_from_metrics(damaged, **header)

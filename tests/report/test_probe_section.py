"""What a probe left beside a checkpoint, in its report."""

import json

import numpy as np
import pytest
from synthetic_results import LABELS, header, probed, subject

from landscape.analysis.probe_curves import _file_of
from landscape.page.material import gather
from landscape.report.sections.probe import probe_section
from landscape.report.tensorboard import scalars
from landscape.results import ResultError, load_result, save_result
from landscape.results.probe import probe_curves


def test_the_section_names_matrix_edge_turns_and_alarms():
    section = probe_section(gather([probed(label) for label in LABELS[:2]], None))
    assert section.key == "probe"
    assert "up to" in section.summary
    assert "of its edge" in section.summary
    notes = " ".join(section.notes)
    assert "formal Hessian of the surrogate" in notes
    assert "another direction became the sharpest at steps 300" in notes
    assert f"{LABELS[0]}: step 500: sharpness is above the edge" in notes
    assert probe_section(gather([probed("a", edge=np.full(20, np.nan), edge_of="")], None)).summary


def test_curves_are_stored_and_logged(tmp_path):
    curves = probed("a-s0")
    save_result(curves, tmp_path / "probe.json")
    again = load_result(tmp_path / "probe.json")
    assert np.array_equal(again.lambda_max, curves.lambda_max)
    assert (again.turned, again.warnings) == (curves.turned, curves.warnings)
    logged = list(scalars([again]))
    assert ("probe/lambda_max/a-s0", float(curves.lambda_max[3]), 300) in logged
    assert not [tag for tag, _, _ in logged if "preconditioned" in tag]  # of NaN alone


def test_lines_of_a_probe_are_read_and_others_refused():
    about = header("a-s0")
    line = {
        "step": 3,
        "matrix": "Hessian",
        "loss": None,
        "lambda_max": 2.0,
        "edge": 4.0,
        "edge_of": "lambda_max",
        "turned": ["lambda_max"],
        "warnings": ["too sharp"],
        "notes": [],
    }
    found = probe_curves(json.dumps(line), **about)
    assert (found.sharpness, found.turned, found.warnings) == (
        "lambda_max",
        (3,),
        ("step 3: too sharp",),
    )
    assert np.isnan(found.loss).all()
    assert probe_curves(json.dumps(line | {"edge_of": "<b>"}), **about).edge_of == ""
    assert probe_curves("\n", **about) is None
    for text in ("{}", "[1]", "no JSON", json.dumps(line | {"step": "x"})):
        with pytest.raises(ResultError, match="JSON Lines with a step"):
            probe_curves(text, **about)


@pytest.mark.parametrize(
    ("checkpoint", "file"),
    [
        ("run.safetensors", "run.probe.jsonl"),  # landscape train
        ("version_0/checkpoints/epoch=1.ckpt", "version_0/probe.jsonl"),  # Lightning
        ("out/checkpoint-500/model.safetensors", "out/probe.jsonl"),  # transformers' Trainer
        ("out/model.safetensors", "out/probe.jsonl"),
    ],
)
def test_a_probes_file_is_found_beside_the_checkpoint(checkpoint, file, tmp_path):
    path = tmp_path / checkpoint
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    if checkpoint.startswith("out"):
        (path.parent / "training_args.bin").write_bytes(b"")
    assert _file_of(str(path)) is None
    (tmp_path / file).write_text("")
    assert _file_of(str(path)).samefile(tmp_path / file)
    assert _file_of(subject("a", checkpoint="in memory").checkpoint) is None


def test_a_file_of_another_network_is_not_taken(tmp_path):
    """Of a loop's networks in one folder, and of the folder above it."""
    (tmp_path / "checkpoints").mkdir()
    for name in ("a.pt", "checkpoints/b.safetensors"):
        (tmp_path / name).write_bytes(b"")
        (tmp_path / "probe.jsonl").write_text("")
        assert _file_of(str(tmp_path / name)) is None

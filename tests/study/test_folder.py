import json

from landscape.study.folder import RunRecord, StudyFolder


def test_what_a_kill_left_of_one_run_is_removed_and_nothing_else(tmp_path):
    folder = StudyFolder(tmp_path)
    folder.write(RunRecord(label="a-s1"))
    kept = [folder.checkpoint("a-s1"), folder.result("a-s1", "scaled")]
    others = [
        folder.checkpoint("b-s1").with_name(".b-s1.safetensors.x1.tmp"),
        folder.root / "runs" / ".a-s11.json.x1.tmp",
    ]
    left = [
        folder.root / "runs" / ".a-s1.json.x1.tmp",
        folder.checkpoint("a-s1").with_name(".a-s1.safetensors.x1.tmp"),
        folder.result("a-s1", "scaled").with_name(".scaled.json.x1.tmp"),
    ]
    for path in (*kept, *others, *left):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    folder.sweep("a-s1")
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in (*kept, *others))
    assert folder.record("a-s1").state == "waiting"


def test_the_record_of_an_earlier_version_which_told_more_is_read(tmp_path):
    folder = StudyFolder(tmp_path)
    record = RunRecord(label="a-s1", state="failed", stage="spectrum of a-s1", reason="memory")
    folder.write(record)
    path = tmp_path / "runs" / "a-s1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "analyses": ["a-s1/training"]}))
    assert folder.record("a-s1") == record

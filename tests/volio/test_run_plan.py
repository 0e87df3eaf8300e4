"""What the plans of all runs hold."""

import json
import shutil

from volio.run_plan import RunPlan, free_disk


def test_totals_are_sums_and_all_is_json():
    plan = RunPlan(
        executor="threads", threads=2, memory_limit=10, memory=5, disk={"volume": 3, "lines": 4}, disk_free=9,
        seconds={"reading": 1.5, "writing": 2.0}, assumptions=("quiet",), warnings=(),
    )  # fmt: skip
    said = json.loads(json.dumps(plan.as_dict()))
    assert (said["total_disk"], said["total_seconds"]) == (7, 3.5)
    assert said["assumptions"] == ["quiet"]


def test_free_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    found = free_disk(tmp_path / "none" / "out")
    assert abs(found - shutil.disk_usage(tmp_path).free) < 1e9

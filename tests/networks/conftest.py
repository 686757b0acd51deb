"""A small data set that the tests of networks share."""

import json

import pytest
from walks import synthesize_walk

from lead.data.prepare import prepare_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    source = tmp_path_factory.mktemp("clips")
    rows = []
    for number in range(6):
        synthesize_walk(1.5 + 0.2 * number, seed=number).save(source / f"w{number}.npy")
        rows.append({"clip": f"w{number}.npy", "captions": ["a person walks"], "split": ["train", "val"][number > 3]})
    (source / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path_factory.mktemp("out") / "data"
    prepare_data(source, out)
    return out

"""The command: files, manifest, and errors that say what to change."""
import hashlib
import json

import onnx
import pytest
import torch

import export
import systems


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["export.py", *map(str, arguments)])
    export.main()


@pytest.fixture
def narrow(tmp_path):
    """A checkpoint with our own names."""
    torch.manual_seed(0)
    torch.save(systems.create("deeplabv3plus", "resnet50", 11, width=1 / 16).state_dict(), tmp_path / "narrow.pt")
    return tmp_path / "narrow.pt"


def exported(folder):
    text, graph = json.loads((folder / "model.json").read_text()), folder / "1" / "model.onnx"
    assert text["source"]["sha256"] == hashlib.sha256(graph.read_bytes()).hexdigest()
    return text, onnx.load(str(graph))


def test_a_checkpoint_of_ours_becomes_a_model(monkeypatch, tmp_path, narrow):
    run(monkeypatch, "deeplabv3plus", "--backbone", "resnet50", "--classes", "camvid", "--weights", narrow, "--option", "width=0.0625", "--out", tmp_path / "mine")
    text, graph = exported(tmp_path / "mine")
    assert text["name"] == "mine" and text["architecture"] == "deeplabv3plus" and text["source"]["checkpoint"] == "narrow.pt"
    assert text["graph"] == {"input": "input", "output": "logits", "max_batch": 8, "output_kind": "logits", "output_stride": 4}
    assert text["classes"]["dataset"] == "camvid"
    assert [d.dim_param or d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim] == ["batch", 3, "height", "width"]


def test_labels_and_super_resolution_are_told_in_the_manifest(monkeypatch, tmp_path):
    run(monkeypatch, "dsrl", "--backbone", "resnet50", "--classes", "7", "--outputs", "labels", "--option", "width=0.0625", "--out", tmp_path / "twice")
    text, graph = exported(tmp_path / "twice")
    assert text["graph"] == {"input": "input", "output": "labels", "max_batch": 8, "output_kind": "labels", "output_scale": 2}
    assert text["preprocess"]["size"]["multiple"] == 16 and len(text["classes"]["names"]) == 7
    assert graph.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_a_network_of_one_size_is_served_by_sliding(monkeypatch, tmp_path):
    run(monkeypatch, "cpnet", "--classes", "3", "--option", "width=0.0625", "--option", "size=[64,96]", "--out", tmp_path / "tiles")
    text, graph = exported(tmp_path / "tiles")
    assert text["preprocess"]["size"]["fixed"] == [64, 96] and text["inference"]["mode"] == "slide" and text["inference"]["crop"] == [64, 96]
    assert [d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim][2:] == [64, 96]


@pytest.mark.parametrize("arguments, message", [
    (["--classes", "12", "--weights", "NARROW"], "--classes"), (["--backbone", "resnet19"], "resnet50")])
def test_errors_say_what_to_change(monkeypatch, tmp_path, narrow, arguments, message):
    with pytest.raises(ValueError, match=message):
        run(monkeypatch, "deeplabv3plus", *(["--backbone", "resnet50"] if "--backbone" not in arguments else []), "--option", "width=0.0625",
            *(str(narrow) if a == "NARROW" else a for a in arguments), "--out", tmp_path / "wrong")

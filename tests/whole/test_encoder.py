"""The real face pack: built from the pinned wheel, loaded offline, and it tells people apart."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from identity import face_pack, graphs
from identity.encoder import InsightFaceEncoder, align
from identity.face_pack import PackBuildError
from identity.limits import Gates
from identity.matching import same_person, similarity
from tests.identity_fixtures import (
    NAMES,
    astronaut,
    encoder,
    faces_of,
    limits,
    pack_folder,
    sample,
    six_friends,
)
from workspace.errors import Unavailable
from workspace.types import Embedding


@cache
def vector(name: str, kind: str) -> Embedding:
    return encoder().embed(sample(name, kind), faces_of(name, kind)[0])


def test_the_pack_is_built_the_same_every_time_and_left_alone_when_right(tmp_path: Path):
    out = tmp_path / "deep" / "faces"
    face_pack.build(out)
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert face_pack.main(["--out", str(out)]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    for name in (face_pack.DETECTOR_FILE, face_pack.RECOGNISER_FILE, "manifest.json"):
        assert (out / name).read_bytes() == (pack_folder() / name).read_bytes()
    assert [path.name for path in out.parent.iterdir()] == ["faces"]  # no half-built folder


def test_a_damaged_pack_is_not_loaded_and_is_built_again(tmp_path: Path, monkeypatch):
    out = tmp_path / "faces"
    shutil.copytree(pack_folder(), out)
    detector = out / face_pack.DETECTOR_FILE
    whole = detector.read_bytes()
    detector.write_bytes(whole[:-1] + b"\0")
    assert not face_pack.is_complete(out)
    with pytest.raises(Unavailable):
        InsightFaceEncoder(out)
    built = {"detector": whole, "recogniser": (out / face_pack.RECOGNISER_FILE).read_bytes()}
    for name, content in built.items():  # the surgery itself has just been tested above
        monkeypatch.setattr(graphs, name, lambda _, content=content: content)
    face_pack.build(out)
    assert face_pack.is_complete(out)


def test_a_source_that_is_not_the_pinned_one_is_never_used(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(face_pack, "DETECTOR", (face_pack.DETECTOR[0], "0" * 64))
    with pytest.raises(PackBuildError, match="pinned"):
        face_pack.build(tmp_path / "faces")
    monkeypatch.setattr(face_pack, "SOURCE", "no-such-distribution")
    assert face_pack.main(["--out", str(tmp_path / "faces")]) == 1
    assert "not installed" in capsys.readouterr().err
    assert not (tmp_path / "faces").exists()


def test_the_manifest_names_digests_and_sources():
    manifest = json.loads((pack_folder() / "manifest.json").read_text())
    assert manifest["manifest_version"] == 2 and manifest["model_id"] == encoder().encoder_id
    assert set(manifest["sources"].values()) == {face_pack.DETECTOR[1], face_pack.RECOGNISER[1]}
    assert all(len(task["sha256"]) == 64 for task in manifest["tasks"].values())


def test_folded_weights_are_what_onnx_dequantises():
    source = face_pack._read_source(*face_pack.DETECTOR)
    model = onnx.load_from_string(source)
    first = next(node for node in model.graph.node if node.op_type == "DequantizeLinear")
    constants = [item for item in model.graph.initializer if item.name in first.input]
    value = onnx.helper.make_tensor_value_info(first.output[0], onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph([first], "one", [], [value], constants)
    alone = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=10)
    expected = ReferenceEvaluator(alone).run(None, {})[0]
    inputs = [onnx.numpy_helper.to_array(item) for item in constants]
    by_name = {item.name: array for item, array in zip(constants, inputs, strict=True)}
    options = {item.name: item.i for item in first.attribute}
    folded = graphs._dequantise(*(by_name[name] for name in first.input), **options)
    assert np.array_equal(folded, expected)


def test_without_a_pack_the_encoder_says_so_and_asks_no_network(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(Unavailable, match="not built"):
        InsightFaceEncoder(tmp_path)
    with pytest.raises(ValueError, match="absolute"):
        InsightFaceEncoder(Path("buffalo_l"))


def test_it_finds_real_faces_and_nothing_in_an_empty_picture():
    (face,) = encoder().detect(astronaut())
    left, top, right, bottom = face.box
    assert 150 < left < right < 300 and 50 < top < bottom < 210 and face.score > 0.9
    assert face.landmarks[0][0] < face.landmarks[2][0] < face.landmarks[1][0]
    friends = encoder().detect(six_friends())
    assert len(friends) == 6
    sizes = [face.width * face.height for face in friends]
    assert sizes == sorted(sizes, reverse=True)
    assert encoder().detect(np.full((1600, 1200, 3), 127, np.uint8)) == ()
    assert encoder().detect(np.zeros((1, 1, 3), np.uint8)) == ()


@pytest.mark.parametrize("size", [256, 1024, 3000])
def test_boxes_are_in_pixels_of_the_picture_that_was_searched(size):
    image = cv2.resize(astronaut(), (size, size), interpolation=cv2.INTER_AREA)
    face = encoder().detect(image)[0]
    assert face.width / size == pytest.approx(91 / 512, rel=0.08)


def test_a_small_person_in_a_large_picture_is_found():
    picture = np.full((3000, 2250, 3), 210, np.uint8)
    picture[1500:1756, 900:1156] = cv2.resize(astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    (face,) = encoder().detect(picture)
    assert 35 < face.width < 60


def test_vectors_have_unit_length_and_know_their_encoder():
    found = vector("kenji", "close_up")
    assert found.vector.shape == (128,) and found.vector.dtype == np.float32
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
    assert found.encoder_id == encoder().encoder_id == "yunet_sface_fp32"


def test_size_and_mirror_hardly_change_a_vector():
    image = astronaut()
    original = encoder().embed(image, encoder().detect(image)[0])
    for other in (
        np.ascontiguousarray(image[:, ::-1]),
        cv2.resize(image, (1500, 1500), interpolation=cv2.INTER_CUBIC),
        cv2.resize(image, (300, 300), interpolation=cv2.INTER_AREA),
    ):
        found = encoder().embed(other, encoder().detect(other)[0])
        assert similarity(original, found) > 0.9


def test_real_strangers_and_sample_people_are_told_apart():
    gates: Gates = limits().gates
    friends = six_friends()
    strangers = [encoder().embed(friends, face) for face in encoder().detect(friends)]
    for index, first in enumerate(strangers):
        for second in strangers[index + 1 :]:
            assert similarity(first, second) < gates.same_person - 0.1
    for name in NAMES:
        for other in NAMES:
            check = same_person(vector(name, "close_up"), vector(other, "full_body"), gates)
            assert check.status == ("pass" if name == other else "fail"), (name, other, check)
            if name != other:
                pair = similarity(vector(name, "close_up"), vector(other, "close_up"))
                assert pair < gates.duplicate


def test_alignment_puts_the_eyes_where_the_network_expects_them():
    image = np.zeros((900, 900, 3), np.uint8)
    points = np.array([[300, 400], [500, 380], [410, 500], [330, 620], [490, 600]], float)
    for (x, y), value in zip(points.astype(int), (50, 100, 150, 200, 250), strict=True):
        cv2.circle(image, (int(x), int(y)), 30, (value,) * 3, -1)
    face = faces_of("kenji", "close_up")[0]
    face = type(face)((250, 300, 560, 700), tuple(map(tuple, points)), 1.0)
    crop = align(image, face)
    assert crop.shape == (112, 112, 3)
    for (x, y), value in zip(((38, 52), (74, 52), (56, 72)), (50, 100, 150), strict=True):
        assert abs(int(crop[y, x, 0]) - value) < 15


def test_it_may_be_asked_from_several_threads():
    expected = encoder().detect(astronaut())
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(encoder().detect(astronaut())))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 2

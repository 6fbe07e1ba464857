"""Whatever stands in a prompt, a pack's manifest or the configuration: understood, or refused."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve.deployments.packs import MANIFEST, load_pack, outline, read_manifest
from serve.line.templates import names_model, resolve
from serve.settings import CONFIG_FILE, PROJECT, Settings, load_settings
from tests.tiny_pack import write_manifest
from workspace.errors import HousemodelError, InvalidRequest, PackInvalid, UnresolvedPlaceholder

LETTERS = "$$$model productsMODEL1290_' \u0660\u00b2\n\U0001f600"
PROMPTS = st.text(st.sampled_from(LETTERS), max_size=80)
ODD = (
    b"\xff", b"\0", b"[" * 5000, b"= {a=" * 2000, b"nan", b"-inf", b"1e999", b"9" * 20, b"true",
    b'""', b'"""', b"'../../x'", b"[[", b"\r\n", b"\xef\xbb\xbf", b"\\u0000", b"2026-01-01",
)  # fmt: skip
WORDS = st.one_of(st.binary(max_size=12), st.sampled_from(ODD))
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), WORDS), min_size=1, max_size=4
)  # each: where, how many bytes go, what comes instead
NAMES = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(["..", ".", "", "vae", "people", "secret.json", "~"]), max_size=6).map(
        "/".join
    ),
)
EXAMPLES = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Replace some bytes, here and there, by others."""
    for place, length, words in edits:
        at = int(place * len(data))
        data = data[:at] + words + data[at + length :]
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A pack that verifies, with a file beside its folder that is none of its business."""
    around = tmp_path_factory.mktemp("packs")
    (around / "secret.json").write_text("{}")
    inside = around / "pack"
    (inside / "vae").mkdir(parents=True)
    (inside / "model_index.json").write_text("{}")
    header = json.dumps({"__metadata__": {}}).encode()
    (inside / "vae" / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    write_manifest(inside)
    yield inside


@EXAMPLES
@given(PROMPTS, st.booleans(), st.integers(0, 9))
def test_a_prompt_without_a_model_names_none_and_no_placeholder_is_left(
    prompt: str, has_model: bool, products: int
) -> None:
    try:
        done = resolve(prompt, has_model, products)
    except UnresolvedPlaceholder as error:
        assert len(error.detail) < 300
        return
    assert done.names_model == names_model(prompt) and (has_model or not done.names_model)
    assert sorted(set(done.products)) == sorted(done.products)
    assert done.text.count("$") == prompt.count("$$")
    assert len(done.text) <= len(prompt) * 12


@EXAMPLES
@given(EDITS)
def test_a_damaged_manifest_is_read_or_refused(
    folder: Path, edits: list[tuple[float, int, bytes]]
) -> None:
    path = folder / MANIFEST
    whole = path.read_bytes()
    try:
        path.write_bytes(edited(whole, edits))
        for read in (read_manifest, load_pack, outline):
            try:
                read(folder)
            except PackInvalid as error:
                assert len(error.detail) < 1000 and str(folder) not in error.detail
    finally:
        path.write_bytes(whole)


@EXAMPLES
@given(NAMES)
def test_no_name_of_a_file_leads_out_of_a_pack(folder: Path, name: str) -> None:
    path = folder / MANIFEST
    whole = path.read_text()
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of "{}"
    listed = json.dumps(name).replace("\x7f", "\\u007f")
    try:
        path.write_text(f'{whole}\n{listed} = "{digest}"\n')
        with pytest.raises(PackInvalid):  # only listed files are there, and all of them listed
            load_pack(folder)
    finally:
        path.write_text(whole)


@EXAMPLES
@given(EDITS)
def test_damaged_settings_are_read_or_refused(
    tmp_path: Path, edits: list[tuple[float, int, bytes]]
) -> None:
    whole = (PROJECT / "configs" / CONFIG_FILE).read_bytes()
    (tmp_path / CONFIG_FILE).write_bytes(edited(whole, edits))
    try:
        found = load_settings(home=tmp_path / "home", configs_folder=tmp_path)
    except InvalidRequest as error:
        assert len(error.detail) < 1000
    else:
        assert isinstance(found, Settings) and 0 <= found.port < 65536 and found.replicas >= 1


@EXAMPLES
@given(st.sampled_from(["host", "port", "replicas", "pack"]), st.text(max_size=20), st.integers())
def test_words_of_the_command_line_are_taken_or_refused(
    tmp_path: Path, name: str, text: str, number: int
) -> None:
    given_: dict[str, object] = {name: number if name in ("port", "replicas") else text}
    try:
        found = load_settings(home=tmp_path / "home", **given_)  # type: ignore[arg-type]
        assert 0 < found.port < 65536 and found.replicas >= 1
    except HousemodelError as error:
        assert error.code == "invalid_request"

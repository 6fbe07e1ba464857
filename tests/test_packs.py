"""A pack is loaded only if every file is the listed one and none of them can run code."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from serve.deployments.packs import files_digest, load_pack, outline, read_manifest
from tests.tiny_pack import MANIFEST, write_manifest
from workspace.errors import PackInvalid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pack as far as files go: it verifies, though nothing could load it."""
    (tmp_path / "vae").mkdir()
    (tmp_path / "model_index.json").write_text("{}")
    header = json.dumps({"__metadata__": {}}).encode()
    weights = struct.pack("<Q", len(header)) + header
    (tmp_path / "vae" / "model.safetensors").write_bytes(weights)
    write_manifest(tmp_path)
    return tmp_path


def test_an_untouched_pack_loads_and_names_its_files_by_one_digest(folder: Path) -> None:
    pack = load_pack(folder)
    assert pack.digest == files_digest(read_manifest(folder).files)
    assert pack.summary("torch").sizes["3:4"] == (48, 64)
    assert pack.summary("torch").reference_sizes["full_body"] == (64, 80)


def test_the_digest_follows_content_and_names_but_not_order(folder: Path) -> None:
    assert files_digest({"a": "1", "b": "2"}) == files_digest({"b": "2", "a": "1"})
    assert files_digest({"a": "1", "b": "2"}) != files_digest({"a": "2", "b": "1"})


@pytest.mark.parametrize("name", ["model_index.json", "vae/model.safetensors"])
def test_one_changed_byte_in_any_file_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(PackInvalid, match="changed"):
        load_pack(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "model_index.json").unlink()
    with pytest.raises(PackInvalid, match=r"model_index\.json is missing"):
        load_pack(folder)


@pytest.mark.parametrize("name", ["vae/extra.safetensors", "vae/deep/config.json", "config.json"])
def test_a_file_that_a_loader_might_pick_up_must_be_listed(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("{}")
    with pytest.raises(PackInvalid, match="not listed"):
        load_pack(folder)


def test_a_readme_and_other_folders_may_stand_beside_the_weights(folder: Path) -> None:
    (folder / "README.md").write_text("about")
    (folder / "samples").mkdir()
    (folder / "samples" / "person.jpg").write_bytes(b"...")
    load_pack(folder)


def test_a_cast_is_listed_by_its_pictures_and_its_table(folder: Path) -> None:
    (folder / "people").mkdir()
    (folder / "people" / "people.toml").write_text("people = []")
    (folder / "people" / "c00_close_up.jpg").write_bytes(b"a picture")
    head = MANIFEST.format(guidance=1.0)
    cast = head.replace('from = "words"', 'from = "cast"\ntable = "people/people.toml"')
    write_manifest(folder, cast)
    assert load_pack(folder).summary("torch").people == "cast"
    (folder / "people" / "c00_close_up.jpg").write_bytes(b"another picture")
    with pytest.raises(PackInvalid, match="was changed"):
        load_pack(folder)
    (folder / "people" / "c01_close_up.jpg").write_bytes(b"nobody listed this one")
    with pytest.raises(PackInvalid, match="not listed"):
        load_pack(folder)


def test_a_cast_without_a_table_and_a_table_without_a_cast_are_refused(folder: Path) -> None:
    for people in ('from = "cast"', 'from = "words"\ntable = "x"', 'from = "cast"\ntable = "x"'):
        write_manifest(folder, MANIFEST.format(guidance=1.0).replace('from = "words"', people))
        with pytest.raises(PackInvalid, match="table"):
            load_pack(folder)


def test_pictures_are_no_part_of_a_pack_outside_its_cast(folder: Path) -> None:
    (folder / "vae" / "face.jpg").write_bytes(b"a picture")
    write_manifest(folder)
    with pytest.raises(PackInvalid, match="kind"):
        load_pack(folder)


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".ckpt", ".pkl", ".pth"])
def test_a_pickle_by_name_is_refused(folder: Path, suffix: str) -> None:
    (folder / "vae" / f"weights{suffix}").write_bytes(b"harmless")
    write_manifest(folder)
    with pytest.raises(PackInvalid, match="pickle"):
        load_pack(folder)


@pytest.mark.parametrize("head", [b"\x80\x04\x95\x00\x00", b"PK\x03\x04 torch zip"])
@pytest.mark.parametrize("name", ["vae/config.json", "vae/model.safetensors"])
def test_a_pickle_under_another_name_is_refused(folder: Path, name: str, head: bytes) -> None:
    (folder / name).write_bytes(head + bytes(40))
    write_manifest(folder)
    with pytest.raises(PackInvalid, match=r"pickle|not a safetensors"):
        load_pack(folder)


def test_code_is_no_part_of_a_pack(folder: Path) -> None:
    (folder / "vae" / "modeling.py").write_text("print('hello')")
    write_manifest(folder)
    with pytest.raises(PackInvalid, match="kind"):
        load_pack(folder)


@pytest.mark.parametrize(
    "path", ["../secret.json", "/etc/hosts", "vae/../x.json", "a\\b.json", "./x"]
)
def test_a_path_that_leaves_the_folder_is_refused(folder: Path, path: str) -> None:
    line = f"{json.dumps(path)} = {json.dumps('0' * 64)}\n"
    (folder / "pack.toml").write_text(MANIFEST.format(guidance=1.0) + line)
    with pytest.raises(PackInvalid, match="not a plain path"):
        load_pack(folder)


def test_a_symbolic_link_is_refused_as_file_and_as_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "model_index.json").rename(folder / "real.txt")
    (folder / "model_index.json").symlink_to("real.txt")
    with pytest.raises(PackInvalid, match="symbolic link"):
        load_pack(folder)
    (folder / "model_index.json").unlink()
    (folder / "real.txt").rename(folder / "model_index.json")
    (folder / "vae").rename(folder / "elsewhere")
    (folder / "vae").symlink_to("elsewhere")
    with pytest.raises(PackInvalid, match="symbolic link"):
        load_pack(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[limits]", "surprise = 1\n[limits]", "references.crop.surprise"),
        ("steps = 3", "steps = 0", "render.steps"),
        ('default_aspect_ratio = "3:4"', 'default_aspect_ratio = "9:9"', "default_aspect_ratio"),
        ('commercial = "yes"', 'commercial = "perhaps"', "commercial"),
        ("[render]", "[render", "not readable TOML"),
    ],
)
def test_a_wrong_manifest_says_where(folder: Path, old: str, new: str, message: str) -> None:
    text = (folder / "pack.toml").read_text()
    (folder / "pack.toml").write_text(text.replace(old, new))
    with pytest.raises(PackInvalid) as refused:
        load_pack(folder)
    assert message in refused.value.detail


def test_a_folder_without_a_manifest_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(PackInvalid, match=r"no pack\.toml"):
        load_pack(tmp_path)


@pytest.mark.parametrize("commercial", ["no", "revenue_limit"])
def test_a_pack_says_what_its_licences_allow_without_its_weights(
    folder: Path, commercial: str
) -> None:
    manifest = folder / "pack.toml"
    whole = outline(folder)
    asked = manifest.read_text().replace('commercial = "yes"', f'commercial = "{commercial}"')
    manifest.write_text(asked)
    (folder / "vae" / "model.safetensors").unlink()
    (licence,) = outline(folder).licences
    assert (licence.spdx, licence.covers, licence.commercial) == (
        *("Apache-2.0", "weights"),
        commercial,
    )
    assert licence.text_sha256 != whole.licences[0].text_sha256
    assert outline(folder).digest == whole.digest


def test_a_licence_text_that_is_missing_is_told(folder: Path) -> None:
    manifest = folder / "pack.toml"
    with_file = manifest.read_text().replace(
        'covers = "weights"', 'covers = "weights"\nfile = "LICENCE.txt"'
    )
    manifest.write_text(with_file)
    with pytest.raises(PackInvalid, match=r"LICENCE\.txt"):
        outline(folder)

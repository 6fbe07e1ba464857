"""The shipped texts are complete, and every word that people tick is hashed."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from compliance.guidelines import load_guidelines
from compliance.terms import STANDARD_VOCABULARY
from tests.homes import guidelines, plans
from workspace.errors import Fault
from workspace.plans import load_plans

SHIPPED = Path(__file__).parents[1] / "configs" / "guidelines"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "guidelines")
    return tmp_path / "guidelines"


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "2026-11.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_page_advises_on_framing_lighting_and_angles_of_both_photos() -> None:
    shipped = guidelines()
    assert shipped.title == "Adding Model Guidelines"
    assert [photo.kind for photo in shipped.photos] == ["full_body", "close_up"]
    for photo in shipped.photos:
        assert {"framing", "lighting", "angles"} <= {topic.topic for topic in photo.topics}
        for topic in photo.topics:
            assert topic.text and topic.good and topic.bad


def test_there_are_six_boxes_and_each_is_hashed_by_its_words() -> None:
    boxes = guidelines().attestations
    assert len({box.id for box in boxes}) == 6
    for box in boxes:
        assert box.sha256 == hashlib.sha256(box.text.encode()).hexdigest()


def test_a_changed_word_changes_its_hash_and_that_of_the_page(folder: Path) -> None:
    before = load_guidelines(folder)
    edit(folder, "The person is an adult", "The person is a grown-up")
    after = load_guidelines(folder)
    changed = [
        old.id
        for old, new in zip(before.attestations, after.attestations, strict=True)
        if old.sha256 != new.sha256
    ]
    assert changed == ["adult"]
    assert before.sha256 != after.sha256


def test_the_newest_version_is_in_force(folder: Path) -> None:
    text = (folder / "2026-11.toml").read_text()
    (folder / "2027-02.toml").write_text(text.replace('"2026-11"', '"2027-02"'))
    (folder / "draft.toml").write_text("not a version")
    assert load_guidelines(folder).version == "2027-02"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version = "2026-11"', 'version = "2026-12"'),
        ('topic = "lighting"', 'topic = "mood"'),
        ('kind = "close_up"', 'kind = "profile"'),
        ('id = "adult"', 'id = "written_consent"'),
        ('id = "adult"\n', ""),
        ("[[attestations]]", "[[boxes]]"),
        ('paid_ads = "Paid advertising"', 'everything = "All"'),
        ('title = "Adding Model Guidelines"', 'title = ""'),
        ('title = "Adding Model Guidelines"', "title = "),
    ],
)
def test_incomplete_guidelines_are_refused_at_start(folder: Path, old: str, new: str) -> None:
    edit(folder, old, new)
    with pytest.raises(Fault):
        load_guidelines(folder)


def test_no_guidelines_at_all_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Fault):
        load_guidelines(tmp_path)


def test_an_installation_may_leave_words_out(folder: Path) -> None:
    edit(folder, 'paid_ads = "Paid advertising"\n', "")
    assert "paid_ads" not in load_guidelines(folder).vocabulary.purposes
    assert "paid_ads" in guidelines().vocabulary.purposes


def test_the_shipped_vocabulary_is_the_whole_one() -> None:
    assert set(guidelines().vocabulary.purposes) == set(STANDARD_VOCABULARY.purposes)
    assert set(guidelines().vocabulary.channels) == set(STANDARD_VOCABULARY.channels)


def test_everything_can_be_shown_as_json() -> None:
    shown = guidelines().as_json()
    assert shown["version"] == "2026-11"
    assert shown["photos"][0]["topics"][0]["good"]
    assert {"id": "lookbook", "label": "Lookbooks and catalogues"} in shown["purposes"]


def test_custom_models_need_pro_or_enterprise() -> None:
    assert {name: plan.custom_models for name, plan in plans().items()} == {
        "starter": False,
        "pro": True,
        "enterprise": True,
    }
    assert plans()["pro"].max_models < plans()["enterprise"].max_models


@pytest.mark.parametrize(
    "text",
    [
        "[pro]\ncustom_models = true",
        "[pro]\ncustom_models = 1\nmax_models = 1\nmax_products = 1\nmax_images_per_day = 1\n"
        "max_queued = 1\nmax_requests_per_minute = 1\nmax_caller_requests_per_minute = 1",
        "[pro]\ncustom_models = true\nmax_models = -1\nmax_products = 1\nmax_images_per_day = 1\n"
        "max_queued = 1\nmax_requests_per_minute = 1\nmax_caller_requests_per_minute = 1",
        "[pro]\ncustom_models = true\nmax_models = 1\nmax_products = 1\nmax_images_per_day = 1\n"
        "max_queued = 1\nmax_requests_per_minute = 0\nmax_caller_requests_per_minute = 1",
        "pro = 1",
        "[pro",
    ],
)
def test_plans_that_make_no_sense_are_refused_at_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plans.toml"
    path.write_text(text)
    with pytest.raises(Fault):
        load_plans(path)


def test_missing_plans_are_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Fault):
        load_plans(tmp_path / "plans.toml")


def test_every_topic_but_the_file_shows_a_good_and_a_bad_example_of_each_photo() -> None:
    shown = guidelines().examples
    assert len(shown) <= 16
    for photo in ("full_body", "close_up"):
        for topic in ("framing", "lighting", "angles"):
            kinds = {each.good for each in shown if (each.photo, each.topic) == (photo, topic)}
            assert kinds == {True, False}, (photo, topic)
    for each in shown:
        assert each.alt and each.alt != each.text and len(each.content) <= 12_000, each.name


def test_an_example_changes_nothing_that_was_ticked(folder: Path) -> None:
    before = load_guidelines(folder)
    index = folder / "pictures" / "pictures.toml"
    index.write_text(index.read_text().replace("Too dark", "Dark"))
    assert load_guidelines(folder).sha256 == before.sha256
    shutil.rmtree(folder / "pictures")
    assert load_guidelines(folder).examples == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('file = "full_light_dark"', 'file = "../full_light_dark"'),
        ('file = "full_light_dark"', 'file = "missing"'),
        ('file = "full_light_dark"', 'file = "full_light_good"'),
        ('text = "Too dark"', 'text = ""'),
        ('topic = "angles"', 'topic = "mood"'),
        ("good = false", 'good = "no"'),
    ],
)
def test_an_incomplete_example_is_refused(folder: Path, old: str, new: str) -> None:
    index = folder / "pictures" / "pictures.toml"
    assert old in index.read_text()
    index.write_text(index.read_text().replace(old, new, 1))
    with pytest.raises(Fault):
        load_guidelines(folder)

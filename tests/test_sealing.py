"""Seals open only with the same key, at the same place, and whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.homes import quick
from workspace import sealing
from workspace.errors import SealBroken

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


@quick
@given(st.binary(max_size=200), st.text(max_size=40))
def test_opening_gives_back_what_was_sealed(plaintext: bytes, place: str) -> None:
    assert sealing.open_(KEY, sealing.seal(KEY, plaintext, place), place) == plaintext


@quick
@given(st.binary(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_a_seal_does_not_open_at_another_place(plaintext: bytes, place: str, other: str) -> None:
    sealed = sealing.seal(KEY, plaintext, place)
    if place != other:
        with pytest.raises(SealBroken):
            sealing.open_(KEY, sealed, other)


@quick
@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_flipped_bit_is_detected(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(sealing.seal(KEY, plaintext, "here"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        sealing.open_(KEY, bytes(sealed), "here")


def test_every_cut_is_detected() -> None:
    sealed = sealing.seal(KEY, b"a photo", "here")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            sealing.open_(KEY, sealed[:length], "here")
    with pytest.raises(SealBroken):
        sealing.open_(KEY, sealed + b"\x00", "here")


def test_another_key_does_not_open() -> None:
    with pytest.raises(SealBroken):
        sealing.open_(OTHER, sealing.seal(KEY, b"secret", "here"), "here")


def test_sealing_twice_gives_different_bytes_and_never_the_clear_ones() -> None:
    first, second = (sealing.seal(KEY, b"clear words", "here") for _ in range(2))
    assert first != second
    assert b"clear words" not in first + second


def test_overhead_is_what_it_says() -> None:
    assert len(sealing.seal(KEY, b"12345", "here")) == 5 + sealing.SEAL_OVERHEAD_BYTES


def test_derived_keys_differ_by_key_label_and_info() -> None:
    keys = {
        sealing.derive(KEY, "rows"),
        sealing.derive(OTHER, "rows"),
        sealing.derive(KEY, "files"),
        sealing.derive(KEY, "rows", "ws_1"),
        sealing.derive(KEY, "rowsws_1"),
    }
    assert len(keys) == 5
    assert all(len(key) == sealing.KEY_BYTES for key in keys)


def test_derivation_never_changes_between_versions() -> None:
    # What is at rest was sealed with keys like this one: a change here locks everybody out.
    assert sealing.derive(KEY, "label", "info").hex() == (
        "88150d4423be96dad9d0c9d9043b1e1a035580e90b54d5c770e6a9a1cffd8ac9"
    )


def test_a_seal_of_the_first_version_still_opens() -> None:
    assert (
        sealing.open_(
            KEY,
            bytes.fromhex("0161acc9412f661a0e8a173163e1db028ad7db54c4b4cc3cb1f254c3bfe5f012"),
            "here",
        )
        == b"old"
    )


def test_a_keyed_hash_depends_on_key_and_value() -> None:
    hashes = {
        sealing.keyed_hash(KEY, "Ada"),
        sealing.keyed_hash(KEY, "Eve"),
        sealing.keyed_hash(OTHER, "Ada"),
    }
    assert len(hashes) == 3
    assert sealing.same(sealing.keyed_hash(KEY, "Ada"), sealing.keyed_hash(KEY, "Ada"))


def test_only_the_recipient_opens_a_message() -> None:
    replica, eavesdropper = sealing.Recipient(), sealing.Recipient()
    sealed = sealing.seal_to(replica.public, b"reference photos", "render")
    assert replica.open(sealed, "render") == b"reference photos"
    assert b"reference" not in sealed
    for recipient, label in ((eavesdropper, "render"), (replica, "result")):
        with pytest.raises(SealBroken):
            recipient.open(sealed, label)


@quick
@given(st.binary(max_size=80))
def test_a_recipient_refuses_any_other_bytes(junk: bytes) -> None:
    with pytest.raises(SealBroken):
        sealing.Recipient().open(junk, "render")


def test_a_changed_message_does_not_open() -> None:
    replica = sealing.Recipient()
    sealed = sealing.seal_to(replica.public, b"photo", "render")
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(SealBroken):
            replica.open(bytes(changed), "render")


@pytest.mark.parametrize("public", [b"", b"short", bytes(32)])
def test_sealing_to_no_public_key_fails(public: bytes) -> None:
    with pytest.raises(SealBroken):
        sealing.seal_to(public, b"photo", "render")

"""The identity replica: face encoder and nudity classifier, in a process without keys or stores.

A plain class; `serve.app` makes a deployment of it. Images and answers are sealed on their way,
and nothing is kept between two calls. Both networks share a process, because a second one would
load the same libraries once more (docs/adr/0012-nudity.md).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from identity.encoder import InsightFaceEncoder
from serve.deployments import payloads
from serve.deployments.loopback import keep_to_loopback
from serve.deployments.priority import stand_back
from serve.deployments.safety import OpenNsfw
from workspace.errors import SealBroken
from workspace.machine import Running, this_process
from workspace.sealing import Recipient, seal_to


class IdentityReplica:
    """One loaded face pack in one process."""

    def __init__(self, face_pack_folder: str, threads: int, niceness: int = 0) -> None:
        keep_to_loopback()
        stand_back(niceness)
        self._encoder = InsightFaceEncoder(Path(face_pack_folder), threads)
        self._device = f"cpu, {threads} threads"
        self._classifier = OpenNsfw(threads)
        self._recipient = Recipient()

    async def introduce(self) -> tuple[str, bytes]:
        """Say which encoder this is, and the public key that images are sealed to."""
        return self._encoder.encoder_id, self._recipient.public

    async def report(self, name: str) -> Running:
        """Say how this process fares; nothing of what it looks at."""
        return this_process("identity", name, self._encoder.encoder_id, self._device)

    async def detect(self, sealed_image: bytes, reply_to: bytes) -> bytes:
        """Find faces, largest first; the answer is sealed to `reply_to`.

        Raises:
            SealBroken: the image is sealed to another process, perhaps the one before this.
        """
        return await asyncio.to_thread(self._detect, sealed_image, reply_to)

    async def embed(self, sealed_image: bytes, reply_to: bytes) -> bytes:
        """Turn one face into its vector; the answer is sealed to `reply_to`.

        Raises:
            SealBroken: the image is sealed to another process, perhaps the one before this.
        """
        return await asyncio.to_thread(self._embed, sealed_image, reply_to)

    async def nudity(self, sealed_image: bytes, reply_to: bytes) -> bytes:
        """Say how likely a picture shows nudity; the answer is sealed to `reply_to`.

        Raises:
            SealBroken: the image is sealed to another process, perhaps the one before this.
        """
        return await asyncio.to_thread(self._nudity, sealed_image, reply_to)

    def _nudity(self, sealed_image: bytes, reply_to: bytes) -> bytes:
        plain = self._recipient.open(sealed_image, payloads.JUDGED_IMAGE)
        _, (image,) = payloads.unpack(plain)
        answer = payloads.pack({"nudity": self._classifier.nudity(image)})
        return seal_to(reply_to, answer, payloads.JUDGEMENT)

    def _detect(self, sealed_image: bytes, reply_to: bytes) -> bytes:
        plain = self._recipient.open(sealed_image, payloads.FACE_IMAGE)
        _, (image,) = payloads.unpack(plain)
        faces = [payloads.face_to_json(face) for face in self._encoder.detect(image)]
        return seal_to(reply_to, payloads.pack({"faces": faces}), payloads.FACES)

    def _embed(self, sealed_image: bytes, reply_to: bytes) -> bytes:
        plain = self._recipient.open(sealed_image, payloads.FACE_IMAGE)
        header, (image,) = payloads.unpack(plain)
        if "face" not in header:
            raise SealBroken("A message between two parts of the service is damaged.")
        embedding = self._encoder.embed(image, payloads.face_from_json(header["face"]))
        return seal_to(reply_to, payloads.pack_embedding(embedding), payloads.EMBEDDING)

"""The same routes over the real mannequin pack: a seed gives one picture, whatever its batch."""

from __future__ import annotations

from pathlib import Path

from identity.encoder import InsightFaceEncoder
from identity.photos import decode
from serve.deployments.diffusion import LocalDiffusion
from serve.line.products import STORED
from tests.alike import drawn_alike
from tests.service import open_service
from workspace.types import RGB


def test_a_seed_gives_the_same_picture_alone_and_in_a_batch(
    home: Path, mannequin: Path, encoder: InsightFaceEncoder
) -> None:
    pictures: list[RGB] = []
    diffusion = LocalDiffusion(mannequin, threads=2)
    for seed, n in ((7, 1), (5, 4)):
        with open_service(home, encoder, diffusion=diffusion) as service:
            done = service.generate(
                tool="editorial",
                prompt="$product, half body, in a park",
                product_ids=[service.product("red-tee")],
                seed=seed,
                n=n,
            )
            wanted = [image for image in done["images"] if image["seed"] == 7]
            file = service.client.get(wanted[0]["url"]).content
            pictures.append(decode(file, STORED))
    assert drawn_alike(*pictures)

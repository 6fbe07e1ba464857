"""One file per pipeline family; `load_family` imports the chosen one and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workspace.errors import PackInvalid

if TYPE_CHECKING:
    from serve.deployments.families.flux2_klein import Flux2Klein
    from serve.deployments.packs import Pack

FAMILIES = ("flux2_klein",)


def load_family(pack: Pack, threads: int) -> Flux2Klein:
    """Load the networks of a verified pack.

    Args:
        pack: What to load.
        threads: CPU threads for torch in this process.

    Raises:
        PackInvalid: this version does not know the pack's family, or the weights don't fit it.
    """
    if pack.manifest.family == "flux2_klein":
        from serve.deployments.families.flux2_klein import Flux2Klein

        return Flux2Klein.load(pack, threads)
    known = ", ".join(FAMILIES)
    raise PackInvalid(
        f"The pack is of family {pack.manifest.family}; this version knows {known}. Update it."
    )

"""The composition root: settings in, objects and the Ray application out.

    build_services  registry, plans, texts, limits and the two ports -> what the routes work with
    build_site      the HTTP API with the console mounted at /console
    build_ray_app   gateway, diffusion replicas and identity replica as Ray Serve deployments

The gateway is one replica: it is the only writer of the stores. Each diffusion replica is a
deployment of its own, so that jobs can be sealed to the very process that draws them
(docs/adr/0003-replica-transport.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI

from compliance import licences
from compliance.content import load_rules
from compliance.guidelines import load_guidelines
from compliance.marks.labels import load_labels
from compliance.own_photos import load_own_photos
from compliance.provenance import load_provenance
from compliance.retention import load_retention
from compliance.safety import load_safety
from compliance.synthetic import load_synthetic
from identity.cast import Cast, load_cast
from identity.limits import load_limits
from serve.callers.ways_in import load_ways_in
from serve.deployments.packs import outline, read_manifest
from serve.services import Services, make_services
from serve.settings import PROJECT, Settings
from serve.unsealing import open_source
from serve.web import build_app
from workspace.plans import load_plans
from workspace.ports import Diffusion, FaceEncoder, Fleet, Safety
from workspace.registry import Registry
from workspace.unseal import KeySource

APPLICATION = "housemodel"
CONSOLE_PATH = "/console"
STALL_LEASES = 3  # a render that is silent for so many leases hangs: its process is started anew


def build_services(
    settings: Settings,
    diffusion: Diffusion,
    encoder: FaceEncoder,
    safety: Safety,
    fleet: Fleet | None = None,
    source: KeySource | None = None,
) -> Services:
    """Open the home and wire the service; nothing is started yet.

    Args:
        source: Gives the root key; None: found as the settings say.

    Raises:
        Locked: the root key is missing.
        Fault: a table in the configs folder is not complete.
        MarkingFailed: the certificate of the marks can't sign.
        LicenceNotAcknowledged: nobody answered for the licence of the pack.
        PackInvalid: the pack has no manifest that is understood.
    """
    configs = settings.configs_folder
    registry = Registry(settings.home, source or open_source(settings), settings.tombstones)
    try:
        licences.require(registry, outline(settings.pack_folder))
    except BaseException:
        registry.close()
        raise
    return make_services(
        registry,
        load_plans(configs / "plans.toml"),
        load_guidelines(configs / "guidelines"),
        load_limits(configs / "quality.toml"),
        diffusion,
        encoder,
        safety,
        provenance=load_provenance(configs / "provenance.toml"),
        labels=load_labels(configs / "labels"),
        retention=load_retention(configs / "retention.toml"),
        safety_limits=load_safety(configs / "safety.toml"),
        content=load_rules(configs / "content"),
        fleet=fleet,
        pack_shelves=(settings.home / "packs", PROJECT / "packs"),
        own_photos=load_own_photos(configs / "own_photos.toml"),
        scratch=load_synthetic(configs / "guidelines" / "synthetic"),
        cast=_cast_of(settings.pack_folder),
        ways_in=load_ways_in(configs / "sign_in.toml", settings.public_url),
        max_upload_mib=settings.max_upload_mib,
        session_hours=settings.session_hours,
        max_waiting=settings.max_waiting,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
        workers=settings.replicas,
    )


def _cast_of(pack_folder: Path) -> Cast | None:
    """The fictional people who come with the pack, if it has a cast."""
    manifest = read_manifest(pack_folder)
    if manifest.people is None or manifest.people.table is None:
        return None
    return load_cast(manifest.name, pack_folder, manifest.people.table, manifest.files)


def build_site(services: Services) -> FastAPI:
    """Make the whole web application: API, sign-in and console."""
    from console.app import in_process, mount_console

    app = build_app(services)
    mount_console(app, in_process(app), path=CONSOLE_PATH)
    return app


def build_ray_app(settings: Settings) -> Any:
    """Describe the Ray Serve application; `ray_serve.run` starts it."""
    from ray import serve as ray_serve

    from serve.deployments.identity import IdentityReplica
    from serve.deployments.replica import DiffusionReplica
    from serve.gateway import Gateway

    def deployment(replica: type, name: str, **options: Any) -> Any:
        # Logical CPUs are not counted: threads are set per replica, and one machine is enough.
        return ray_serve.deployment(replica, name=name).options(
            num_replicas=1,
            ray_actor_options={"num_cpus": 0},
            health_check_period_s=5,
            graceful_shutdown_timeout_s=5,
            **options,
        )

    diffusion = [
        deployment(DiffusionReplica, f"diffusion-{number}", max_ongoing_requests=8).bind(
            str(settings.pack_folder),
            settings.torch_threads,
            float(STALL_LEASES * settings.lease_seconds),
            settings.niceness,
        )
        for number in range(settings.replicas)
    ]
    identity = deployment(IdentityReplica, "identity", max_ongoing_requests=8).bind(
        str(settings.face_pack_folder), settings.face_threads, settings.niceness
    )
    return deployment(Gateway, "gateway", max_ongoing_requests=8).bind(
        settings, identity, *diffusion
    )

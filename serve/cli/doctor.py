"""`housemodel doctor`: what is in force, and whether every stored byte still opens."""

from __future__ import annotations

import argparse
import json
import shutil
from typing import Any

from compliance import audit
from compliance.content import load_rules
from compliance.safety import load_safety
from serve.cli.common import add_home, add_json, command, open_marks, show
from serve.settings import Settings, load_settings
from serve.unsealing import open_registry, source_of
from workspace.errors import HousemodelError, Locked
from workspace.registry import Registry
from workspace.store import StoreReport
from workspace.types import WorkspaceId

FREE_GIB = 2  # below this, pictures and logs soon find no room


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "doctor",
        "print the settings in force, secrets hidden, and verify packs, stores and audit logs",
        "housemodel doctor --json",
    )
    add_home(parser)
    add_json(parser)
    parser.add_argument(
        "--accept",
        action="store_true",
        help="report for the last time that files were changed while they were closed",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    settings = load_settings(home=args.home)
    parts = [_faces(settings), _safety(settings), _pack(settings), _disk(settings)]
    findings = [*parts, _keys(settings), *_stores(settings, args.accept)]
    good = all(f["ok"] for f in findings)
    shown = json.loads(settings.model_dump_json())
    lines = [f"{name} = {value}" for name, value in shown.items()]
    lines += [f"{'ok  ' if f['ok'] else 'BAD '} {f['what']}: {f['detail']}" for f in findings]
    lines.append("All is well." if good else "Something needs attention: see the BAD lines.")
    show(args, {"settings": shown, "findings": findings, "ok": good}, lines)
    return 0 if good else 1


def _finding(what: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"what": what, "ok": ok, "detail": detail}


def _faces(settings: Settings) -> dict[str, Any]:
    ok = (settings.face_pack_folder / "manifest.json").is_file()
    return _finding("face pack", ok, "present" if ok else "missing; run `make setup`")


def _safety(settings: Settings) -> dict[str, Any]:
    """The classifier's weights, its thresholds and the word lists of the prompt rules."""
    from serve.deployments import safety  # reads one file, loads no network

    try:
        safety.read_weights()
        limits = load_safety(settings.configs_folder / "safety.toml")
        rules = load_rules(settings.configs_folder / "content")
    except HousemodelError as error:
        return _finding("safety", False, error.detail or error.title)
    words = f"refused from {limits.upload} (uploads) and {limits.result} (results) on"
    return _finding("safety", True, f"{words}; {rules.version}")


def _pack(settings: Settings) -> dict[str, Any]:
    from serve.deployments.packs import load_pack  # reads digests, loads no network

    try:
        pack = load_pack(settings.pack_folder)
    except HousemodelError as error:
        return _finding("pack", False, error.detail or error.title)
    return _finding("pack", True, f"{pack.manifest.name} {pack.manifest.version}, digests match")


def _disk(settings: Settings) -> dict[str, Any]:
    where = settings.home if settings.home.is_dir() else settings.home.parent
    free = shutil.disk_usage(where).free / 2**30
    return _finding("disk", free >= FREE_GIB, f"{free:.1f} GiB free")


def _keys(settings: Settings) -> dict[str, Any]:
    """How the root key is come by, and whether a rotation was cut off."""
    path = source_of(settings).how.path
    left = path.with_name(f"{path.name}.next").exists()
    words = f"the root key is unsealed by {settings.unseal}"
    cut = "a rotation was cut off; run `housemodel rotate-keys` again"
    return _finding("keys", not left, f"{words}; {cut}" if left else words)


def _stores(settings: Settings, accept: bool) -> list[dict[str, Any]]:
    if not settings.home.is_dir():
        return [_finding("home", True, "nothing there yet; `housemodel up` makes it")]
    try:
        registry = open_registry(settings)
    except HousemodelError as error:
        return [_finding("home", False, f"{error.title}. {error.detail} {error.remedy}")]
    control = registry.verify()
    findings = [_finding("control store", control.intact, _opened(control))]
    if registry.was_open:
        names = ", ".join(registry.was_open)
        findings.append(_finding("rights", False, f"open to others, closed now: {names}"))
    findings.append(_marks(settings, registry))
    findings.append(_tombstones(registry))
    for workspace_id in registry.ids():
        findings += _workspace(registry, workspace_id)
    if accept:
        registry.accept_changes()
    registry.close()
    return findings


def _tombstones(registry: Registry) -> dict[str, Any]:
    """The register of the erased: without it, nobody can be erased."""
    try:
        registry.tombstones.check()
    except HousemodelError as error:
        return _finding("tombstones", False, error.detail or error.title)
    count = registry.tombstones.count()
    return _finding("tombstones", True, f"{count} erased; back the register up apart from the home")


def _marks(settings: Settings, registry: Registry) -> dict[str, Any]:
    try:
        marker = open_marks(settings, registry)
    except HousemodelError as error:
        return _finding("marks", False, error.detail or error.title)
    until = f"{marker.expires_at:%Y-%m-%d}"
    return _finding("marks", True, f"{marker.certificate} certificate signs until {until}")


def _workspace(registry: Registry, workspace_id: WorkspaceId) -> list[dict[str, Any]]:
    try:
        store = registry.store(workspace_id)
        report, chain = store.verify(), audit.verify(store)
    except Locked:
        return [_finding(f"workspace {workspace_id}", True, "locked, not looked into")]
    except HousemodelError as error:
        return [_finding(f"workspace {workspace_id}", False, error.detail or error.title)]
    broken = "" if chain.intact else f", broken at entry {chain.first_broken}"
    return [
        _finding(f"workspace {workspace_id} store", report.intact, _opened(report)),
        _finding(
            f"workspace {workspace_id} audit log", chain.intact, f"{chain.entries} entries{broken}"
        ),
    ]


def _opened(report: StoreReport) -> str:
    if report.damaged:
        return f"damaged: {', '.join(report.damaged)}; restore them from a backup"
    return f"{report.rows} rows and {report.assets} assets open"

"""Fixtures that the default, browser and cluster tests share come from `tests.line`."""

pytest_plugins = ["tests.line"]

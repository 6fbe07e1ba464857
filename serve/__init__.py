"""The service: HTTP API, queue, pipeline, and the `housemodel` command."""

VERSION = "0.1.0"  # of the product; OpenAPI document and marks carry it

"""The service: HTTP API, queue, pipeline, and the `housemodel` command."""

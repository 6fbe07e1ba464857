"""The admin console: Gradio pages that speak to the service only through its HTTP API."""

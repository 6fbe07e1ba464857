"""What the steps of the pipeline are made of; `serve/pipeline.py` puts them in order."""

"""One file per command group; each adds its parser and runs one core verb."""

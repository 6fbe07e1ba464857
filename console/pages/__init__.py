"""One module per page; each has `build(frame)` and small functions that turn answers into HTML."""

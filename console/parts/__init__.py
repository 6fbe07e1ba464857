"""Pieces that several pages share: cards, problems, progress, photo controls."""

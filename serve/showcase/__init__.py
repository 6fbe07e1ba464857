"""The sample people and the real job done once with them: demo workspace and `housemodel demo`."""

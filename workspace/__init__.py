"""What a workspace is and how its bytes are kept: the bottom layer."""

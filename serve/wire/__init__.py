"""What is sent and what comes: the JSON, the forms, the pages of a list."""

"""The person behind a custom model: their link, their page, their account, their copy."""

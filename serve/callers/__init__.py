"""Who asks, and what they may: keys, people, roles, sessions, throttles."""

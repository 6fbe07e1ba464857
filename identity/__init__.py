"""Who is depicted: photos, their quality, face vectors, enrolment and the sealed likeness."""
